"""The method "winograd": 3×3 windows with 16 products for 4 outputs, instead of 36.

F(2×2, 3×3) of Lavin and Gray, "Fast algorithms for convolutional neural networks" (CVPR 2016):
a tile d of 4×4 cells and the window g give 2×2 outputs as Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. With a single
channel the additions outnumber the products that are saved; the method is here to be looked at
and measured, and pays in layers, where many channels share the transforms.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.definition import extended
from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work
from kernelet.geometry import Window

_TILE = 2
_TAPS = 3

# The rows are those of Bᵀ, G and Aᵀ.
_WINDOW_TRANSFORM = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])

# Additions and products of one tile: 32 for Bᵀ d B, 16 products, 24 for Aᵀ … A.
_OPERATIONS_A_TILE = 72

# Cells of a strip of tiles: its intermediate arrays stay in the cache of one core.
_STRIP_CELLS = 1 << 14

# Largest ratio to u·√taps that the transforms were measured to reach, with room.
_GROWTH = 12.0


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem: a window of 3×3 real numbers.

    Examples
    --------
    >>> applies(Problem(1, (1, 8, 8), (1, 3, 3), (0, 1, 1), (1, 8, 8), "float32"))
    True
    >>> applies(Problem(1, (1, 8, 8), (1, 5, 5), (0, 1, 1), (1, 8, 8), "float32"))
    False
    """
    del window
    sizes = (problem.batch, *problem.signal, *problem.output)
    flat = problem.window == (1, _TAPS, _TAPS)
    return flat and problem.dtype in ("float32", "float64") and min(sizes) > 0


def _tiles(problem: Problem) -> int:
    depth, height, width = problem.output
    return problem.batch * depth * -(-height // _TILE) * -(-width // _TILE)


def _strip_rows(problem: Problem) -> int:
    """Return how many rows of outputs are computed together."""
    columns = -(-problem.output[2] // _TILE) * _TILE
    return max(_TILE, _STRIP_CELLS // columns // _TILE * _TILE)


def strips(problem: Problem) -> int:
    """Return in how many strips the outputs are computed."""
    return problem.batch * problem.output[0] * -(-problem.output[1] // _strip_rows(problem))


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to the sum of |products|."""
    return _GROWTH * _TAPS * float(np.finfo(problem.dtype).eps) / 2


def work(problem: Problem) -> Work:
    """Return additions and products, and the bytes that every one of them reads and writes."""
    operations = _tiles(problem) * _OPERATIONS_A_TILE
    return Work(operations, 3 * operations * np.dtype(problem.dtype).itemsize)


def _forward(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any, Any, Any]:
    """Return Bᵀ applied to four arrays."""
    return a - c, b + c, c - b, b - d


def _backward(a: Any, b: Any, c: Any, d: Any) -> tuple[Any, Any]:
    """Return Aᵀ applied to four arrays."""
    return a + b + c, b - c - d


def _strip(cells: NDArray[Any], window: NDArray[Any], target: NDArray[Any]) -> None:
    """Write the outputs of whole tiles; ``window`` is transformed, shape (4, 4)."""
    rows, columns = target.shape[-2] // _TILE, target.shape[-1] // _TILE
    tile = [
        [cells[i : i + 2 * rows : 2, j : j + 2 * columns : 2] for j in range(4)] for i in range(4)
    ]
    across = [_forward(*row) for row in tile]
    products = [
        [cell * window[i, j] for j, cell in enumerate(column)]
        for i, column in enumerate(
            zip(*(_forward(*c) for c in zip(*across, strict=True)), strict=True)
        )
    ]
    halves = [_backward(*row) for row in products]
    for j, column in enumerate(zip(*halves, strict=True)):
        for i, output in enumerate(_backward(*column)):
            target[i::_TILE, j::_TILE] = output


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
    window : ndarray, shape (1, 3, 3)
    threads : int, optional
        Without effect: one thread computes.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        What is not finite in the signal spoils the whole tiles that it lies in.
    """
    del threads
    outputs = [problem.output[0], *(-(-n // _TILE) * _TILE for n in problem.output[1:])]
    whole = signal
    fill = np.asarray(problem.fillvalue).astype(problem.dtype)
    sizes = zip(problem.signal, problem.window, problem.before, outputs, strict=True)
    for axis, (length, taps, before, output) in enumerate(sizes, start=1):
        placed = Window(length, taps, 1, 1, before, output - 1 + taps - length - before)
        whole = extended(whole, axis, placed, problem.boundary, fill)
    transformed = _WINDOW_TRANSFORM @ window[0] @ _WINDOW_TRANSFORM.T
    transformed = transformed.astype(problem.dtype)
    result = np.empty((problem.batch, *outputs), problem.dtype)
    rows = _strip_rows(problem)
    for entry in np.ndindex(problem.batch, outputs[0]):
        for y in range(0, outputs[1], rows):
            target = result[entry][y : y + rows]
            _strip(whole[entry][y : y + rows + _TAPS - 1], transformed, target)
    _, _, height, width = (0, *problem.output)
    return np.ascontiguousarray(result[:, :, :height, :width])
