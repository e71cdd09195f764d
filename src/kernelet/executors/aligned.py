"""Arrays that begin where cache lines do, and memory of results that nobody holds any more."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

# Bytes of a cache line, and of the widest vector register.
_LINE = 64
# The same in floats.
ALIGNMENT = _LINE // 4

# Finding a line takes as long as writing so many bytes across lines costs.
LEAST_ALIGNED = 1 << 15
# The system clears what it gives anew, page by page: a third of the time of a convolution of few
# products. Results of fewer bytes malloc keeps by itself; of more, nothing is kept.
LEAST_KEPT = 1 << 20
MOST_KEPT = 1 << 26
# In a loop, the last result is still held while the next one is made.
_KEPT = 2

_spares: list[NDArray[np.uint8]] = []


def aligned(size: int) -> NDArray[np.float32]:
    """Return so many floats, not set to anything, whose first one begins a cache line.

    Large results take more than twice the time where vectors lie across lines.

    Examples
    --------
    >>> aligned(5).shape, aligned(5).ctypes.data % 64
    ((5,), 0)
    """
    return _begun_at_a_line(np.empty(4 * size + _LINE, np.uint8), (size,), np.float32)


def result_array(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return an array, not set to anything.

    Unless it is small, it begins a cache line; where it is large, it lies in the memory of an
    earlier one of as many bytes that nobody refers to, if there is one.

    Examples
    --------
    >>> first = result_array((1000, 1000))
    >>> address = first.ctypes.data
    >>> result_array((1000, 1000)).ctypes.data == address
    False
    >>> del first
    >>> result_array((500, 1000), np.float64).ctypes.data == address
    True
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LEAST_ALIGNED:
        return np.empty(shape, dtype)
    spare = _taken(size + _LINE)
    if spare is None:
        spare = np.empty(size + _LINE, np.uint8)
    if LEAST_KEPT <= size <= MOST_KEPT:
        _spares.append(spare)
        del _spares[:-_KEPT]
    return _begun_at_a_line(spare, shape, dtype)


def _references(held: list[NDArray[np.uint8]]) -> int:
    """Return how many refer to the only array of a list, the list and what counts included."""
    return sys.getrefcount(held[0])


# How many the interpreter counts where nobody else does: releases differ in it.
_UNSHARED = _references([np.empty(0, np.uint8)])


def _taken(size: int) -> NDArray[np.uint8] | None:
    """Take memory of a size that no result lies in out of what is kept."""
    for _ in range(_KEPT):
        try:
            held = [_spares.pop(0)]  # first of all, so that no other thread takes it too
        except IndexError:
            return None
        # Whatever shows a part of the memory refers to the array that owns it.
        if held[0].size == size and _references(held) == _UNSHARED:
            return held[0]
        _spares.append(held[0])
    return None


def _begun_at_a_line(
    spare: NDArray[np.uint8], shape: tuple[int, ...], dtype: DTypeLike
) -> NDArray[Any]:
    # Unlike spare.ctypes, this takes no microsecond.
    skip = -spare.__array_interface__["data"][0] % _LINE
    return np.ndarray(shape, dtype, spare, skip)
