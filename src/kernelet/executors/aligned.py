"""Arrays that begin where cache lines do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Floats of a cache line, and of the widest vector register: 64 bytes.
ALIGNMENT = 16


def aligned(size: int) -> NDArray[np.float32]:
    """Return so many floats, not set to anything, whose first one begins a cache line.

    Large results take more than twice the time where vectors lie across lines.

    Examples
    --------
    >>> aligned(5).shape, aligned(5).ctypes.data % 64
    ((5,), 0)
    """
    spare = np.empty(size + ALIGNMENT, np.float32)
    # Unlike spare.ctypes, this takes no microsecond.
    skip = -(spare.__array_interface__["data"][0] // spare.itemsize) % ALIGNMENT
    return spare[skip : skip + size]
