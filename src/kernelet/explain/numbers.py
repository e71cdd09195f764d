"""Numbers as people read them in formulas and grids."""

from __future__ import annotations

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
