"""The method "separable": a window that is a product of one vector an axis, axis by axis.

K·K products an output become K + K. Whether a window is such a product is decided by what the best
one leaves of it: no more than the rounding of the window itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.methods import direct
from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work
from kernelet.executors import native_arrays

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


def stages(problem: Problem) -> tuple[Problem, Problem | None]:
    """Return the problem of height and width, and then that of depth where there is one.

    What lies beyond the border after the first stage is not known here, but where it is zero.
    """
    depth, height, width = problem.window
    _, rows, columns = problem.output
    plane = replace(
        problem,
        window=(1, height, width),
        before=(0, *problem.before[1:]),
        output=(problem.signal[0], rows, columns),
    )
    if depth == 1 and problem.signal[0] == problem.output[0]:
        return plane, None
    after = replace(
        problem,
        signal=plane.output,
        window=(depth, 1, 1),
        before=(problem.before[0], 0, 0),
    )
    return plane, after


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to the sum of |products|."""
    epsilon = float(np.finfo(problem.dtype).eps)
    lines = (replace(problem, window=(1, 1, taps)) for taps in problem.window if taps > 1)
    return epsilon + sum(direct.error_bound(line) for line in lines)


def work(problem: Problem) -> Work:
    """Return the multiply-adds of all axes, and the bytes of both stages."""
    plane, after = stages(problem)
    rows = plane.batch * plane.signal[0] * plane.signal[1]
    across = rows * plane.output[2] * plane.window[2]
    down = plane.batch * math.prod(plane.output) * plane.window[1]
    moved = direct.work(plane).bytes
    if after is None:
        return Work(across + down, moved)
    last = direct.work(after)
    return Work(across + down + last.multiply_adds, moved + last.bytes)


def parallel(problem: Problem) -> bool:
    """Return whether the work of the first stage is worth several threads."""
    return direct.pays_in_parallel(work(stages(problem)[0]))


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
        One that has `factors`.
    threads : int, optional
        By default as many as the process may use, and the work is worth.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        The same bits on any number of threads.
    """
    vectors = factors(window)
    assert vectors is not None
    plane, after = stages(problem)
    depth, column, row = vectors
    if after is None:
        column, depth = column * depth, np.ones(1)
    inside = native_arrays.correlate_separable(
        signal,
        column.astype(problem.dtype),
        row.astype(problem.dtype),
        plane.output,
        plane.before,
        plane.boundary,
        plane.fillvalue,
        threads=1 if threads is None and not parallel(problem) else threads,
    )
    if after is None:
        return inside
    # What lies beyond the border in depth was summed by the first stage, too.
    beyond = problem.fillvalue * float(column.sum() * row.sum())
    taps = depth.astype(problem.dtype).reshape(after.window)
    return direct.run(replace(after, fillvalue=beyond), inside, taps, threads)
