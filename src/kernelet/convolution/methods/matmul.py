"""The method "matmul": blocks of outputs as products with a banded matrix, by NumPy's BLAS.

B neighbouring outputs of a row depend on B + K − 1 neighbouring cells of each row under the
window, through a Toeplitz matrix of the window's row. With B = 1 that is im2col; a larger B
copies each cell less often and turns matrix–vector products into matrix–matrix ones, at the price
of multiplying by the zeros beside the band.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.definition import extended
from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work
from kernelet.geometry import Window

_FLOATS = ("float32", "float64")

# Elements of the two factors of a product, at most: they stay in the cache of one core.
_ROWS_ELEMENTS = 1 << 18
_BAND_ELEMENTS = 1 << 22
_LARGEST_BLOCK = 256

# A sum of n rounded products errs by less than λ·√n·u, practically always, with λ = 3.
_LAMBDA = 3.0


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem: any real type, and something to compute."""
    del window
    sizes = (problem.batch, *problem.signal, *problem.window, *problem.output)
    return min(sizes) > 0


def _block(problem: Problem) -> int:
    """Return B: outputs of a row that are computed together."""
    if problem.dtype not in _FLOATS:
        return 1  # without BLAS, zeros cost as much as other products
    taps, width = math.prod(problem.window), problem.window[2]
    block = 1 << max(3, (width - 1).bit_length())
    while block > 1 and (block > _LARGEST_BLOCK or block * taps > _BAND_ELEMENTS):
        block //= 2
    return 1 if width == 1 else min(block, problem.output[2])


def _row_elements(problem: Problem) -> int:
    """Return the cells that one block of outputs depends on."""
    depth, height, width = problem.window
    return depth * height * (_block(problem) + width - 1)


def _blocks(problem: Problem) -> int:
    depth, height, width = problem.output
    return problem.batch * depth * height * -(-width // _block(problem))


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to the sum of |products|."""
    if problem.dtype not in _FLOATS:
        return 0.0
    additions = math.prod(problem.window)
    return _LAMBDA * math.sqrt(additions) * float(np.finfo(problem.dtype).eps) / 2


def work(problem: Problem) -> Work:
    """Return the multiply-adds, zeros of the band included, and the bytes moved."""
    copied = _blocks(problem) * _row_elements(problem)
    band = _row_elements(problem) * _block(problem)
    cells = problem.batch * (math.prod(problem.signal) + math.prod(problem.output))
    moved = cells + 3 * copied + band
    return Work(copied * _block(problem), moved * np.dtype(problem.dtype).itemsize)


def _band(window: NDArray[Any], block: int) -> NDArray[Any]:
    """Return the matrix, shape (depth · height · (block + width − 1), block)."""
    depth, height, width = window.shape
    band = np.zeros((depth, height, block + width - 1, block), window.dtype)
    for column in range(block):
        band[:, :, column : column + width, column] = window
    return band.reshape(-1, block)


def _whole_blocks(problem: Problem, signal: NDArray[Any], block: int) -> NDArray[Any]:
    """Return the signal continued beyond its border, to a whole number of blocks a row."""
    outputs = (*problem.output[:2], -(-problem.output[2] // block) * block)
    fill = np.asarray(problem.fillvalue).astype(problem.dtype)
    sizes = zip(problem.signal, problem.window, problem.before, outputs, strict=True)
    for axis, (length, taps, before, output) in enumerate(sizes, start=1):
        after = output - 1 + taps - length - before
        if before or after:
            placed = Window(length, taps, 1, 1, before, after)
            signal = extended(signal, axis, placed, problem.boundary, fill)
    return signal


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
        Without effect: BLAS has threads of its own.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        What is not finite in the signal also spoils neighbours, through products with zeros.
    """
    del threads
    block = _block(problem)
    band = _band(window, block)
    whole = _whole_blocks(problem, signal, block)
    depth, height, width = problem.window
    patches = np.lib.stride_tricks.sliding_window_view(
        whole, (depth, height, block + width - 1), (1, 2, 3)
    )[:, :, :, ::block]
    result = np.empty((problem.batch, *problem.output), problem.dtype)
    across = patches.shape[3]
    columns = max(1, min(across, _ROWS_ELEMENTS // len(band)))
    rows = max(1, _ROWS_ELEMENTS // (len(band) * columns))
    for entry in np.ndindex(problem.batch, problem.output[0]):
        for y in range(0, problem.output[1], rows):
            for x in range(0, across, columns):
                some = patches[entry][y : y + rows, x : x + columns]
                product = some.reshape(-1, len(band)) @ band
                target = result[entry][y : y + rows, x * block : (x + columns) * block]
                target[...] = product.reshape(len(some), -1)[:, : target.shape[1]]
    return result
