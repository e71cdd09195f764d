"""Pictures moved by whole pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.ops.augmentation import Fill, source_cells


def moved(images: NDArray[Any], down: int, right: int, fill: Fill = "nearest") -> NDArray[Any]:
    """Return pictures moved down and to the right.

    Parameters
    ----------
    images : ndarray, shape (pictures, height, width, channels)
    down, right : int
        Pixels; below 0 for up and left.
    fill : {"nearest", "constant", "reflect"}
        What enters: the nearest pixel, 0, or the mirrored picture.

    Returns
    -------
    ndarray
        Of the shape and type of `images`.

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.array([[1, 2, 3]]).reshape(1, 1, 3, 1)
    >>> moved(picture, 0, 1).ravel().tolist(), moved(picture, 0, 1, "constant").ravel().tolist()
    ([1, 1, 2], [0, 1, 2])
    """
    result = _along(_along(images, 1, down, fill), 2, right, fill)
    return result.copy() if result is images else result


def _along(images: NDArray[Any], axis: int, distance: int, fill: Fill) -> NDArray[Any]:
    """Return pictures moved along an axis: in one piece, but for the cells that enter."""
    if distance == 0:
        return images
    length = images.shape[axis]
    cells, inside = source_cells(length, distance, fill)
    moving = np.moveaxis(images, axis, 0)
    result = np.empty_like(images)
    target = np.moveaxis(result, axis, 0)
    kept = slice(max(0, distance), max(0, length + min(0, distance)))
    target[kept] = moving[max(0, -distance) : max(0, length - distance)]
    entered = np.ones(length, np.bool_)
    entered[kept] = False
    target[entered] = moving[cells[entered]]
    target[~inside] = 0
    return result
