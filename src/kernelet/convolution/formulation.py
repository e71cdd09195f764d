"""From sizes to a problem: who moves over whom, what is a batch, and what is cut off."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import prod

from kernelet.convolution.arguments import Mode
from kernelet.convolution.placement import must_swap, place, swapped
from kernelet.convolution.problem import Boundary, Problem
from kernelet.geometry import Window

#: Sliding axes of a problem.
AXES = 3

Windows = tuple[Window, ...]


# On small arrays, working out sizes takes longer than the products.
@functools.lru_cache(maxsize=1024)
def assign_roles(
    lengths: tuple[int, ...], taps: tuple[int, ...], mode: Mode, *, plain: bool, late: bool
) -> tuple[bool, Windows]:
    """Decide which of two arrays moves, so that it costs least.

    With zeros beyond the border, it does not matter which one does.

    Parameters
    ----------
    lengths, taps : tuple of int
        Of signal and filter, at least 1.
    mode : {"valid", "same", "full"}
    plain : bool
        Whether zeros lie beyond the border, or nothing there counts.
    late : bool
        See `place`.

    Returns
    -------
    bool
        Whether the signal moves over the filter.
    tuple of Window
        One an axis, for the roles that were chosen.
    """
    swap = must_swap(lengths, taps) if mode == "valid" else plain and prod(taps) > prod(lengths)
    placed = tuple(place(n, k, mode, late=late) for n, k in zip(lengths, taps, strict=True))
    return swap, tuple(map(swapped, placed)) if swap else placed


def still_axes(placed: Sequence[Window]) -> int:
    """Return how many leading axes are batches in truth: one tap, and every cell once.

    The last axis never is.
    """
    count = 0
    for one in placed[:-1]:
        if one.kernel != 1 or one.before != 0 or one.output != one.length:
            break
        count += 1
    return count


def touched(one: Window) -> slice:
    """Return the cells that windows touch; negative padding leaves others out."""
    return slice(max(0, -one.before), one.length - max(0, -one.after))


@functools.lru_cache(maxsize=1024)
def problem_of(batch: int, placed: Windows, dtype: str, boundary: Boundary, fill: float) -> Problem:
    """Return the problem of at most three axes, in which only touched cells are left."""
    missing = AXES - len(placed)
    cells = [touched(one) for one in placed]
    return Problem(
        batch=batch,
        signal=_three(missing, 1, [cell.stop - cell.start for cell in cells]),
        window=_three(missing, 1, [one.kernel for one in placed]),
        before=_three(missing, 0, [max(0, one.before) for one in placed]),
        output=_three(missing, 1, [one.output for one in placed]),
        dtype=dtype,
        boundary=boundary,
        fillvalue=fill,
    )


def _three(missing: int, number: int, sizes: Sequence[int]) -> tuple[int, int, int]:
    depth, height, width = (*[number] * missing, *sizes)
    return depth, height, width
