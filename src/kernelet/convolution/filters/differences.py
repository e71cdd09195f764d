"""Filters that answer to changes: slopes and Laplacians."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from kernelet.convolution.filters.grid import centred_cells, check_number, sampled_gaussian
from kernelet.errors import ConfigurationError

if TYPE_CHECKING:
    from kernelet.convolution.filters.grid import Weights

Axis = Literal["x", "y"]


def sobel(axis: Axis = "x") -> Weights:
    """Slope along an axis, smoothed across it by (1, 2, 1).

    Parameters
    ----------
    axis : {"x", "y"}
        The answer is positive where values grow to the right (x) or downwards (y).

    Returns
    -------
    ndarray of float32, shape (3, 3)
        Whole numbers. Divide by 8 for the slope in values a cell.

    Raises
    ------
    ConfigurationError
        If the axis is neither.

    Notes
    -----
    I. Sobel and G. Feldman, "A 3×3 isotropic gradient operator for image processing", 1968.

    Examples
    --------
    >>> sobel("x")
    array([[ 1.,  0., -1.],
           [ 2.,  0., -2.],
           [ 1.,  0., -1.]], dtype=float32)
    """
    return _slope("sobel", axis, (1, 2, 1))


def prewitt(axis: Axis = "x") -> Weights:
    """Slope along an axis, averaged over three rows or columns.

    Parameters
    ----------
    axis : {"x", "y"}
        The answer is positive where values grow to the right (x) or downwards (y).

    Returns
    -------
    ndarray of float32, shape (3, 3)
        Whole numbers. Divide by 6 for the slope in values a cell.

    Raises
    ------
    ConfigurationError
        If the axis is neither.

    Notes
    -----
    J. M. S. Prewitt, "Object enhancement and extraction", 1970.

    Examples
    --------
    >>> prewitt("y")
    array([[ 1.,  1.,  1.],
           [ 0.,  0.,  0.],
           [-1., -1., -1.]], dtype=float32)
    """
    return _slope("prewitt", axis, (1, 1, 1))


def scharr(axis: Axis = "x") -> Weights:
    """Slope along an axis, smoothed so that its direction is more exact than Sobel's.

    Parameters
    ----------
    axis : {"x", "y"}
        The answer is positive where values grow to the right (x) or downwards (y).

    Returns
    -------
    ndarray of float32, shape (3, 3)
        Whole numbers. Divide by 32 for the slope in values a cell.

    Raises
    ------
    ConfigurationError
        If the axis is neither.

    Notes
    -----
    H. Scharr, "Optimal operators in digital image processing", thesis, Heidelberg 2000.

    Examples
    --------
    >>> scharr("x")
    array([[  3.,   0.,  -3.],
           [ 10.,   0., -10.],
           [  3.,   0.,  -3.]], dtype=float32)
    """
    return _slope("scharr", axis, (3, 10, 3))


def laplacian(neighbours: int = 4) -> Weights:
    """Difference between the neighbours of each cell and the cell itself.

    Parameters
    ----------
    neighbours : {4, 8}
        Without or with those at the corners.

    Returns
    -------
    ndarray of float32, shape (3, 3)
        Whole numbers that add up to 0; with 4, the sum of both second differences.

    Raises
    ------
    ConfigurationError
        If there are neither 4 nor 8 neighbours.

    Examples
    --------
    >>> laplacian()
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]], dtype=float32)
    """
    if neighbours not in (4, 8):
        raise ConfigurationError(f"laplacian: neighbours must be 4 or 8, not {neighbours!r}.")
    corner = 1 if neighbours == 8 else 0
    return np.array(
        [[corner, 1, corner], [1, -neighbours, 1], [corner, 1, corner]], dtype=np.float32
    )


def laplacian_of_gaussian(sigma: float = 2.0) -> Weights:
    """Sum of both second derivatives of the blurred picture: spots and edges of one size.

    Parameters
    ----------
    sigma : float
        Standard deviation of the blur in cells, at least 0.5. Dark spots of radius ``sigma · √2``
        answer most.

    Returns
    -------
    ndarray of float32
        ``(x² + y² − 2·sigma²) / sigma⁴`` times the `gaussian` of that sigma, minus the mean,
        so that the weights add up to 0; side ``2 · round(4 · sigma) + 1``.

    Raises
    ------
    ConfigurationError
        If sigma is below 0.5, or the window would be larger than `MAXIMUM_SIDE`.

    Notes
    -----
    D. Marr and E. Hildreth, "Theory of edge detection", 1980.

    Examples
    --------
    >>> window = laplacian_of_gaussian(1.0)
    >>> window.shape, round(float(window[4, 4]), 3), bool(abs(window.sum()) < 1e-6)
    ((9, 9), -0.318, True)
    """
    check_number("laplacian_of_gaussian", "sigma", sigma, at_least=0.5)
    blur = sampled_gaussian("laplacian_of_gaussian", sigma, None)
    x, y = centred_cells(*blur.shape)
    window = blur * (x**2 + y**2 - 2 * sigma**2) / sigma**4
    balanced: Weights = (window - window.mean()).astype(np.float32)
    return balanced


def _slope(name: str, axis: str, across: tuple[int, int, int]) -> Weights:
    if axis not in ("x", "y"):
        raise ConfigurationError(f'{name}: axis must be "x" or "y", not {axis!r}.')
    window = np.outer(across, (1, 0, -1)).astype(np.float32)
    return window if axis == "x" else np.ascontiguousarray(window.T)
