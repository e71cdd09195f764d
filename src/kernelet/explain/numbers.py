"""Numbers as people read them in formulas and grids."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.text import table


def number_text(value: float) -> str:
    """Return a number with at most four significant figures, whole ones in full.

    Examples
    --------
    >>> number_text(-12), number_text(0.333333), number_text(2.0)
    ('−12', '0.3333', '2')
    """
    whole = float(value).is_integer() and abs(value) < 1e15
    text = str(int(value)) if whole else f"{value:.4g}"
    return text.replace("-", "−")


def factor_text(value: float) -> str:
    """Return a number as a factor of a product: in parentheses where it is below 0.

    Examples
    --------
    >>> factor_text(3), factor_text(-3)
    ('3', '(−3)')
    """
    text = number_text(value)
    return f"({text})" if text.startswith("−") else text


def aligned(array: NDArray[Any]) -> str:
    """Return the numbers of an array of one or two axes in columns.

    Examples
    --------
    >>> print(aligned(np.array([[1, -20], [300, 4]])))
      1  −20
    300    4
    """
    return table([list(map(number_text, row)) for row in np.atleast_2d(array).tolist()], left=())


def shared_decimals(values: Iterable[float], figures: int = 5) -> int:
    """Return with how many decimals to write numbers that are added up, 0 to 9.

    The largest of them gets about as many significant figures.

    Examples
    --------
    >>> shared_decimals([12.5, 0.003]), shared_decimals([0.02]), shared_decimals([0.0])
    (3, 6, 4)
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    digits = math.floor(math.log10(largest)) if largest else 0
    return min(9, max(0, figures - 1 - digits))


def fixed_text(value: float, decimals: int) -> str:
    """Return a number with this many decimals.

    Examples
    --------
    >>> fixed_text(-0.12345, 2), fixed_text(-0.001, 2), fixed_text(1234.5, 1)
    ('−0.12', '0.00', '1234.5')
    """
    text = f"{value:.{decimals}f}"
    zero = not any(character in "123456789" for character in text) and math.isfinite(value)
    return text.lstrip("-") if zero else text.replace("-", "−")
