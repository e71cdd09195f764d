"""The definition itself, for number types that no method has kernels for, and any dimension."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import Boundary
from kernelet.geometry import Window


def extended(
    signal: NDArray[Any], axis: int, placed: Window, boundary: Boundary, fill: Any
) -> NDArray[Any]:
    """Return the signal with every cell along one axis that the filter touches.

    Parameters
    ----------
    signal : ndarray
    axis : int
    placed : Window
        Of that axis; negative padding cuts cells off.
    boundary : {"fill", "wrap", "symm"}
    fill : number
        What lies beyond the border with ``fill``.

    Returns
    -------
    ndarray
        ``placed.output + placed.kernel − 1`` cells along the axis, in the signal's type.

    Examples
    --------
    >>> extended(np.array([1, 2, 3]), 0, Window(3, 3, 1, 1, 2, 1), "symm", 0)
    array([2, 1, 1, 2, 3, 3])
    """
    length, touched = placed.length, placed.output + placed.kernel - 1
    if boundary == "fill":
        return _filled(signal, axis, placed.before, touched, fill)
    cells = np.arange(touched) - placed.before
    if boundary == "wrap":
        return signal.take(cells % length, axis)
    cells %= 2 * length
    return signal.take(np.minimum(cells, 2 * length - 1 - cells), axis)


def _filled(signal: NDArray[Any], axis: int, before: int, touched: int, fill: Any) -> NDArray[Any]:
    shape = list(signal.shape)
    shape[axis] = touched
    result = np.full(shape, fill, signal.dtype)
    first, last = max(0, -before), min(signal.shape[axis], touched - before)
    if first < last:
        inside = np.moveaxis(result, axis, 0)[before + first : before + last]
        inside[...] = np.moveaxis(signal, axis, 0)[first:last]
    return result


def correlate_by_definition(
    signal: NDArray[Any],
    window: NDArray[Any],
    placed: Sequence[Window],
    boundary: Boundary,
    fill: Any,
) -> NDArray[Any]:
    """Add up the shifted and weighted signal, one term for each cell of the window.

    Parameters
    ----------
    signal : ndarray
        Its last axes are those of ``window``.
    window : ndarray
    placed : sequence of Window
        One for each axis of ``window``.
    boundary : {"fill", "wrap", "symm"}
    fill : number

    Returns
    -------
    ndarray
        In the type of the products.
    """
    for axis, one in enumerate(placed, start=-len(placed)):
        signal = extended(signal, axis, one, boundary, fill)
    outputs = tuple(one.output for one in placed)
    result: NDArray[Any] | None = None
    for tap in np.ndindex(window.shape):
        shifted = (slice(k, k + n) for k, n in zip(tap, outputs, strict=True))
        cells: tuple[Any, ...] = (..., *shifted)
        term = signal[cells] * window[tap]
        result = term if result is None else np.add(result, term, out=result)
    assert result is not None, math.prod(window.shape)
    return result
