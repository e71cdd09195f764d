"""The method "fft": products of spectra instead of sliding sums."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work

_TYPES = ("float32", "float64")


def smooth_length(least: int) -> int:
    """Return the smallest number of the form 2^a·3^b·5^c that is at least ``least``.

    Examples
    --------
    >>> smooth_length(97)
    100
    """
    best = 1 << max(least - 1, 0).bit_length()
    five = 1
    while five < best:
        three = five
        while three < best:
            missing = -(-least // three)
            best = min(best, three << max(missing - 1, 0).bit_length())
            three *= 3
        five *= 5
    return best


def applies(problem: Problem, window: NDArray[np.generic] | None = None) -> bool:
    """Tell whether this method can solve the problem: real numbers, and something to compute."""
    del window
    sizes = (problem.batch, *problem.signal, *problem.window, *problem.output)
    return problem.dtype in _TYPES and min(sizes) > 0


def _lengths(problem: Problem) -> tuple[int, ...]:
    return tuple(
        smooth_length(out + taps - 1)
        for out, taps in zip(problem.output, problem.window, strict=True)
    )


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to its norm.

    Rounding in a transform of length n grows with log₂ n.
    """
    epsilon = float(np.finfo(problem.dtype).eps)
    return epsilon * (2 + math.log2(math.prod(_lengths(problem))))


def work(problem: Problem) -> Work:
    """Return the multiply-adds of the transforms and the bytes they move."""
    cells = math.prod(_lengths(problem))
    transforms = 2 * problem.batch + 1
    itemsize = np.dtype(problem.dtype).itemsize
    levels = math.log2(max(cells, 2))
    return Work(int(transforms * 1.25 * cells * levels), transforms * 4 * cells * itemsize)


def run(
    problem: Problem,
    signal: NDArray[np.generic],
    window: NDArray[np.generic],
    threads: int | None = None,
) -> NDArray[np.generic]:
    """Solve the problem.

    Parameters
    ----------
    problem : Problem
        With a real type, float32 or float64.
    signal : ndarray, shape (batch, depth, height, width)
    window : ndarray, shape (depth, height, width)
    threads : int, optional
        Not used: NumPy transforms on one thread.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
    """
    del threads
    lengths = _lengths(problem)
    axes = (-3, -2, -1)
    spectrum = np.conj(np.fft.rfftn(window, lengths, axes))
    extended = _extended(problem, signal)
    product = np.fft.rfftn(extended, lengths, axes) * spectrum
    result = np.fft.irfftn(product, lengths, axes)
    inside = tuple(slice(0, n) for n in problem.output)
    return np.ascontiguousarray(result[(slice(None), *inside)], problem.dtype)


def _extended(problem: Problem, signal: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the part of the continued signal that windows touch."""
    for axis, (length, taps, before, out) in enumerate(
        zip(problem.signal, problem.window, problem.before, problem.output, strict=True), start=1
    ):
        cells = np.arange(out + taps - 1) - before
        inside = (cells >= 0) & (cells < length)
        if problem.boundary == "wrap":
            cells = cells % length
        elif problem.boundary == "symm":
            cells = cells % (2 * length)
            cells = np.minimum(cells, 2 * length - 1 - cells)
        signal = np.take(signal, np.clip(cells, 0, length - 1), axis)
        if problem.boundary == "fill":
            shape = [1] * signal.ndim
            shape[axis] = -1
            signal = np.where(inside.reshape(shape), signal, signal.dtype.type(problem.fillvalue))
    return signal
