"""The method "separable": a window that is a product of one vector an axis, axis by axis.

K·K products an output become K + K. Whether a window is such a product is decided by what the best
one leaves of it: no more than the rounding of the window itself.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.methods import direct
from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work

Vector = NDArray[np.float64]
Triple = tuple[int, int, int]

# The product of the lines through the largest cell leaves no more than this of a window that
# deserves a decomposition.
_HOPELESS = 1e-3


def _through_largest(window: Vector) -> list[Vector]:
    """Return the lines through the largest cell; exact for factors that are whole numbers."""
    cell = np.unravel_index(np.argmax(np.abs(window)), window.shape)
    lines: list[Vector] = []
    for axis in range(window.ndim):
        along: tuple[Any, ...] = (*cell[:axis], slice(None), *cell[axis + 1 :])
        lines.append(window[along] / (window[cell] if lines else 1))
    return lines


def _singular_vectors(window: Vector) -> list[Vector]:
    """Return the first singular vector along every axis; the first one carries the scale."""
    vectors = [
        np.linalg.svd(np.moveaxis(window, axis, 0).reshape(n, -1), full_matrices=False)[0][:, 0]
        for axis, n in enumerate(window.shape)
    ]
    vectors[0] = vectors[0] * np.vdot(_product(vectors), window)
    return vectors


def _product(vectors: list[Vector]) -> Vector:
    product = vectors[0]
    for vector in vectors[1:]:
        product = product[..., np.newaxis] * vector
    return product


def factors(window: NDArray[Any]) -> list[Vector] | None:
    """Return one vector an axis whose product is the window, or None if there are none.

    Parameters
    ----------
    window : ndarray
        float32 or float64.

    Returns
    -------
    list of ndarray of float64, or None
        Their product lies within the machine epsilon of the window, relative to its norm.

    Examples
    --------
    >>> sobel = np.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    >>> factors(sobel)
    [array([1., 2., 1.]), array([ 1.,  0., -1.])]
    >>> factors(np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])) is None
    True
    """
    exact = window.astype(np.float64)
    norm = float(np.linalg.norm(exact))
    if not 0 < norm < math.inf:
        return None
    epsilon = float(np.finfo(window.dtype).eps)
    for find in (_through_largest, _singular_vectors):
        vectors = find(exact)
        rest = float(np.linalg.norm(exact - _product(vectors))) / norm
        if rest <= epsilon:
            return vectors
        if rest > _HOPELESS:
            return None
    return None


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem.

    Parameters
    ----------
    problem : Problem
    window : ndarray, optional
        Without it, only its size is asked for: more than one cell along at least two axes.
    """
    if problem.dtype not in ("float32", "float64") or sum(n > 1 for n in problem.window) < 2:
        return False
    if not direct.applies(problem):
        return False
    return window is None or factors(window) is not None


def _passes(problem: Problem, sums: tuple[float, float, float]) -> list[tuple[int, Problem]]:
    """Return the problems to solve one after the other, each with the axis that it is about.

    What lies beyond the border is summed by the earlier passes, too: ``sums`` are those of the
    vectors.
    """
    passes = []
    signal, fill = problem.signal, problem.fillvalue
    for axis in (2, 1, 0):
        if problem.window[axis] > 1 or problem.signal[axis] != problem.output[axis]:
            output = _with(signal, axis, problem.output)
            one = replace(
                problem,
                signal=signal,
                window=_with((1, 1, 1), axis, problem.window),
                before=_with((0, 0, 0), axis, problem.before),
                output=output,
                fillvalue=fill,
            )
            passes.append((axis, one))
            signal = output
        fill *= sums[axis]
    return passes


def _with(sizes: Triple, axis: int, others: Triple) -> Triple:
    """Return three sizes, the one of an axis taken from others."""
    depth, height, width = (
        other if k == axis else size
        for k, (size, other) in enumerate(zip(sizes, others, strict=True))
    )
    return depth, height, width


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to the sum of |products|."""
    epsilon = float(np.finfo(problem.dtype).eps)
    return epsilon + sum(direct.error_bound(one) for _, one in _passes(problem, (1.0, 1.0, 1.0)))


def work(problem: Problem) -> Work:
    """Return the sums of the multiply-adds and bytes of all passes."""
    works = [direct.work(one) for _, one in _passes(problem, (1.0, 1.0, 1.0))]
    return Work(sum(w.multiply_adds for w in works), sum(w.bytes for w in works))


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
    signal : ndarray, shape (batch, depth, height, width)
    window : ndarray, shape (depth, height, width)
        One that `factors`.
    threads : int, optional
        By default as many as the process may use.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        The same bits on any number of threads.
    """
    vectors = factors(window)
    assert vectors is not None
    axes = [axis for axis, _ in _passes(problem, (1.0, 1.0, 1.0))]
    # The vector of an axis without a pass is one number, which belongs to the product all the same.
    for axis in {0, 1, 2}.difference(axes):
        vectors[axes[0]] = vectors[axes[0]] * vectors[axis]
        vectors[axis] = np.ones(1)
    depth, height, width = (float(vector.sum()) for vector in vectors)
    for axis, one in _passes(problem, (depth, height, width)):
        taps = vectors[axis].astype(problem.dtype).reshape(one.window)
        signal = direct.run(one, signal, taps, threads)
    return signal
