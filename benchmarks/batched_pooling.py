"""Poolings of a batch as functions on arrays, side by side with PyTorch, float32.

Times `kernelet.max_pool2d` and its like beside PyTorch's in both of its layouts, on problems drawn
at random: up to 64 pictures and 512 channels, windows of 2 to 9 cells, one to three axes. Results
are compared before any time counts; then the contenders, each in a process of its own, take turns.
Below 1.00, kernelet is slower.

    python benchmarks/batched_pooling.py [--draw 60] [--seed 0] [--threads 2] [--rounds 5]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from batched_convolution import drawn_axes, drawn_channels, drawn_number
from contenders.problems import TURN, ratios, read_options, run
from contenders.processes import Runner, take_turns
from workers.pooling_worker import PoolingProblem

CONTENDERS: Mapping[str, tuple[str, str]] = {
    "kernelet": ("pooling_worker.py", "kernelet"),
    "PyTorch": ("pooling_worker.py", "torch"),
    "PyTorch, channels last": ("pooling_worker.py", "torch-channels-last"),
}
MOST_POOLED = 4e8
MOST_NUMBERS = 3e7


def draw(generator: np.random.Generator) -> PoolingProblem:
    """Draw a problem within the limits."""
    while True:
        axes = drawn_axes(generator)
        size = 3 + drawn_number(generator, {1: 4000, 2: 512, 3: 60}[axes])
        sizes = tuple(size + int(generator.choice([0, 0, 5])) for _ in range(axes))
        window = int(generator.choice([2, 2, 2, 3, 3, 4, 5, 7, 9]))
        problem = PoolingProblem(
            str(generator.choice(["max", "average"])),
            int(generator.choice([1, 1, 2, 4, 8, 16, 32, 64])),
            sizes,
            drawn_channels(generator),
            window,
            int(generator.choice([1, 2, window, window])),
        )
        read = problem.batch * np.prod(sizes) * problem.channels
        fits = min(sizes) >= window and read + problem.results < MOST_NUMBERS
        if fits and problem.pooled < MOST_POOLED:
            return problem


def compare(runners: list[Runner], problem: PoolingProblem, options: argparse.Namespace) -> str:
    """Time one problem; return a line that begins with the ratio of the better other to ours."""
    for runner in runners:
        runner.load({"problem": problem.to_json(), "threads": options.threads})
    own, *others = (np.array(runner.run(1)[1]) for runner in runners)
    for other in others:
        if not np.allclose(own, other, rtol=1e-5, atol=1e-5):
            raise SystemExit(f"{problem}: kernelet computes something else")
    take_turns(runners, options.rounds, TURN)
    return f"{ratios(runners)} | {np.median(runners[0].milliseconds):9.3f} | {problem}"


def main() -> None:
    """Run the comparison."""
    options = read_options(__doc__, draw=60)
    generator = np.random.default_rng(options.seed)
    problems = [draw(generator) for _ in range(options.draw)]
    run(CONTENDERS, problems, compare, options, "problem")


if __name__ == "__main__":
    main()
