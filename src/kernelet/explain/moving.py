"""Pictures moved by whole pixels."""

from __future__ import annotations

from typing import Any

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
    rows, inside_rows = source_cells(images.shape[1], down, fill)
    columns, inside_columns = source_cells(images.shape[2], right, fill)
    result: NDArray[Any] = images[:, rows][:, :, columns]
    result[:, ~inside_rows] = 0
    result[:, :, ~inside_columns] = 0
    return result
