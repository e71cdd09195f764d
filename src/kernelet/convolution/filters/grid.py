"""What filters share: the cells of a window, and checks of its parameters."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import ConfigurationError

Weights = NDArray[np.float32]

#: Longest side of a window that is made.
MAXIMUM_SIDE = 4095


def centred_cells(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x to the right and y upwards from the centre, shapes (1, width), (height, 1)."""
    x = np.arange(width, dtype=np.float64) - (width - 1) / 2
    y = (height - 1) / 2 - np.arange(height, dtype=np.float64)
    return x[None, :], y[:, None]


def sampled_gaussian(name: str, sigma: float, size: int | None) -> NDArray[np.float64]:
    """Return the weights of a Gaussian, which add up to 1; `name` is the filter's, for errors."""
    check_number(name, "sigma", sigma, at_least=0.1)
    side = side_reaching(name, 4 * sigma) if size is None else check_side(name, "size", size)
    x, _ = centred_cells(1, side)
    profile = np.exp(-(x**2) / (2 * sigma**2))
    profile /= profile.sum()
    return profile.T * profile


def check_side(name: str, parameter: str, value: float) -> int:
    """Return the side of a window; raises ConfigurationError unless it is 1…`MAXIMUM_SIDE`."""
    if not _is_finite(value) or value != int(value) or not 1 <= value <= MAXIMUM_SIDE:
        raise ConfigurationError(
            f"{name}: {parameter} must be a whole number from 1 to {MAXIMUM_SIDE:,}, not {value!r}."
        )
    return int(value)


def side_reaching(name: str, radius: float) -> int:
    """Return the odd side of a window that reaches ``round(radius)`` cells from its centre.

    Raises ConfigurationError if that is more than `MAXIMUM_SIDE`.
    """
    if 2 * radius + 1 > MAXIMUM_SIDE:
        raise ConfigurationError(
            f"{name}: the window would be {2 * radius + 1:,.0f} cells wide; at most"
            f" {MAXIMUM_SIDE:,} are made.\n  Scale the picture down, or give a smaller value."
        )
    return 2 * int(radius + 0.5) + 1


def check_number(
    name: str,
    parameter: str,
    value: float,
    *,
    above: float = -math.inf,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> None:
    """Raise ConfigurationError unless a parameter is a finite number within its limits."""
    limits = [
        text
        for text, given in (
            (f"above {above:g}", above > -math.inf),
            (f"at least {at_least:g}", at_least > -math.inf),
            (f"at most {at_most:g}", at_most < math.inf),
        )
        if given
    ]
    if not (_is_finite(value) and value > above and at_least <= value <= at_most):
        expected = " and ".join(limits) or "a finite number"
        raise ConfigurationError(f"{name}: {parameter} must be {expected}, not {value!r}.")


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return False
    return math.isfinite(value)
