"""What every method of the operator solves: a sliding dot product with all sizes resolved.

For a signal ``a`` and a window ``w`` of up to three sliding axes, the result of one batch entry is

    out(z, y, x) = Σ_k Σ_l Σ_m a'(z + k − before₀, y + l − before₁, x + m − before₂) · w(k, l, m),

where ``a'`` continues ``a`` beyond its border as the boundary says. That is a correlation; a
convolution is the same with ``w`` reversed along every axis. Fewer sliding axes are leading axes
of length 1.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

Boundary = Literal["fill", "wrap", "symm"]
BOUNDARIES: tuple[Boundary, ...] = ("fill", "wrap", "symm")


class Problem(msgspec.Struct, frozen=True):
    """One application of the operator.

    Attributes
    ----------
    batch : int
        Independent signals.
    signal : tuple of int
        Depth, height and width of each signal.
    window : tuple of int
        Depth, height and width of the window.
    before : tuple of int
        Cells by which the first window position lies before the signal, an axis.
    output : tuple of int
        Window positions, an axis.
    dtype : str
        Name of the NumPy type of signal, window and output: float32, float64 or an integer type.
    boundary : {"fill", "wrap", "symm"}
        How the signal continues: a number, periodically, or mirrored with the border repeated.
    fillvalue : float
        The number of ``fill``.
    """

    batch: int
    signal: tuple[int, int, int]
    window: tuple[int, int, int]
    before: tuple[int, int, int]
    output: tuple[int, int, int]
    dtype: str
    boundary: Boundary = "fill"
    fillvalue: float = 0.0

    @property
    def multiply_adds(self) -> int:
        """Products that the definition adds up, beyond the border included."""
        return self.batch * math.prod(self.output) * math.prod(self.window)
