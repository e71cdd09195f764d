"""Contenders that take turns in one process, once each has shown that its result is right."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Contender = Callable[[], NDArray[Any]]


def check(contenders: Mapping[str, Contender], expected: NDArray[Any], tolerance: float) -> None:
    """Stop where a result is not the expected one; each contender has run once afterwards."""
    norm = np.linalg.norm(expected.ravel())
    for name, contender in contenders.items():
        error = np.linalg.norm((contender() - expected).ravel()) / norm
        if not error <= tolerance:
            raise SystemExit(f"{name} is {error:.1e} from the float64 result")


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contender, round by round.

    Each begins its turn with a run that does not count: with its own arrays in the caches, not
    with those of the one before, whose arrays may be many times as large.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            contender()
            start = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(slower: list[float], faster: list[float]) -> float:
    """Return the median of the ratios of the same round."""
    return statistics.median(a / b for a, b in zip(slower, faster, strict=True))
