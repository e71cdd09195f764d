"""Checks and normal forms of the arguments that several layers take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from kernelet.errors import ConfigurationError
from kernelet.geometry import MODES

Sizes = int | tuple[int, ...]
"""One number for all axes that a window slides over, or one an axis."""
Padding = str | int | tuple[int | tuple[int, int], ...]
Sides = tuple[tuple[int, int], ...]

# How messages name what stands for each axis, by the number of axes.
_SIZES = {
    1: "",
    2: " or a pair of them (rows, columns)",
    3: " or three of them (planes, rows, columns)",
}
_SIDES = {
    1: " or a pair (before, after)",
    2: ", a pair (rows, columns) or a pair of pairs ((top, bottom), (left, right))",
    3: (
        ", three of them (planes, rows, columns) or three pairs"
        " ((front, back), (top, bottom), (left, right))"
    ),
}


def is_integer(value: object, minimum: int) -> bool:
    """Return whether a value is an int, not a bool, of at least ``minimum``."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


def require_positive(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is an integer of at least 1."""
    if not is_integer(value, 1):
        raise ConfigurationError(f"{name} must be an integer of at least 1, not {value!r}.")


def require_finite(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigurationError(f"{name} must be a finite number, not {value!r}.")


def require_fraction(name: str, value: object) -> None:
    """Raise ConfigurationError unless ``value`` is a number of at least 0 and below 1."""
    require_finite(name, value)
    assert isinstance(value, int | float)
    if not 0 <= value < 1:
        raise ConfigurationError(f"{name} must be at least 0 and below 1, not {value!r}.")


def require_channels_last(data_format: str | None) -> None:
    """Raise ConfigurationError for a layout other than height, width, channels."""
    if data_format not in (None, "channels_last"):
        raise ConfigurationError(
            f'data_format must be None or "channels_last", not {data_format!r}: pictures are'
            " (height, width, channels); transpose the data with numpy.moveaxis(x, 1, -1)."
        )


def sizes(name: str, value: Sizes, axes: int, minimum: int = 1) -> tuple[int, ...]:
    """Return one integer an axis from one for all of them or one an axis.

    Raises
    ------
    ConfigurationError
        If an entry is no integer of at least ``minimum``, or their number is another.

    Examples
    --------
    >>> sizes("strides", 2, axes=2), sizes("strides", (1, 2, 3), axes=3)
    ((2, 2), (1, 2, 3))
    """
    if isinstance(value, int) and is_integer(value, minimum):
        return (value,) * axes
    if isinstance(value, Iterable):
        entries = tuple(value)
        if len(entries) == axes and all(is_integer(entry, minimum) for entry in entries):
            return entries
    raise ConfigurationError(
        f"{name} must be an integer of at least {minimum}{_SIZES[axes]}, not {value!r}."
    )


def _side_pair(value: object) -> tuple[int, int] | None:
    """Return (before, after) from one integer or two, None from anything else."""
    if isinstance(value, int) and is_integer(value, 0):
        return value, value
    if isinstance(value, Sequence) and len(value) == 2 and all(is_integer(v, 0) for v in value):
        return value[0], value[1]
    return None


def _sides(value: object, axes: int) -> Sides | None:
    """Return (before, after) cells for each axis, None where ``value`` does not say so."""
    if isinstance(value, int) or (axes == 1 and _side_pair(value) is not None):
        value = (value,) * axes
    if not isinstance(value, Sequence) or len(value) != axes:
        return None
    pairs = tuple(pair for pair in map(_side_pair, value) if pair is not None)
    return pairs if len(pairs) == axes else None


def padding(value: Padding, axes: int, modes: Sequence[str] = MODES) -> str | Sides:
    """Return a mode in lower case, or (before, after) cells for each axis.

    Raises
    ------
    ConfigurationError
        If the padding is no mode, no integer, and no integer or pair an axis; a single axis takes
        a bare pair too.

    Examples
    --------
    >>> padding("SAME", 2), padding(1, 2), padding((1, (0, 2)), 2), padding((2, 0), 1)
    ('same', ((1, 1), (1, 1)), ((1, 1), (0, 2)), ((2, 0),))
    """
    if isinstance(value, str):
        if value.lower() in modes:
            return value.lower()
    else:
        sides = _sides(value, axes)
        if sides is not None:
            return sides
    named = ", ".join(f'"{mode}"' for mode in modes)
    raise ConfigurationError(
        f"padding must be {named}, an integer of at least 0{_SIDES[axes]}, not {value!r}."
    )
