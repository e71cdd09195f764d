"""What a method does to solve a problem, counted before it runs."""

from __future__ import annotations

import msgspec


class Work(msgspec.Struct, frozen=True):
    """Arithmetic and memory traffic of a method.

    Attributes
    ----------
    multiply_adds : int
        Multiplications with their additions; a complex product counts as four.
    bytes : int
        Read from and written to arrays, signal, window, result and intermediate ones alike.
    """

    multiply_adds: int
    bytes: int
