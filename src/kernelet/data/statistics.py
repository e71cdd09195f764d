"""Mean and deviation of pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pictures added up at a time, so that it takes little memory.
_BLOCK = 256
# Of so many squares of pixels, every sum is below 2**24, and so exact in float32.
_EXACT = 256


def channel_statistics(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and deviation of each channel, from exact sums of whole numbers.

    Parameters
    ----------
    images : ndarray of uint8, shape (pictures, height, width, channels)
        At least one.

    Examples
    --------
    >>> channel_statistics(np.array([[[[0], [100]]]], np.uint8))
    ([50.0], [50.0])
    """
    channels = images.shape[3]
    total = images.size // channels
    sums = [[0, 0] for _ in range(channels)]
    for begin in range(0, len(images), _BLOCK):
        for channel, own in enumerate(sums):
            values = images[begin : begin + _BLOCK, ..., channel].ravel().astype(np.float32)
            values.resize((-(-len(values) // _EXACT), _EXACT), refcheck=False)  # adds zeros
            own[0] += int(np.einsum("ij->i", values).sum(dtype=np.float64))
            own[1] += int(np.einsum("ij,ij->i", values, values).sum(dtype=np.float64))
    means, deviations = [], []
    for first, second in sums:
        means.append(first / total)
        # A channel of one value says nothing; dividing by 1 keeps it finite.
        deviations.append(math.sqrt(total * second - first * first) / total or 1.0)
    return means, deviations
