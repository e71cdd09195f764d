"""Checks and normal forms of what the operator's functions are given."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import BOUNDARIES, Boundary
from kernelet.errors import ShapeError, UsageError
from kernelet.geometry import MODES

Mode = Literal["valid", "same", "full"]
Method = Literal["auto", "direct", "fft", "matmul", "separable", "winograd"]
METHODS: tuple[Method, ...] = get_args(Method)

# The long names of convolve2d.
_OTHER_NAMES = {"pad": "fill", "circular": "wrap", "symmetric": "symm"}


def shape_text(shape: Sequence[int]) -> str:
    """Return sizes joined by ×.

    Examples
    --------
    >>> shape_text((28, 28)), shape_text(())
    ('28×28', 'a single number')
    """
    return "×".join(map(str, shape)) if shape else "a single number"


def listed(names: Sequence[str]) -> str:
    """Return quoted names, the last one after "or".

    Examples
    --------
    >>> listed(("valid", "same", "full"))
    '"valid", "same" or "full"'
    """
    quoted = [f'"{name}"' for name in names]
    return f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]


def check_mode(mode: object) -> None:
    """Raise UsageError unless ``mode`` is a mode."""
    if not isinstance(mode, str) or mode not in MODES:
        raise UsageError(f"mode must be {listed(MODES)}, not {mode!r}.")


def check_method(method: object) -> None:
    """Raise UsageError unless ``method`` is a method or "auto"."""
    if not isinstance(method, str) or method not in METHODS:
        raise UsageError(f"method must be {listed(METHODS)}, not {method!r}.")


def boundary_name(boundary: object) -> Boundary:
    """Return the boundary by its short name; raise UsageError if there is none such."""
    if isinstance(boundary, str):
        short = _OTHER_NAMES.get(boundary, boundary)
        for known in BOUNDARIES:
            if short == known:
                return known
    raise UsageError(f"boundary must be {listed(BOUNDARIES)}, not {boundary!r}.")


def check_types(a: NDArray[Any], w: NDArray[Any]) -> None:
    """Raise UsageError for arrays that hold no numbers, or that SciPy has no sums for."""
    for name, array in (("a", a), ("w", w)):
        if array.dtype.kind not in "biufcO":
            raise UsageError(f"{name} must hold numbers, not {array.dtype}.")
    dtype = np.result_type(a, w)
    if a.ndim == 0 and dtype.kind == "O":
        raise UsageError("a and w must be arrays of numbers; turn sparse ones into dense ones.")
    if a.ndim > 1 and dtype.kind in "bO":
        name = "booleans" if dtype.kind == "b" else "Python objects"
        raise UsageError(
            f"arrays of {name} are only convolved in one dimension, not {a.ndim}."
            " Convert them first, for example a.astype(numpy.float64)."
        )


def check_dimensions(a: NDArray[Any], w: NDArray[Any]) -> None:
    """Raise ShapeError unless both arrays have the same number of axes."""
    if a.ndim != w.ndim:
        raise ShapeError(
            f"a and w must have the same number of axes, not {a.ndim} and {w.ndim}"
            f" (shapes {a.shape} and {w.shape}). Add axes of length 1 where they are missing,"
            " for example w[numpy.newaxis]."
        )


def sliding_axes(axes: int | Iterable[int] | None, dimensions: int) -> tuple[int, ...]:
    """Return the axes along which the filter moves, in ascending order and none negative.

    Raises
    ------
    UsageError
        If an axis is no integer, does not exist or is named twice, or if there are none.
    """
    if axes is None:
        return tuple(range(dimensions))
    try:
        named = [operator.index(k) for k in (axes if isinstance(axes, Iterable) else [axes])]
    except TypeError as error:
        raise UsageError(f"axes must be an integer or several of them, not {axes!r}.") from error
    if not named:
        raise UsageError("axes must name at least one axis, or be None for all of them.")
    for axis in named:
        if not -dimensions <= axis < dimensions:
            raise UsageError(
                f"axes names axis {axis}, but the arrays have {dimensions} axes:"
                f" {-dimensions} to {dimensions - 1} exist."
            )
    positive = sorted(axis % dimensions for axis in named)
    if len(set(positive)) < len(positive):
        raise UsageError(f"axes names an axis twice: {axes!r}.")
    return tuple(positive)


def check_batches(a: NDArray[Any], w: NDArray[Any], axes: Sequence[int]) -> None:
    """Raise ShapeError unless the axes along which nothing moves broadcast."""
    for axis in set(range(a.ndim)) - set(axes):
        if 1 not in (a.shape[axis], w.shape[axis]) and a.shape[axis] != w.shape[axis]:
            raise ShapeError(
                f"axis {axis} is {a.shape[axis]} cells long in a and {w.shape[axis]} in w"
                f" (shapes {a.shape} and {w.shape}); the filter does not move along it, so the"
                f" lengths must be equal or one of them 1. To move along it, pass"
                f" axes={tuple(sorted([*axes, axis]))}."
            )


def is_plain_zero(fillvalue: Any) -> bool:
    """Return whether ``fillvalue`` is Python's 0, the default; needs no array to find out."""
    return isinstance(fillvalue, int) and fillvalue == 0


def fill_number(fillvalue: Any, dtype: np.dtype[Any]) -> Any:
    """Return ``fillvalue`` as a number of the result's type.

    As in ``scipy.signal.convolve2d`` it passes through complex128, and the fraction of a number
    that fills integers is dropped.

    Raises
    ------
    UsageError
        If it is not a single number, or not one that the type can hold.
    """
    if is_plain_zero(fillvalue):
        return 0
    array = np.asarray(fillvalue)
    if array.size != 1 or array.dtype.kind not in "biufc":
        raise UsageError(f"fillvalue must be a single number, not {fillvalue!r}.")
    number = complex(array.reshape(()))
    if dtype.kind == "c":
        return dtype.type(number)
    if number.imag:
        raise UsageError(
            f"fillvalue {fillvalue!r} is complex, but the result is {dtype}."
            " Convert a to complex first, for example a.astype(complex)."
        )
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= number.real <= limits.max:
            raise UsageError(
                f"fillvalue {fillvalue!r} does not fit the result's type {dtype}"
                f" ({limits.min} to {limits.max}). Convert a to a larger type first."
            )
    return np.asarray(number.real).astype(dtype)[()]
