"""Start-up: what a process takes until a library can be used.

python benchmarks/start_up.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

PYTHON = [sys.executable, "-c"]
COMMANDS: Mapping[str, tuple[str, list[str]]] = {
    "python": ("sys", [*PYTHON, "pass"]),
    "import numpy": ("numpy", [*PYTHON, "import numpy"]),
    "import kernelet": ("kernelet", [*PYTHON, "import kernelet"]),
    "kernelet --help": ("kernelet", [sys.executable, "-m", "kernelet", "--help"]),
    "import torch": ("torch", [*PYTHON, "import torch"]),
    "import jax.numpy": ("jax", [*PYTHON, "import jax.numpy"]),
    "import keras": ("tensorflow", [*PYTHON, "import keras"]),
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each command, which take turns; what is not installed is left out."""
    commands = {
        name: command
        for name, (needs, command) in COMMANDS.items()
        if importlib.util.find_spec(needs) is not None
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if turn:  # the first turn brings the files into memory
                seconds[name].append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    for command_name, times in measure(parser.parse_args().rounds).items():
        print(
            f"  {command_name:18s} median {statistics.median(times):6.3f} s"
            f"  min {min(times):6.3f}  max {max(times):6.3f}"
        )
