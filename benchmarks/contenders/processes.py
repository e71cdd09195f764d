"""Contenders in processes of their own, taking turns."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from workers.networks import Network

WORKERS = Path(__file__).resolve().parents[1] / "workers"
# Seconds that one turn of a contender should take.
TURN = 0.5
# Where many networks are timed.
SHORT_TURN = 0.1
# Two implementations that sum some thousand products in different orders; bfloat16 rounds factors
# by 2⁻⁸ besides, in several layers.
TOLERANCES = {"float32": (1e-3, 1e-5), "bfloat16": (2**-4, 2**-4)}
# What a worker imports that may not be installed.
NEEDS = {
    "torch_worker.py": "torch",
    "keras_worker.py": "tensorflow",
    "jax_worker.py": "jax",
}
# How each library is kept to an instruction set.
ISAS: Mapping[str, Mapping[str, str]] = {
    "native": {},
    "avx2": {
        "KERNELET_ISA": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
    },
}


@dataclass(frozen=True)
class Conditions:
    """What contenders are compared under."""

    batch_size: int
    threads: int = 2
    rounds: int = 9
    isa: str = "native"


@dataclass
class Runner:
    """A contender's process and what it has reported."""

    name: str
    setting: str
    process: subprocess.Popen[str]
    messages: IO[str]
    times: int = 1
    milliseconds: list[float] = field(default_factory=list)
    peak: int = 0

    def _ask(self, **request: object) -> tuple[float, list[float]]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.messages.seek(0)
            raise RuntimeError(f"{self.name} ended before it answered:\n{self.messages.read()}")
        answer = json.loads(line)
        self.peak = answer["peak"]
        return answer["seconds"], answer["numbers"]

    def load(self, task: Mapping[str, object]) -> None:
        """Give the contender a network and data, in place of those it had."""
        self._ask(load={**task, "setting": self.setting})
        self.times, self.milliseconds = 1, []

    def run(self, times: int) -> tuple[float, list[float]]:
        """Let the contender work some times; return seconds and the numbers that came out."""
        return self._ask(run=times)

    def weights(self) -> list[NDArray[np.float32]]:
        """Return what training has made of the contender's weights."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "weights.npz"
            self._ask(weights=str(path))
            with np.load(path, allow_pickle=False) as data:
                return [data[f"arr_{k}"] for k in range(len(data.files))]

    def warm_up(self, turn: float = TURN) -> None:
        """Run until caches and compilers are warm, and choose how often makes a turn."""
        for _ in range(3):
            self._ask(restart=True)
            seconds, _ = self.run(self.times)
            self.times = max(1, round(self.times * turn / max(seconds, 1e-4)))

    def turn(self) -> None:
        """Run one counted turn, from the first weights on."""
        self._ask(restart=True)
        seconds, _ = self.run(self.times)
        self.milliseconds.append(seconds / self.times * 1e3)

    def end(self) -> None:
        """Let the process end."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.messages.close()


@contextmanager
def on_processors(count: int) -> Iterator[None]:
    """Let processes started meanwhile have so many processors, whatever their libraries think."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def start(name: str, script: str, setting: str, conditions: Conditions) -> Runner:
    """Start a contender."""
    # Libraries chat on standard error; it matters where they fail.
    messages = tempfile.TemporaryFile("w+")  # noqa: SIM115 (open for as long as the process)
    with on_processors(conditions.threads):
        process = subprocess.Popen(
            [sys.executable, str(WORKERS / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            env={**os.environ, **ISAS[conditions.isa]},
        )
    return Runner(name, setting, process, messages)


def installed(contenders: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Leave out, with a message, contenders whose library is not there."""
    missing = {n for n in NEEDS.values() if importlib.util.find_spec(n) is None}
    left = {name: c for name, c in contenders.items() if NEEDS.get(c[0]) not in missing}
    if len(left) < len(contenders):
        names = ", ".join(name for name in contenders if name not in left)
        print(f"Left out: {names}. make .venv/stamps/bench-all installs them.", flush=True)
    return left


@contextmanager
def start_all(
    contenders: Mapping[str, tuple[str, str]], conditions: Conditions
) -> Iterator[list[Runner]]:
    """Start contenders, given by name as script and setting."""
    runners = [
        start(name, script, setting, conditions) for name, (script, setting) in contenders.items()
    ]
    try:
        yield runners
    finally:
        for runner in runners:
            runner.end()


def load_all(
    runners: Sequence[Runner],
    network: Network,
    conditions: Conditions,
    weights: Sequence[NDArray[np.float32]],
    data: Mapping[str, NDArray[np.generic]],
) -> None:
    """Give contenders a network with the same weights and data."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        arrays = {**data, **{f"weight{k}": w for k, w in enumerate(weights)}}
        np.savez(path, allow_pickle=False, **arrays)
        for runner in runners:
            runner.load(
                {
                    "network": network.to_json(),
                    "batch_size": conditions.batch_size,
                    "threads": conditions.threads,
                    "data": str(path),
                    "weights": len(weights),
                }
            )


def take_turns(runners: Sequence[Runner], rounds: int, turn: float = TURN) -> None:
    """Let contenders take counted turns once they are warm."""
    for runner in runners:
        runner.warm_up(turn)
    for _ in range(rounds):
        for runner in runners:
            runner.turn()


def ratio(runner: Runner, ours: Runner) -> float:
    """Return the median of the ratios of the same round."""
    pairs = zip(runner.milliseconds, ours.milliseconds, strict=True)
    return statistics.median(theirs / our for theirs, our in pairs)


def report(runners: Sequence[Runner]) -> None:
    """Print a table; ratios are to the first contender."""
    for runner in runners:
        times = runner.milliseconds
        print(
            f"  {runner.name:26s} median {statistics.median(times):8.3f}"
            f"  min {min(times):8.3f}  max {max(times):8.3f}"
            f"  × {ratio(runner, runners[0]):6.2f}  peak {runner.peak / 1e6:6.0f} MB",
            flush=True,
        )
