"""The operator on arrays in the C++ engine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelet import _engine

Triple = tuple[int, int, int]


def correlate_direct(
    signal: NDArray[Any],
    window: NDArray[Any],
    output: Triple,
    before: Triple,
    boundary: Literal["fill", "wrap", "symm"],
    fill: Any,
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> NDArray[Any]:
    """Return the sliding dot product of every signal with a window.

    Parameters
    ----------
    signal : ndarray, shape (batch, depth, height, width)
        float32, float64 or an integer type, which wraps around.
    window : ndarray of the same type, shape (depth, height, width)
    output : tuple of int
        Window positions, an axis.
    before : tuple of int
        Cells by which the first window position lies before the signal, an axis.
    boundary : {"fill", "wrap", "symm"}
        How the signal continues.
    fill : number
        What ``fill`` fills with; representable in the type.
    threads : int, optional
        By default as many as the process may use; the bits do not depend on it.
    isa : str, optional
        Instruction set; by default what KERNELET_ISA names or the best the processor has.

    Returns
    -------
    ndarray, shape (batch, *output)
    """
    result = np.empty((len(signal), *output), signal.dtype)
    _engine.correlate_direct(
        _engine.resolve_isa(isa),
        np.ascontiguousarray(signal),
        np.ascontiguousarray(window),
        result,
        np.array(fill, signal.dtype),
        before,
        _engine.Boundary[boundary.upper()],
        _engine.usable_threads() if threads is None else threads,
    )
    return result


def correlate_separable(
    signal: NDArray[Any],
    column: NDArray[Any],
    row: NDArray[Any],
    output: Triple,
    before: Triple,
    boundary: Literal["fill", "wrap", "symm"],
    fill: Any,
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> NDArray[Any]:
    """Return the sliding dot product with the window that is a column times a row.

    Parameters
    ----------
    signal : ndarray, shape (batch, depth, height, width)
        float32, float64 or an integer type, which wraps around.
    column, row : ndarray of the same type, one axis each
        The window has depth 1 and is their outer product.
    output, before, boundary, fill, threads, isa
        As for `correlate_direct`.

    Returns
    -------
    ndarray, shape (batch, *output)
    """
    result = np.empty((len(signal), *output), signal.dtype)
    _engine.correlate_separable(
        _engine.resolve_isa(isa),
        np.ascontiguousarray(signal),
        np.ascontiguousarray(column),
        np.ascontiguousarray(row),
        result,
        np.array(fill, signal.dtype),
        before,
        _engine.Boundary[boundary.upper()],
        _engine.usable_threads() if threads is None else threads,
    )
    return result
