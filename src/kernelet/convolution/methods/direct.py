"""The method "direct": the sliding dot product by its definition, in the native engine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work
from kernelet.executors import native_arrays

_TYPES = frozenset(
    ["float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)

# The engine sums at most about this many products one after another, and adds such sums.
_PANEL_TAPS = 1024

# Rounding errors of n dependent additions behave like a random walk: they exceed λ·√n·u, u half
# the machine epsilon, with a probability below 2·exp(−λ²/2) (Higham and Mary, "A new approach to
# probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019). The norm of a whole
# result averages over its cells, so that λ = 3 is never reached in practice.
_LAMBDA = 3.0

#: Multiply-adds that a second thread must have to do before waking it pays.
MULTIPLY_ADDS_A_THREAD = 300_000


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem: any real type, and something to compute.

    Examples
    --------
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "float32"))
    True
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "float16"))
    False
    """
    del window
    sizes = (problem.batch, *problem.signal, *problem.window, *problem.output)
    return problem.dtype in _TYPES and min(sizes) > 0


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, normwise.

    The distance is measured against what the products would sum up to without signs, so that it
    says something about sums that nearly cancel, too. Integers are exact (modulo 2ⁿ).

    Examples
    --------
    >>> error_bound(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "int32"))
    0.0
    """
    if problem.dtype not in ("float32", "float64"):
        return 0.0
    taps = math.prod(problem.window)
    additions = min(taps, _PANEL_TAPS) + -(-taps // _PANEL_TAPS)
    return _LAMBDA * math.sqrt(additions) * float(np.finfo(problem.dtype).eps) / 2


def work(problem: Problem) -> Work:
    """Return the multiply-adds of the definition, and the bytes of signal, window and result."""
    cells = problem.batch * (math.prod(problem.signal) + math.prod(problem.output))
    itemsize = np.dtype(problem.dtype).itemsize
    return Work(problem.multiply_adds, itemsize * (cells + math.prod(problem.window)))


def parallel(problem: Problem) -> bool:
    """Return whether the work is worth several threads."""
    return problem.multiply_adds >= 2 * MULTIPLY_ADDS_A_THREAD


def run(
    problem: Problem,
    signal: NDArray[Any],
    window: NDArray[Any],
    threads: int | None = None,
) -> NDArray[Any]:
    """Solve the problem.

    Parameters
    ----------
    problem : Problem
        One that `applies`.
    signal : ndarray, shape (batch, depth, height, width)
    window : ndarray, shape (depth, height, width)
    threads : int, optional
        By default as many as the process may use, and the work is worth.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        The same bits on any number of threads. Peak memory beside it is less than a megabyte.
    """
    if threads is None and not parallel(problem):
        threads = 1
    shape = (problem.batch, *problem.output)
    problem = _without_columns(problem)
    result = native_arrays.correlate_direct(
        signal.reshape(problem.batch, *problem.signal),
        window.reshape(problem.window),
        problem.output,
        problem.before,
        problem.boundary,
        problem.fillvalue,
        threads=threads,
    )
    return result.reshape(shape)


def _without_columns(problem: Problem) -> Problem:
    """Return the same problem with columns of width 1 laid down as rows: lanes run along rows.

    Examples
    --------
    >>> column = Problem(1, (1, 8, 1), (1, 3, 1), (0, 0, 0), (1, 6, 1), "float32")
    >>> _without_columns(column).signal
    (1, 1, 8)
    """
    last = (problem.signal[2], problem.window[2], problem.output[2], problem.before[2])
    if last != (1, 1, 1, 0) or max(problem.output) == 1:
        return problem
    return _without_columns(
        replace(
            problem,
            signal=(1, *problem.signal[:2]),
            window=(1, *problem.window[:2]),
            before=(0, *problem.before[:2]),
            output=(1, *problem.output[:2]),
        )
    )
