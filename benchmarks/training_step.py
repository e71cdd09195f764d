"""One Adam training step in float32, side by side with PyTorch.

Every contender runs in a process of its own with the same initial weights, data and optimizer, and
they take turns, so that a change of the machine's speed meets all of them. Before any time counts,
the losses of the first steps are compared with the float64 reference.

    python benchmarks/training_step.py [--networks lenet5 small-vgg] [--threads 2] [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from workers import kernelet_worker  # noqa: E402
from workers.networks import NETWORKS  # noqa: E402

CONTENDERS = {
    "kernelet float32": ("kernelet_worker.py", "float32"),
    "PyTorch channels_last": ("torch_worker.py", "eager"),
    "PyTorch compiled": ("torch_worker.py", "compiled"),
}
BATCHES = 10
CHECKED_STEPS = 3
# Seconds that one turn of a contender should take.
TURN = 0.5


@dataclass
class Runner:
    """A contender's process and what it has reported."""

    name: str
    process: subprocess.Popen[str]
    steps: int = 1
    milliseconds: list[float] = field(default_factory=list)
    peak: int = 0

    def train(self, steps: int) -> tuple[float, list[float]]:
        """Let the contender do some steps; return seconds and losses."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended before it answered")
        answer = json.loads(line)
        self.peak = answer["peak"]
        return answer["seconds"], answer["losses"]

    def warm_up(self) -> None:
        """Run until caches and compilers are warm, and choose how many steps make a turn."""
        for _ in range(3):
            seconds, _ = self.train(self.steps)
            self.steps = max(1, round(self.steps * TURN / max(seconds, 1e-4)))
        self.train(self.steps)

    def turn(self) -> None:
        """Run one counted turn."""
        seconds, _ = self.train(self.steps)
        self.milliseconds.append(seconds / self.steps * 1e3)


def start(name: str, task: dict[str, object]) -> Runner:
    """Start a contender."""
    script, setting = CONTENDERS[name]
    process = subprocess.Popen(
        [sys.executable, str(HERE / "workers" / script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    process.stdin.write(json.dumps({**task, "setting": setting}) + "\n")
    process.stdin.flush()
    return Runner(name, process)


def compare(network: str, batch_size: int, threads: int, rounds: int) -> list[Runner]:
    """Time one network; return the contenders with their times."""
    shape = NETWORKS[network]
    generator = np.random.default_rng(1)
    count = BATCHES * batch_size
    pictures = (count, shape.height, shape.height, shape.channels)
    x = generator.standard_normal(pictures, np.float32)
    y = generator.integers(0, shape.classes, count, np.int32)
    weights = kernelet_worker.initial_weights(shape)
    expected = kernelet_worker.reference_losses(shape, weights, x, y, batch_size, CHECKED_STEPS)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, x=x, y=y, **{f"weight{k}": w for k, w in enumerate(weights)})
        task: dict[str, object] = {
            "data": str(data),
            "weights": len(weights),
            "network": network,
            "batch_size": batch_size,
            "threads": threads,
        }
        runners = [start(name, task) for name in CONTENDERS]
        for runner in runners:
            _, losses = runner.train(CHECKED_STEPS)
            error = np.abs(np.array(losses) / np.array(expected) - 1)
            print(f"  {runner.name}: losses within {error.max():.1e} of float64", flush=True)
            # The first loss shows the forward pass. Later ones have been through Adam, which
            # divides gradients near zero by themselves and so enlarges rounding.
            if error[0] > 1e-5 or error.max() > 5e-3:
                raise SystemExit(f"{runner.name} computes something else")
            runner.warm_up()
        for _ in range(rounds):
            for runner in runners:
                runner.turn()
        for runner in runners:
            assert runner.process.stdin
            runner.process.stdin.close()
            runner.process.wait()
    return runners


def report(network: str, batch_size: int, threads: int, runners: list[Runner]) -> None:
    """Print a table; ratios are of the times of the same round."""
    print(f"{network}, batch {batch_size}, {threads} threads, float32, ms a step")
    ours = runners[0].milliseconds
    for runner in runners:
        times = runner.milliseconds
        ratio = statistics.median(t / o for t, o in zip(times, ours, strict=True))
        print(
            f"  {runner.name:24s} median {statistics.median(times):8.3f}"
            f"  min {min(times):8.3f}  max {max(times):8.3f}"
            f"  × kernelet {ratio:6.2f}  peak {runner.peak / 1e6:6.0f} MB"
        )


def main() -> None:
    """Run the comparison named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[128])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for network in options.networks:
        for batch_size in options.batch_sizes:
            runners = compare(network, batch_size, options.threads, options.rounds)
            report(network, batch_size, options.threads, runners)


if __name__ == "__main__":
    main()
