"""The operator on arrays in the C++ engine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from kernelet import _engine
from kernelet.executors.aligned import result_array

Triple = tuple[int, int, int]
Boundary = Literal["fill", "wrap", "symm"]


class DirectCorrelation:
    """The sliding dot product of signals with a window, for sizes that are resolved once.

    Parameters
    ----------
    dtype : data-type
        Of signal, window and result: float32, float64 or an integer type, which wraps around.
    output : tuple of int
        Window positions: batch, depth, height, width.
    before : tuple of int
        Cells by which the first window position lies before the signal, an axis.
    boundary : {"fill", "wrap", "symm"}
        How the signal continues.
    fill : number
        What ``fill`` fills with; representable in the type.
    """

    __slots__ = ("_before", "_boundary", "_dtype", "_fill", "_output")

    def __init__(
        self,
        dtype: DTypeLike,
        output: tuple[int, int, int, int],
        before: Triple,
        boundary: Boundary,
        fill: Any,
    ) -> None:
        self._dtype = np.dtype(dtype)
        self._output = output
        self._before = before
        self._boundary = _engine.Boundary[boundary.upper()]
        self._fill = np.array(fill, dtype)

    def __call__(
        self,
        signal: NDArray[Any],
        window: NDArray[Any],
        threads: int | None = None,
        isa: str | None = None,
    ) -> NDArray[Any]:
        """Return the result.

        Parameters
        ----------
        signal : ndarray, shape (batch, depth, height, width)
        window : ndarray, shape (depth, height, width)
            Both C-contiguous and of the type.
        threads : int, optional
            By default as many as the process may use; the bits do not depend on it.
        isa : str, optional
            Instruction set; by default what KERNELET_ISA names or the best the processor has.

        Returns
        -------
        ndarray, shape (batch, depth, height, width)
        """
        result = result_array(self._output, self._dtype)
        _engine.correlate_direct(
            _engine.resolve_isa(isa),
            signal,
            window,
            result,
            self._fill,
            self._before,
            self._boundary,
            _engine.usable_threads() if threads is None else threads,
        )
        return result


def correlate_separable(
    signal: NDArray[Any],
    column: NDArray[Any],
    row: NDArray[Any],
    output: Triple,
    before: Triple,
    boundary: Boundary,
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
    output : tuple of int
        Window positions, an axis.
    before, boundary, fill, threads, isa
        As for `DirectCorrelation`.

    Returns
    -------
    ndarray, shape (batch, *output)
    """
    result = result_array((len(signal), *output), signal.dtype)
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
