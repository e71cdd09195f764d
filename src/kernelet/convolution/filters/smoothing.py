"""Filters that average: box, gaussian, motion."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernelet.convolution.filters.grid import (
    MAXIMUM_SIDE,
    centred_cells,
    check_number,
    check_side,
    sampled_gaussian,
)

if TYPE_CHECKING:
    from kernelet.convolution.filters.grid import Weights


def box(size: int = 3) -> Weights:
    """Average over a square.

    Parameters
    ----------
    size : int
        Side of the square in cells.

    Returns
    -------
    ndarray of float32, shape (size, size)
        Every weight is ``1 / size²``.

    Raises
    ------
    ConfigurationError
        If the size is not a whole number from 1 to `MAXIMUM_SIDE`.

    Examples
    --------
    >>> box(2)
    array([[0.25, 0.25],
           [0.25, 0.25]], dtype=float32)
    """
    side = check_side("box", "size", size)
    return np.full((side, side), 1 / side**2, np.float32)


def gaussian(sigma: float = 1.0, size: int | None = None) -> Weights:
    """Blur by a normal distribution.

    Parameters
    ----------
    sigma : float
        Standard deviation in cells, at least 0.1.
    size : int, optional
        Side of the window. Default: ``2 · round(4 · sigma) + 1``, which leaves out one part in
        16,000 of each tail, as `scipy.ndimage.gaussian_filter` does.

    Returns
    -------
    ndarray of float32, shape (size, size)
        ``exp(−(x² + y²) / (2 · sigma²))`` at each cell, divided by the sum. Separable.

    Raises
    ------
    ConfigurationError
        If sigma is below 0.1, the size not a whole number, or the window would be larger than
        `MAXIMUM_SIDE`.

    Examples
    --------
    >>> gaussian(0.5, size=3).round(3)
    array([[0.011, 0.084, 0.011],
           [0.084, 0.619, 0.084],
           [0.011, 0.084, 0.011]], dtype=float32)
    """
    return sampled_gaussian("gaussian", sigma, size).astype(np.float32)


def motion(length: float = 9.0, angle: float = 0.0) -> Weights:
    """Blur as a camera does that moves along a straight line during the exposure.

    Parameters
    ----------
    length : float
        Way of the camera in cells, at least 1; an odd whole number at angle 0 gives that many
        equal weights.
    angle : float
        Direction of the way in degrees, counter-clockwise from the horizontal.

    Returns
    -------
    ndarray of float32
        ``max(0, 1 − distance)`` to the line through the centre, divided by the sum; odd sides, as
        small as they can be.

    Raises
    ------
    ConfigurationError
        If the length is not from 1 to `MAXIMUM_SIDE`.

    Examples
    --------
    >>> motion(3).round(3)
    array([[0.333, 0.333, 0.333]], dtype=float32)
    >>> motion(3, angle=90).shape
    (3, 1)
    """
    check_number("motion", "angle", angle)
    check_number("motion", "length", length, at_least=1, at_most=MAXIMUM_SIDE)
    direction = math.radians(angle)
    along, across = math.cos(direction), math.sin(direction)
    half = (length - 1) / 2
    # One cell beyond the ends, trimmed below where nothing of the line reaches it.
    x, y = centred_cells(*(2 * math.ceil(half * abs(part)) + 3 for part in (across, along)))
    place = np.clip(x * along + y * across, -half, half)
    distance = np.hypot(x - place * along, y - place * across)
    # Rounding may leave a line along an axis 1e-16 beside it, which must not widen the window.
    weights = np.where(distance < 1 - 1e-9, 1 - distance, 0)
    rows, columns = (np.flatnonzero(weights.any(axis)) for axis in (1, 0))
    trimmed = weights[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    window: Weights = (trimmed / trimmed.sum()).astype(np.float32)
    return window
