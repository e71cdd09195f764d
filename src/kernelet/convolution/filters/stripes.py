"""The Gabor filter, which answers to stripes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernelet.convolution.filters.grid import centred_cells, check_number, side_reaching
from kernelet.errors import ConfigurationError

if TYPE_CHECKING:
    from kernelet.convolution.filters.grid import Weights


def gabor(
    wavelength: float = 8.0,
    angle: float = 0.0,
    sigma: float | None = None,
    aspect: float = 0.5,
    phase: float = 0.0,
) -> Weights:
    """Stripes of one width and direction: a wave under a bell.

    Parameters
    ----------
    wavelength : float
        From stripe to stripe, in cells, at least 2.
    angle : float
        Direction across the stripes in degrees, counter-clockwise; at 0 the stripes are upright.
    sigma : float, optional
        Standard deviation of the bell across the stripes, in cells, at least 0.5. Default:
        ``0.56 · wavelength``, for which the filter passes one octave.
    aspect : float
        The bell is ``sigma / aspect`` wide along the stripes.
    phase : float
        Of the wave, in degrees: at 0 a bright stripe in the middle, at 90 an edge.

    Returns
    -------
    ndarray of float32
        With ``u`` across and ``v`` along the stripes,
        ``exp(−(u² + aspect²·v²) / (2·sigma²)) · (cos(2π·u/wavelength + phase) − c)``; the constant
        ``c`` makes the weights add up to 0, and a factor their absolute values to 2, so that
        answers stay within the range of the picture. The side reaches ``3 · sigma`` along both.

    Raises
    ------
    ConfigurationError
        If a value is not in the range above, the window would be larger than `MAXIMUM_SIDE`, or
        the wave is 0 at every cell (a wavelength of 2 at phase 90).

    Notes
    -----
    J. G. Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters", 1985.

    Examples
    --------
    >>> window = gabor(wavelength=4, aspect=1)
    >>> window.shape, bool(window[7, 7] == window.max()), bool(window[7, 9] < 0)
    ((15, 15), True, True)
    """
    spread = 0.56 * wavelength if sigma is None else sigma
    check_number("gabor", "wavelength", wavelength, at_least=2)
    check_number("gabor", "sigma", spread, at_least=0.5)
    check_number("gabor", "aspect", aspect, above=0)
    check_number("gabor", "angle", angle)
    check_number("gabor", "phase", phase)
    side = side_reaching("gabor", 3 * spread / min(aspect, 1.0))
    x, y = centred_cells(side, side)
    direction = math.radians(angle)
    across = x * math.cos(direction) + y * math.sin(direction)
    along = y * math.cos(direction) - x * math.sin(direction)
    bell = np.exp(-(across**2 + (aspect * along) ** 2) / (2 * spread**2))
    wave = np.cos(2 * math.pi * across / wavelength + math.radians(phase))
    window = bell * (wave - (bell * wave).sum() / bell.sum())
    total = np.abs(window).sum()
    if total < 1e-6 * bell.sum():
        raise ConfigurationError(
            f"gabor: a wave of length {wavelength:g} and phase {phase:g} is 0 at every cell."
            "\n  Try phase=0 or a longer wavelength."
        )
    balanced: Weights = (window * (2 / total)).astype(np.float32)
    return balanced
