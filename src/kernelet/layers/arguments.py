"""Checks and normal forms of the arguments that several layers take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kernelet.errors import ConfigurationError
from kernelet.geometry import MODES

Pair = int | tuple[int, int]
Padding = str | int | tuple[int | tuple[int, int], int | tuple[int, int]]
PairOfPairs = tuple[tuple[int, int], tuple[int, int]]


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


def pair(name: str, value: Pair) -> tuple[int, int]:
    """Return (rows, columns) from one integer for both or a pair.

    Raises
    ------
    ConfigurationError
        If an entry is no integer of at least 1.

    Examples
    --------
    >>> pair("strides", 2)
    (2, 2)
    """
    entries = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    if is_integer(entries, 1):
        assert isinstance(entries, int)
        return entries, entries
    if (
        isinstance(entries, tuple)
        and len(entries) == 2
        and all(is_integer(entry, 1) for entry in entries)
    ):
        return entries[0], entries[1]
    raise ConfigurationError(
        f"{name} must be an integer of at least 1 or a pair of them (rows, columns), not {value!r}."
    )


def _sides(value: object) -> tuple[int, int] | None:
    if isinstance(value, int) and is_integer(value, 0):
        return value, value
    if isinstance(value, Sequence) and len(value) == 2 and all(is_integer(v, 0) for v in value):
        return value[0], value[1]
    return None


def padding(value: Padding) -> str | PairOfPairs:
    """Return a mode in lower case, or ((top, bottom), (left, right)) cells.

    Raises
    ------
    ConfigurationError
        If the padding is no mode, integer, or pair of integers or pairs.

    Examples
    --------
    >>> padding("SAME"), padding(1), padding((1, (0, 2)))
    ('same', ((1, 1), (1, 1)), ((1, 1), (0, 2)))
    """
    if isinstance(value, str):
        if value.lower() in MODES:
            return value.lower()
    elif is_integer(value, 0):
        assert isinstance(value, int)
        return (value, value), (value, value)
    elif isinstance(value, Sequence) and len(value) == 2:
        rows, columns = _sides(value[0]), _sides(value[1])
        if rows is not None and columns is not None:
            return rows, columns
    raise ConfigurationError(
        'padding must be "valid", "same", "full", an integer of at least 0, a pair'
        f" (rows, columns) or a pair of pairs ((top, bottom), (left, right)), not {value!r}."
    )
