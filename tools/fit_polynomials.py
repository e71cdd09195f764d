"""Derive the polynomials of ``engine/simd/math.h``.

Each polynomial is the minimax fit of a core function on a short interval, found by Lawson's
iteration: a least-squares fit whose weights grow where the error is large, which converges to
the fit with the smallest largest error. The coefficients are rounded to float32 from the lowest
power up, and the ones not yet rounded are fitted again after each rounding, so that they make up
for its error.

References
----------
C. L. Lawson, "Contributions to the theory of linear least maximum approximations",
PhD thesis, UCLA, 1961.

Examples
--------
Print every coefficient with the largest error of each fit::

    python tools/fit_polynomials.py
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Array = npt.NDArray[np.float64]

NODES = 4000
ITERATIONS = 400


@dataclass(frozen=True)
class Fit:
    """A polynomial to derive.

    Attributes
    ----------
    formula : str
        How the polynomial ``p`` is used there.
    core : Callable
        The function ``p`` approximates.
    error_scale : Callable
        Factor from an error of ``p`` to the relative error of the final result.
    variable : Callable
        Argument of ``p`` for an argument of the final function.
    interval : tuple of float
        Range of arguments of the final function.
    degree : int
        Degree of ``p``.
    """

    formula: str
    core: Callable[[float], float]
    error_scale: Callable[[float], float]
    variable: Callable[[float], float]
    interval: tuple[float, float]
    degree: int


def chebyshev_nodes(low: float, high: float) -> Array:
    """Return nodes in [low, high] that crowd toward both ends; 0 is left out.

    The cores are quotients with a removable singularity at 0.
    """
    angles = (np.arange(NODES) + 0.5) * math.pi / NODES
    nodes: Array = 0.5 * (low + high) + 0.5 * (high - low) * np.cos(angles)
    return nodes[np.abs(nodes) > 1e-3]


def lawson(basis: Array, target: Array, scale: Array) -> Array:
    """Return the coefficients with the smallest largest ``|scale * (basis @ c - target)|``."""
    weights = np.full(len(target), 1.0 / len(target))
    columns = np.abs(basis).max(axis=0)
    best, smallest = np.zeros(basis.shape[1]), math.inf
    for _ in range(ITERATIONS):
        rows = np.sqrt(weights) * scale
        solution = np.linalg.lstsq(basis / columns * rows[:, None], target * rows, rcond=None)[0]
        coefficients = solution / columns
        error = np.abs(scale * (basis @ coefficients - target))
        if error.max() < smallest:
            best, smallest = coefficients, error.max()
        weights = weights * error
        weights /= weights.sum()
    return best


def derive(fit: Fit) -> tuple[list[float], float]:
    """Return the float32 coefficients, lowest power first, and the largest relative error."""
    arguments = chebyshev_nodes(*fit.interval)
    variable = np.array([fit.variable(x) for x in arguments])
    core = np.array([fit.core(x) for x in arguments])
    scale = np.array([fit.error_scale(x) for x in arguments])
    basis: Array = np.power.outer(variable, np.arange(fit.degree + 1, dtype=np.float64))
    rounded: list[float] = []
    for power in range(fit.degree + 1):
        rest = core - basis[:, :power] @ np.array(rounded)
        rounded.append(float(np.float32(lawson(basis[:, power:], rest, scale)[0])))
    error = np.abs(scale * (basis @ np.array(rounded) - core)).max()
    return rounded, float(error)


def square(x: float) -> float:
    """Return x * x."""
    return x * x


def identity(x: float) -> float:
    """Return x."""
    return x


FITS = (
    Fit(
        formula="exp(r) = 1 + r + r^2 p(r)",
        core=lambda r: (math.expm1(r) - r) / (r * r),
        error_scale=lambda r: r * r / math.exp(r),
        variable=identity,
        interval=(-0.5 * math.log(2.0) - 1e-6, 0.5 * math.log(2.0) + 1e-6),
        degree=4,
    ),
    Fit(
        formula="log(1 + f) = f - f^2 / 2 + f^3 p(f)",
        core=lambda f: (math.log1p(f) - f + 0.5 * f * f) / f**3,
        error_scale=lambda f: f**3 / math.log1p(f),
        variable=identity,
        interval=(math.sqrt(0.5) - 1.0, math.sqrt(2.0) - 1.0),
        degree=7,
    ),
    Fit(
        formula="tanh(x) = x + x^3 p(x^2)",
        core=lambda x: (math.tanh(x) - x) / x**3,
        error_scale=lambda x: x**3 / math.tanh(x),
        variable=square,
        interval=(0.0, 0.625),
        degree=4,
    ),
    Fit(
        formula="erf(x) = x + x p(x^2)",
        core=lambda x: math.erf(x) / x - 1.0,
        error_scale=lambda x: x / math.erf(x),
        variable=square,
        interval=(0.0, 0.9),
        degree=5,
    ),
    Fit(
        formula="erf(x) = 1 - exp(-p(x))",
        core=lambda x: -math.log(math.erfc(x)),
        error_scale=lambda x: math.erfc(x) / math.erf(x),
        variable=identity,
        interval=(0.9, 4.0),
        degree=6,
    ),
)


def main() -> None:
    """Print the arguments of each ``polynomial`` call in ``math.h``, lowest power first."""
    for fit in FITS:
        coefficients, error = derive(fit)
        low, high = fit.interval
        print(f"{fit.formula} on [{low:.6g}, {high:.6g}], largest relative error {error:.1e}")
        print("    " + ", ".join(f"{value:.9g}F" for value in coefficients))


if __name__ == "__main__":
    main()
