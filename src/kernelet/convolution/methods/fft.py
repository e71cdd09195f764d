"""The method "fft": products of spectra instead of sliding sums, piece by piece."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import Problem
from kernelet.convolution.transform_sizes import choose_transform
from kernelet.convolution.work import Work
from kernelet.executors import native_fourier

_TYPES = frozenset(["float32", "float64"])

# Complex multiplications of numbers that one division by 2 takes, with its additions, counted as
# multiply-adds: half a complex product and a complex sum.
_MULTIPLY_ADDS_A_DIVISION = 4
# A product of two values.
_MULTIPLY_ADDS_A_PRODUCT = 4

# Numbers that a second thread must have to transform before waking it pays.
_NUMBERS_A_THREAD = 65536


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem: real numbers, and something to compute.

    Examples
    --------
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "float32"))
    True
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "int32"))
    False
    """
    del window
    sizes = (problem.batch, *problem.signal, *problem.window, *problem.output)
    return problem.dtype in _TYPES and min(sizes) > 0


def error_bound(problem: Problem) -> float:
    """Return how far a result may lie from the float64 one.

    The distance is relative to the norm of the signal's numbers in one piece times the norm of the
    window, so that it says something about sums that nearly cancel, too. Each division of a
    transform of n numbers rounds once or twice, relative to a norm that no division changes; the
    signal's, the window's and the way back make 3·log₂ n of them.

    Examples
    --------
    >>> error_bound(Problem(1, (1, 1, 99), (1, 1, 9), (0, 0, 0), (1, 1, 91), "float32")) < 1e-5
    True
    """
    unit_roundoff = float(np.finfo(problem.dtype).eps) / 2
    return unit_roundoff * (1 + 3 * math.log2(choose_transform(problem).size))


def work(problem: Problem) -> Work:
    """Return the multiply-adds of the transforms, and the bytes that pieces move."""
    transform = choose_transform(problem)
    divisions = math.log2(transform.size)
    pieces = transform.pieces + 0.5
    arithmetic = 2 * divisions * _MULTIPLY_ADDS_A_DIVISION + _MULTIPLY_ADDS_A_PRODUCT
    itemsize = np.dtype(problem.dtype).itemsize
    # A piece is loaded, read with the window's values, and stored.
    moved = 2 * itemsize * transform.size * 4
    return Work(int(pieces * transform.size * arithmetic), int(pieces * moved))


def parallel(problem: Problem) -> bool:
    """Return whether the work is worth several threads."""
    transform = choose_transform(problem)
    return transform.pieces * transform.size >= 2 * _NUMBERS_A_THREAD


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
        The same bits on any number of threads.
    """
    transform = choose_transform(problem)
    if threads is None and not parallel(problem):
        threads = 1
    return native_fourier.correlate_fft(
        signal,
        window,
        problem.output,
        problem.before,
        problem.boundary,
        problem.fillvalue,
        radices=transform.radices,
        step=transform.step,
        threads=threads,
    )
