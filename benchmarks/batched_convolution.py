"""Convolutions of a batch as functions on arrays, side by side with PyTorch, float32.

Times `kernelet.conv2d` and its like beside PyTorch's in both of its layouts, on usual problems and
on ones drawn at random: up to 64 pictures and 512 channels, filters of 1 to 11 cells, strides,
dilation, groups, one to three axes, transposed ones. Results are compared with float64 first; then
the contenders, each in a process of its own, take turns. Below 1.00, kernelet is slower.

    python benchmarks/batched_convolution.py [--draw 60] [--seed 0] [--threads 2] [--rounds 5]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.problems import TURN, ratios, read_options, run
from contenders.processes import Runner, take_turns
from workers.convolution_problem import ConvolutionProblem

CONTENDERS: Mapping[str, tuple[str, str]] = {
    "kernelet": ("convolution_worker.py", "kernelet"),
    "PyTorch": ("convolution_worker.py", "torch"),
    "PyTorch, channels last": ("convolution_worker.py", "torch-channels-last"),
}
# Of the relative error, for each root of a number that is added.
TOLERANCE = 2e-7
MOST_MULTIPLY_ADDS = 1.5e9
MOST_NUMBERS = 3e7
LEAST_MULTIPLY_ADDS = 1e4


def _usual(batch: int, size: int, channels: int, filters: int, kernel: int) -> ConvolutionProblem:
    return ConvolutionProblem(
        batch, (size, size), channels, filters, (kernel, kernel), padding=kernel // 2
    )


USUAL = (
    _usual(1, 28, 1, 6, 5),
    _usual(1, 224, 3, 64, 3),
    _usual(1, 224, 3, 64, 7),
    _usual(1, 56, 64, 64, 3),
    _usual(1, 56, 256, 64, 1),
    _usual(1, 56, 64, 256, 1),
    _usual(1, 28, 128, 128, 3),
    _usual(1, 14, 256, 256, 3),
    _usual(1, 7, 512, 512, 3),
    _usual(1, 1024, 1, 1, 5),
    _usual(8, 56, 64, 64, 3),
    _usual(64, 56, 64, 64, 3),
    _usual(64, 28, 1, 6, 5),
    ConvolutionProblem(1, (224, 224), 3, 64, (7, 7), stride=2, padding=3),
    ConvolutionProblem(1, (56, 56), 128, 128, (3, 3), padding=1, groups=128),
    ConvolutionProblem(1, (14, 14), 512, 512, (3, 3), padding=1, groups=32),
)


def drawn_number(generator: np.random.Generator, most: int) -> int:
    """Draw a number, small ones as often as large ones."""
    return round(float(np.exp(generator.uniform(0, np.log(most)))))


def drawn_axes(generator: np.random.Generator) -> int:
    """Draw a number of axes."""
    return int(generator.choice([1, 2, 2, 2, 2, 2, 2, 3]))


def drawn_channels(generator: np.random.Generator) -> int:
    """Draw a number of channels, mostly a usual one."""
    usual = [1, 3, 4, 8, 16, 32, 64, 96, 128, 256, 512]
    return (
        int(generator.choice(usual)) if generator.random() < 0.7 else drawn_number(generator, 512)
    )


def _drawn(generator: np.random.Generator) -> ConvolutionProblem:
    axes = drawn_axes(generator)
    most = {1: 4000, 2: 256, 3: 40}[axes]
    size = 3 + drawn_number(generator, most)
    sizes = tuple(max(1, size + int(generator.choice([0, 0, 0, 5, -3]))) for _ in range(axes))
    channels, filters = (drawn_channels(generator) for _ in range(2))
    transposed = bool(generator.random() < 0.15)
    groups = 1
    divisors = [g for g in range(2, channels + 1) if channels % g == 0]
    if divisors and not transposed and generator.random() < 0.25:
        groups = int(generator.choice([channels, int(generator.choice(divisors))]))
        filters = groups * max(1, filters // groups)
    kernel = int(generator.choice([1, 2, 3, 3, 3, 3, 5, 5, 7, 9, 11]))
    dilation = int(generator.choice([1, 1, 1, 1, 2]))
    return ConvolutionProblem(
        int(generator.choice([1, 1, 1, 2, 4, 8, 16, 32, 64])),
        sizes,
        channels,
        filters,
        (kernel,) * axes,
        stride=int(generator.choice([1, 1, 1, 2, 2, 3])),
        padding=int(generator.choice([0, (kernel - 1) * dilation // 2])),
        dilation=dilation,
        groups=groups,
        transposed=transposed,
    )


def draw(generator: np.random.Generator) -> ConvolutionProblem:
    """Draw a problem within the limits."""
    while True:
        problem = _drawn(generator)
        if (
            min(problem.output) > 0
            and LEAST_MULTIPLY_ADDS < problem.multiply_adds < MOST_MULTIPLY_ADDS
            and problem.numbers < MOST_NUMBERS
        ):
            return problem


def compare(runners: list[Runner], problem: ConvolutionProblem, options: argparse.Namespace) -> str:
    """Time one problem; return a line that begins with the ratio of the better other to ours."""
    for runner in runners:
        runner.load({"problem": problem.to_json(), "threads": options.threads})
    own, exact, *_ = (np.array(runner.run(1)[1]) for runner in runners)
    terms = problem.multiply_adds / problem.batch / prod(problem.output) / problem.filters
    if np.linalg.norm(own - exact) > TOLERANCE * np.sqrt(terms) * np.linalg.norm(exact):
        raise SystemExit(f"{problem}: kernelet computes something else")
    take_turns(runners, options.rounds, TURN)
    ours = float(np.median(runners[0].milliseconds))
    speed = problem.multiply_adds / ours / 1e6
    return f"{ratios(runners)} | {ours:9.3f} | {speed:6.1f} | {problem}"


def main() -> None:
    """Run the comparison."""
    options = read_options(__doc__, draw=0)
    generator = np.random.default_rng(options.seed)
    problems = [draw(generator) for _ in range(options.draw)] or list(USUAL)
    run(CONTENDERS, problems, compare, options, "G multiply-adds/s | problem")


if __name__ == "__main__":
    main()
