"""Filters that add differences to the picture: sharpen, unsharp, emboss."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernelet.convolution.filters.grid import check_number, sampled_gaussian

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.convolution.filters.grid import Weights


def sharpen(amount: float = 1.0) -> Weights:
    """Add to each cell its difference from its four neighbours.

    Parameters
    ----------
    amount : float
        How much of the difference; 0 changes nothing.

    Returns
    -------
    ndarray of float32, shape (3, 3)
        The identity minus ``amount`` times `laplacian`; the weights add up to 1.

    Raises
    ------
    ConfigurationError
        If the amount is not finite.

    Examples
    --------
    >>> sharpen()
    array([[ 0., -1.,  0.],
           [-1.,  5., -1.],
           [ 0., -1.,  0.]], dtype=float32)
    """
    check_number("sharpen", "amount", amount)
    window = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]) * float(amount)
    window[1, 1] += 1
    return _float32(window)


def unsharp(sigma: float = 1.0, amount: float = 1.0) -> Weights:
    """Add to each cell its difference from a blurred picture: unsharp masking in one window.

    Parameters
    ----------
    sigma : float
        Standard deviation of the blur in cells, at least 0.1; see `gaussian`.
    amount : float
        How much of the difference; 0 changes nothing.

    Returns
    -------
    ndarray of float32
        ``(1 + amount) · identity − amount · gaussian(sigma)``; the weights add up to 1.

    Raises
    ------
    ConfigurationError
        If sigma is below 0.1 or the amount not finite.

    Examples
    --------
    >>> unsharp(1.0).shape, float(unsharp(1.0).sum().round(6))
    ((9, 9), 1.0)
    """
    check_number("unsharp", "amount", amount)
    window = -float(amount) * sampled_gaussian("unsharp", sigma, None)
    centre = window.shape[0] // 2
    window[centre, centre] += 1 + amount
    return _float32(window)


def emboss() -> Weights:
    """Light the picture from its upper left as if values were heights.

    Returns
    -------
    ndarray of float32, shape (3, 3)
        Whole numbers that add up to 1: the identity plus a slope along the diagonal.

    Examples
    --------
    >>> emboss()
    array([[ 2.,  1.,  0.],
           [ 1.,  1., -1.],
           [ 0., -1., -2.]], dtype=float32)
    """
    return np.array([[2, 1, 0], [1, 1, -1], [0, -1, -2]], np.float32)


def _float32(window: NDArray[np.float64]) -> Weights:
    """Return float32 with no −0, which would print as one."""
    positive: Weights = (window + 0.0).astype(np.float32)
    return positive
