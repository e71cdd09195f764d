"""Arrays that begin where cache lines do, and memory of results that nobody holds any more."""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

# Floats of a cache line, and of the widest vector register: 64 bytes.
ALIGNMENT = 16

# What the system gives anew for every result it clears first, page by page: a third of the time of
# a convolution by few products. Smaller results malloc keeps by itself; larger ones are let go.
LEAST_KEPT = 1 << 18
MOST_KEPT = 1 << 24
# In a loop, the last result is still held while the next one is made.
_KEPT = 2

_spares: list[NDArray[np.float32]] = []


def aligned(size: int) -> NDArray[np.float32]:
    """Return so many floats, not set to anything, whose first one begins a cache line.

    Large results take more than twice the time where vectors lie across lines.

    Examples
    --------
    >>> aligned(5).shape, aligned(5).ctypes.data % 64
    ((5,), 0)
    """
    return _begun_at_a_line(np.empty(size + ALIGNMENT, np.float32), size)


def recycled(size: int) -> NDArray[np.float32]:
    """Return what `aligned` does, in the memory of an earlier one that nobody refers to, if any.

    Examples
    --------
    >>> first = recycled(1_000_000)
    >>> address = first.ctypes.data
    >>> recycled(1_000_000).ctypes.data == address
    False
    >>> del first
    >>> recycled(1_000_000).ctypes.data == address
    True
    """
    if not LEAST_KEPT <= size <= MOST_KEPT:
        return aligned(size)
    spare = _taken(size + ALIGNMENT)
    if spare is None:
        spare = np.empty(size + ALIGNMENT, np.float32)
    _spares.append(spare)
    del _spares[:-_KEPT]
    return _begun_at_a_line(spare, size)


def _taken(size: int) -> NDArray[np.float32] | None:
    """Take memory of a size that no result lies in out of what is kept."""
    for _ in range(_KEPT):
        try:
            spare = _spares.pop(0)  # first of all, so that no other thread takes it too
        except IndexError:
            return None
        # Whatever shows a part of the memory refers to the array that owns it, as do this name and
        # the call.
        if spare.size == size and sys.getrefcount(spare) == 2:
            return spare
        _spares.append(spare)
    return None


def _begun_at_a_line(spare: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    # Unlike spare.ctypes, this takes no microsecond.
    skip = -(spare.__array_interface__["data"][0] // spare.itemsize) % ALIGNMENT
    return spare[skip : skip + size]
