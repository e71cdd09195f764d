"""Convolutions of a batch as functions on arrays, side by side with PyTorch, float32.

Results are compared with float64 first; then the contenders take turns, so that a change of the
machine's speed meets all of them. Both get arrays in their own layout.

    python benchmarks/batched_convolution.py [--threads 1] [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Seconds that one turn of a contender should take.
TURN = 0.05
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """Square pictures and filters, `same` padding."""

    batch: int
    size: int
    channels: int
    filters: int
    kernel: int

    def __str__(self) -> str:
        k = self.kernel
        return f"{self.batch}×{self.size}×{self.size}×{self.channels}, {k}×{k} → {self.filters}"


CASES = (
    Case(1, 28, 1, 6, 5),
    Case(1, 224, 3, 64, 3),
    Case(1, 224, 3, 64, 7),
    Case(1, 56, 64, 64, 3),
    Case(1, 56, 256, 64, 1),
    Case(1, 28, 128, 128, 3),
    Case(1, 14, 256, 256, 3),
    Case(1, 7, 512, 512, 3),
    Case(1, 1024, 1, 1, 5),
    Case(8, 56, 64, 64, 3),
    Case(64, 56, 64, 64, 3),
    Case(64, 28, 1, 6, 5),
)


def contenders(case: Case) -> dict[str, Callable[[], object]]:
    """Return what to time, after checking that all compute the same."""
    import torch

    import kernelet as kl

    generator = np.random.default_rng(0)
    x = generator.standard_normal((case.batch, case.size, case.size, case.channels), np.float32)
    shape = (case.kernel, case.kernel, case.channels, case.filters)
    w = generator.standard_normal(shape, np.float32)
    pictures = torch.from_numpy(x).permute(0, 3, 1, 2)
    filters = torch.from_numpy(w).permute(3, 2, 0, 1)

    def of_format(layout: torch.memory_format) -> Callable[[], object]:
        a, b = (t.contiguous(memory_format=layout) for t in (pictures, filters))
        return lambda: torch.conv2d(a, b, padding=case.kernel // 2)

    found: dict[str, Callable[[], object]] = {
        "kernelet": lambda: kl.conv2d(x, w, padding="same"),
        "PyTorch": of_format(torch.contiguous_format),
        "PyTorch channels_last": of_format(torch.channels_last),
    }
    expected = torch.conv2d(pictures[:1].double(), filters.double(), padding=case.kernel // 2)
    error = kl.conv2d(x, w, padding="same")[:1] - expected.permute(0, 2, 3, 1).numpy()
    if np.linalg.norm(error) > TOLERANCE * float(expected.norm()):
        raise SystemExit(f"{case}: kernelet computes something else")
    return found


def milliseconds(call: Callable[[], object], repeats: int) -> float:
    """Return the time of one call."""
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats * 1e3


def compare(case: Case, rounds: int) -> None:
    """Time one case and print a line; ratios are of the times of the same round."""
    calls = contenders(case)
    for call in calls.values():
        call()
    repeats = max(1, round(TURN * 1e3 / milliseconds(calls["kernelet"], 3)))
    turns = [[milliseconds(call, repeats) for call in calls.values()] for _ in range(rounds)]
    line = f"{case!s:32s}"
    for k, name in enumerate(calls):
        median = statistics.median(turn[k] for turn in turns)
        ratio = statistics.median(turn[k] / turn[0] for turn in turns)
        line += f"  {name} {median:.3g} ms" + (f" (× {ratio:.2f})" if k else "")
    print(line, flush=True)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    # kernelet uses as many threads as the process has cores.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    import torch

    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        for case in CASES:
            compare(case, options.rounds)


if __name__ == "__main__":
    main()
