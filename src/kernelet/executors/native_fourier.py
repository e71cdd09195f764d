"""Sliding dot products by way of spectra in the C++ engine."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kernelet import _engine
from kernelet.executors.aligned import result_array

Triple = tuple[int, int, int]
Radices = tuple[tuple[int, ...], ...]


# The constants of a plan take about an eighth of the bytes of the piece that it transforms.
@functools.lru_cache(maxsize=16)
def _plan(isa: str, dtype: str, radices: Radices) -> _engine.FourierPlan:
    return _engine.FourierPlan(isa, dtype, radices)


def correlate_fft(
    signal: NDArray[Any],
    window: NDArray[Any],
    output: Triple,
    before: Triple,
    boundary: Literal["fill", "wrap", "symm"],
    fill: float,
    *,
    radices: Radices,
    step: Triple,
    threads: int | None = None,
    isa: str | None = None,
) -> NDArray[Any]:
    """Return the sliding dot product of every signal with a window.

    Parameters
    ----------
    signal : ndarray, shape (batch, depth, height, width)
        float32 or float64.
    window : ndarray of the same type, shape (depth, height, width)
    output : tuple of int
        Window positions, an axis.
    before : tuple of int
        Cells by which the first window position lies before the signal, an axis.
    boundary : {"fill", "wrap", "symm"}
        How the signal continues.
    fill : float
        What ``fill`` fills with.
    radices : tuple of tuples of int
        Of 2, 3, 4, 5 and 8; an axis of the transform has as many complex numbers as their product,
        the innermost axis 16 times as many. The outermost axis that has radices, or else the
        innermost one, holds twice as many real numbers.
    step : tuple of int
        Results an axis that one transform computes.
    threads : int, optional
        By default as many as the process may use; the bits do not depend on it.
    isa : str, optional
        Instruction set; by default what KERNELET_ISA names or the best the processor has.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
    """
    plan = _plan(_engine.resolve_isa(isa), signal.dtype.name, radices)
    result = result_array((len(signal), *output), signal.dtype)
    plan.correlate(
        np.ascontiguousarray(signal),
        np.ascontiguousarray(window),
        result,
        fill,
        before,
        _engine.Boundary[boundary.upper()],
        step,
        _engine.usable_threads() if threads is None else threads,
    )
    return result
