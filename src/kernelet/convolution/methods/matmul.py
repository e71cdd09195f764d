"""The method "matmul": blocks of outputs as products with a banded matrix, by NumPy's BLAS.

B neighbouring outputs of a row depend on B + K − 1 neighbouring cells of each row under the
window, through a Toeplitz matrix of the window's row. With B = 1 that is im2col; a larger B
copies each cell less often and turns matrix–vector products into matrix–matrix ones, at the price
of multiplying by the zeros beside the band.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
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


class Plan(msgspec.Struct, frozen=True):
    """How a problem is cut into products.

    Attributes
    ----------
    block : int
        B: outputs of a row that are computed together, columns of the banded matrix.
    rows : int
        Cells that a block depends on, rows of the banded matrix.
    blocks : int
        Of all outputs.
    across, down : int
        Blocks and rows of outputs that one product computes.
    products : int
    """

    block: int
    rows: int
    blocks: int
    across: int
    down: int
    products: int


def plan(problem: Problem) -> Plan:
    """Return how a problem that applies is cut into products.

    Examples
    --------
    >>> one = plan(Problem(1, (1, 1, 100), (1, 1, 5), (0, 0, 0), (1, 1, 96), "float32"))
    >>> one.block, one.rows, one.blocks
    (8, 12, 12)
    """
    block = _block(problem)
    depth, height, width = problem.window
    rows = depth * height * (block + width - 1)
    _, lines, columns = problem.output
    row_blocks = -(-columns // block)
    across = max(1, min(row_blocks, _ROWS_ELEMENTS // rows))
    down = max(1, min(lines, _ROWS_ELEMENTS // (rows * across)))
    slices = problem.batch * problem.output[0]
    return Plan(
        block=block,
        rows=rows,
        blocks=slices * lines * row_blocks,
        across=across,
        down=down,
        products=slices * -(-lines // down) * -(-row_blocks // across),
    )


def _block(problem: Problem) -> int:
    if problem.dtype not in _FLOATS:
        return 1  # without BLAS, zeros cost as much as other products
    taps, width = math.prod(problem.window), problem.window[2]
    if width == 1:
        return 1
    block = 1 << max(3, (width - 1).bit_length())
    while block > 1 and (block > _LARGEST_BLOCK or block * taps > _BAND_ELEMENTS):
        block //= 2
    return min(block, problem.output[2])


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, relative to the sum of |products|."""
    if problem.dtype not in _FLOATS:
        return 0.0
    additions = math.prod(problem.window)
    return _LAMBDA * math.sqrt(additions) * float(np.finfo(problem.dtype).eps) / 2


def work(problem: Problem) -> Work:
    """Return the multiply-adds, zeros of the band included, and the bytes moved."""
    found = plan(problem)
    copied = found.blocks * found.rows
    cells = problem.batch * (math.prod(problem.signal) + math.prod(problem.output))
    moved = cells + 3 * copied + found.rows * found.block
    return Work(copied * found.block, moved * np.dtype(problem.dtype).itemsize)


def _band(window: NDArray[Any], block: int) -> NDArray[Any]:
    """Return the matrix, shape (depth · height · (block + width − 1), block)."""
    depth, height, width = window.shape
    band = np.zeros((depth, height, block + width - 1, block), window.dtype)
    *outer, down, across = band.strides
    diagonals = np.lib.stride_tricks.as_strided(
        band, (depth, height, block, width), (*outer, down + across, down)
    )
    diagonals[...] = window[:, :, np.newaxis]
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
        Without effect: BLAS has threads of its own, on whose number the last bits depend.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        What is not finite in the signal also spoils neighbours, through products with zeros.
    """
    del threads
    found = plan(problem)
    block = found.block
    band = _band(window, block)
    depth, height, width = problem.window
    patches = np.lib.stride_tricks.sliding_window_view(
        _whole_blocks(problem, signal, block), (depth, height, block + width - 1), (1, 2, 3)
    )[:, :, :, ::block]
    result = np.empty((problem.batch, *problem.output), problem.dtype)
    for entry in np.ndindex(problem.batch, problem.output[0]):
        for y in range(0, problem.output[1], found.down):
            for x in range(0, patches.shape[3], found.across):
                some = patches[entry][y : y + found.down, x : x + found.across]
                product = some.reshape(-1, found.rows) @ band
                target = result[entry][y : y + found.down, x * block : (x + found.across) * block]
                target[...] = product.reshape(len(some), -1)[:, : target.shape[1]]
    return result
