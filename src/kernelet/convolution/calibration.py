"""The coefficients of this processor: the built-in ones, corrected by a second of measurements."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kernelet._version import __version__
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import (
    PARALLEL,
    Coefficients,
    Terms,
    costs,
)
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.data.cache import cache_folder
from kernelet.executors.native_processor import processor, resolve_isa, usable_threads

# Seconds that all measurements may take, and how often each is repeated.
_BUDGET = 0.7
_REPETITIONS = 8

# How much a coefficient resists leaving its built-in share of the time, against one measurement.
_RESISTANCE = 0.3
# The least that is left of a coefficient.
_LEAST_SHARE = 0.05

# What "auto" may choose; the times of the others are corrected like these.
_MEASURED = ("direct", "fft", "separable")

# Dimensions, all lengths and all taps; together they touch every group of costs.
_SIZES = (
    (1, 2_000, 5),
    (1, 20_000, 9),
    (1, 60_000, 64),
    (1, 300_000, 17),
    (2, 40, 3),
    (2, 40, 9),
    (2, 200, 3),
    (2, 140, 9),
    (2, 200, 5),
    (2, 560, 5),
    (3, 24, 3),
    (3, 30, 5),
    (3, 48, 3),
)
_TYPES = ("float32", "float64", "int8", "int16", "int32", "int64")

# On one and on all threads: waking them shows on the first, what they gain on the second.
_BARELY_PARALLEL, _PARALLEL = (2, 400, 9), (2, 900, 15)
_LONGEST_WAKING = 1e-3
# The fastest of several runs meets threads that are still awake, as few runs of a program do.
_REPETITIONS_TOGETHER = 11
_LEAST_EFFICIENCY = 0.3


def _cube(dimensions: int, n: int, k: int, dtype: str) -> Problem:
    """Return the problem of mode "same" with all lengths n and k."""
    missing = [1] * (3 - dimensions)
    depth, height, width = missing + [n] * dimensions
    window = missing + [k] * dimensions
    return Problem(
        batch=1,
        signal=(depth, height, width),
        window=(window[0], window[1], window[2]),
        before=(window[0] // 2, window[1] // 2, window[2] // 2),
        output=(depth, height, width),
        dtype=dtype,
    )


def samples() -> list[tuple[str, Problem]]:
    """Return what is measured on one thread: methods and problems."""
    problems = [_cube(*size, dtype) for dtype in _TYPES for size in _SIZES]
    return [
        (name, problem)
        for problem in problems
        for name in _MEASURED
        if METHODS[name].applies(problem)
    ]


def measure(
    method: str,
    problem: Problem,
    threads: int,
    repetitions: int = _REPETITIONS,
    clock: Callable[[], float] = time.thread_time,
    typical: Callable[[list[float]], float] = min,
) -> float:
    """Return the seconds of the fastest of some runs, or what else is typical, on arrays of ones.

    On one thread, the processor time of the thread: other programs hardly change it.
    """
    signal = np.ones((problem.batch, *problem.signal), problem.dtype)
    window = np.ones(problem.window, problem.dtype)
    times = []
    for _ in range(repetitions):
        start = clock()
        METHODS[method].run(problem, signal, window, threads)
        times.append(clock() - start)
    return typical(times)


def calibrate(threads: int) -> Coefficients:
    """Measure, and return the coefficients that explain it best without straying far."""
    found: dict[str, list[tuple[Terms, float]]] = {}
    deadline = time.perf_counter() + _BUDGET
    for method, problem in samples():
        first, *others = costs(method, problem)
        if not others and time.perf_counter() < deadline:
            seconds = max(measure(method, problem, 1), 1e-7)
            found.setdefault(first.group, []).append((first.terms, seconds))
    corrected = {group: _corrected(COEFFICIENTS[group], pairs) for group, pairs in found.items()}
    changes = [usual for _, usual in corrected.values()]
    others_change = statistics.median(changes) if changes else 1.0
    coefficients = {
        group: corrected[group][0]
        if group in corrected
        else tuple(others_change * c for c in built_in)
        for group, built_in in COEFFICIENTS.items()
    }
    coefficients |= {
        group: terms for group, terms in COEFFICIENTS.items() if group.startswith(PARALLEL)
    }
    if threads > 1:
        coefficients |= {PARALLEL + name: _parallel(name, threads) for name in _MEASURED}
    return coefficients


def _parallel(method: str, threads: int) -> Terms:
    """Return what waking threads takes, and what each more of them adds.

    All threads take a time w + alone · x: two problems of unlike size tell w and x.
    """
    sizes = (_cube(*_BARELY_PARALLEL, "float32"), _cube(*_PARALLEL, "float32"))
    clock = time.perf_counter
    alone, together = (
        [
            measure(method, one, used, _REPETITIONS_TOGETHER, clock, statistics.median)
            for one in sizes
        ]
        for used in (1, threads)
    )
    most = 1 / (1 + (threads - 1) * _LEAST_EFFICIENCY)
    slope = (together[1] - together[0]) / max(alone[1] - alone[0], 1e-9)
    share = min(most, max(1 / threads, slope))
    waking = min(_LONGEST_WAKING, max(0.0, together[0] - alone[0] * share))
    return waking, (1 / share - 1) / (threads - 1)


def _corrected(built_in: Terms, pairs: list[tuple[Terms, float]]) -> tuple[Terms, float]:
    """Return the coefficients near the built-in ones that explain measured times.

    Least squares of relative errors, with a ridge around the built-in coefficients times the usual
    ratio of measured to predicted times, which is returned, too.
    """
    coefficients = np.array(built_in)
    shares = np.array([terms for terms, _ in pairs]) * coefficients
    shares /= np.array([seconds for _, seconds in pairs])[:, np.newaxis]
    usual = float(np.median(1 / shares.sum(1)))
    # In units of the usual ratio, so that a slower machine resists no less.
    shares *= usual
    ridge = _RESISTANCE * np.eye(len(coefficients))
    changes = np.linalg.solve(shares.T @ shares + ridge, shares.sum(0) + _RESISTANCE)
    corrected = coefficients * usual * np.maximum(changes, _LEAST_SHARE)
    return tuple(map(float, corrected)), usual


def coefficients() -> Coefficients:
    """Return the coefficients of this processor, measured on the first call ever.

    They are kept in the user's cache folder, for each processor, instruction set, number of
    threads and version of kernelet. Where that cannot be written, the built-in ones are used, so
    that no program measures again and again.
    """
    return _coefficients(resolve_isa(), usable_threads())


@functools.lru_cache(maxsize=8)
def _coefficients(isa: str, threads: int) -> Coefficients:
    named = json.dumps([processor().brand, isa, threads, __version__, sorted(COEFFICIENTS)])
    digest = hashlib.sha256(named.encode()).hexdigest()[:16]
    path = cache_folder() / f"operator-{digest}.json"
    stored = _load(path)
    if stored is not None:
        return stored
    if not _writable(path.parent):
        return COEFFICIENTS
    measured = calibrate(threads)
    with contextlib.suppress(OSError):
        _store(path, measured)
    return measured


def _load(path: Path) -> Coefficients | None:
    """Return stored coefficients; None if there are none or they are damaged."""
    try:
        stored = json.loads(path.read_bytes())
        read = {group: tuple(map(float, stored[group])) for group in COEFFICIENTS}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    whole = all(
        len(read[group]) == len(terms) and all(math.isfinite(c) and c >= 0 for c in read[group])
        for group, terms in COEFFICIENTS.items()
    )
    return read if whole else None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _store(path: Path, measured: Coefficients) -> None:
    """Write a file that appears whole or not at all."""
    handle, name = tempfile.mkstemp(".unfinished", path.stem, path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(measured, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
