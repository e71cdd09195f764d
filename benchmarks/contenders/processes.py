"""Contenders in processes of their own, taking turns."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.networks import NETWORKS

WORKERS = Path(__file__).resolve().parents[1] / "workers"
# Seconds that one turn of a contender should take.
TURN = 0.5


@dataclass
class Runner:
    """A contender's process and what it has reported."""

    name: str
    process: subprocess.Popen[str]
    times: int = 1
    milliseconds: list[float] = field(default_factory=list)
    peak: int = 0

    def run(self, times: int) -> tuple[float, list[float]]:
        """Let the contender work some times; return seconds and the numbers that came out."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended before it answered")
        answer = json.loads(line)
        self.peak = answer["peak"]
        return answer["seconds"], answer["numbers"]

    def warm_up(self) -> None:
        """Run until caches and compilers are warm, and choose how often makes a turn."""
        for _ in range(3):
            seconds, _ = self.run(self.times)
            self.times = max(1, round(self.times * TURN / max(seconds, 1e-4)))
        self.run(self.times)

    def turn(self) -> None:
        """Run one counted turn."""
        seconds, _ = self.run(self.times)
        self.milliseconds.append(seconds / self.times * 1e3)

    def end(self) -> None:
        """Let the process end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def start(name: str, script: str, task: Mapping[str, object]) -> Runner:
    """Start a contender."""
    process = subprocess.Popen(
        [sys.executable, str(WORKERS / script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps(task) + "\n")
    process.stdin.flush()
    return Runner(name, process)


@contextmanager
def start_all(
    contenders: Mapping[str, tuple[str, str]],
    task: Mapping[str, object],
    weights: Sequence[NDArray[np.float32]],
    data: Mapping[str, NDArray[np.generic]],
) -> Iterator[list[Runner]]:
    """Start contenders, given by name as script and setting, with the same weights and data."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **data, **{f"weight{k}": w for k, w in enumerate(weights)})
        common = {**task, "data": str(path), "weights": len(weights)}
        yield [
            start(name, script, {**common, "setting": setting})
            for name, (script, setting) in contenders.items()
        ]


def take_turns(runners: Sequence[Runner], rounds: int) -> None:
    """Let contenders take counted turns once they are warm, and end."""
    for runner in runners:
        runner.warm_up()
    for _ in range(rounds):
        for runner in runners:
            runner.turn()
    for runner in runners:
        runner.end()


def report(runners: Sequence[Runner]) -> None:
    """Print a table; ratios to the first contender are of the times of the same round."""
    ours = runners[0].milliseconds
    for runner in runners:
        times = runner.milliseconds
        ratio = statistics.median(t / o for t, o in zip(times, ours, strict=True))
        print(
            f"  {runner.name:24s} median {statistics.median(times):8.3f}"
            f"  min {min(times):8.3f}  max {max(times):8.3f}"
            f"  × kernelet {ratio:6.2f}  peak {runner.peak / 1e6:6.0f} MB",
            flush=True,
        )


def compare_all(
    description: str | None,
    compare: Callable[[str, int, int, int], list[Runner]],
    what: str,
    batch_sizes: Sequence[int],
    rounds: int,
) -> None:
    """Compare on the networks, batch sizes, threads and rounds named on the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=batch_sizes)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    for network in options.networks:
        for batch_size in options.batch_sizes:
            runners = compare(network, batch_size, options.threads, options.rounds)
            print(f"{network}, batch {batch_size}, {options.threads} threads, {what}")
            report(runners)
