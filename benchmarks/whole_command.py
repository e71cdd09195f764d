"""Whole commands, from the shell to a trained network on Fashion-MNIST.

Each is a process of its own that imports its library, reads the compressed files, shuffles and
trains on two threads, and measures the network on the 10,000 test pictures; kernelet also validates
after every epoch, keeps the best network and writes its report. The PyTorch script is
`workers/fashion_mnist_torch.py`.

    python benchmarks/whole_command.py [--rounds 2] [--threads 2] [--one-epoch]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parent / "workers" / "fashion_mnist_torch.py"
# Where Debian's dataset-fashion-mnist puts it.
FOLDER = Path("/usr/share/datasets/fashion-mnist")
KERNELET = [sys.executable, "-m", "kernelet", "train", str(FOLDER), "--json"]
TORCH = [sys.executable, str(SCRIPT), str(FOLDER)]

# Epochs are the fewest that reach 90 % on average over seeds; see log.md.
COMMANDS: Mapping[str, list[str]] = {
    "kernelet, 3 epochs": [*KERNELET, "--epochs", "3", "--precision", "float32"],
    "PyTorch, 3 epochs": [*TORCH, "--epochs", "3"],
    "kernelet, 3 epochs, bfloat16": [*KERNELET, "--epochs", "3", "--precision", "bfloat16"],
    "kernelet, default, bfloat16": [*KERNELET, "--precision", "bfloat16"],
    "PyTorch, 3 epochs, bfloat16": [*TORCH, "--epochs", "3", "--precision", "bfloat16"],
}
# By precision, those that are compared with each other.
TO_90: Mapping[str, tuple[str, ...]] = {
    "float32": ("kernelet, 3 epochs", "PyTorch, 3 epochs"),
    "bfloat16": (
        "kernelet, 3 epochs, bfloat16",
        "kernelet, default, bfloat16",
        "PyTorch, 3 epochs, bfloat16",
    ),
}
ONE_EPOCH: Mapping[str, list[str]] = {
    "kernelet, 1 epoch": [*KERNELET, "--epochs", "1", "--precision", "float32"],
    "PyTorch, 1 epoch": [*TORCH, "--epochs", "1"],
}


# Starts a command and tells what it took. A process of its own, because the peak that the system
# keeps of a command includes what the process that started it held, and this one holds little.
LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
lines = process.stdout.read().splitlines()
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - began
accuracy = json.loads(lines[-1])["accuracy"] if status == 0 else None
print(json.dumps({"seconds": seconds, "peak": usage.ru_maxrss * 1024, "accuracy": accuracy}))
"""


@dataclass
class Outcome:
    """What the runs of a command brought: seconds and accuracies of each, and the peak of bytes."""

    seconds: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    peak: int = 0


def run(command: list[str], seed: int, threads: int, outcome: Outcome) -> None:
    """Run a command in an empty folder and add what came out."""
    arguments = [*command, "--threads", str(threads), "--seed", str(seed)]
    launched = [sys.executable, "-c", LAUNCHER, *arguments]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(launched, cwd=folder, capture_output=True, text=True, check=False)
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"accuracy": None}
    if answer["accuracy"] is None:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    outcome.seconds.append(answer["seconds"])
    outcome.accuracies.append(answer["accuracy"])
    outcome.peak = max(outcome.peak, answer["peak"])


def measure(commands: Mapping[str, list[str]], rounds: int, threads: int) -> dict[str, Outcome]:
    """Run commands in turns, a seed a round."""
    outcomes = {name: Outcome() for name in commands}
    for seed in range(rounds):
        for name, command in commands.items():
            run(command, seed, threads, outcomes[name])
    return outcomes


def main() -> None:
    """Print times and accuracies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--one-epoch", action="store_true", help="train for a single epoch")
    options = parser.parse_args()
    commands = ONE_EPOCH if options.one_epoch else COMMANDS
    for name, outcome in measure(commands, options.rounds, options.threads).items():
        accuracies = " ".join(f"{100 * accuracy:.2f}" for accuracy in outcome.accuracies)
        print(
            f"  {name:30s} median {statistics.median(outcome.seconds):6.2f} s"
            f"  min {min(outcome.seconds):6.2f}  max {max(outcome.seconds):6.2f}"
            f"  accuracy {accuracies} %  peak {outcome.peak / 1e6:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
