"""From arrays to problems: number types, complex parts, batches, more axes than three."""

from __future__ import annotations

import functools
import math
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.arguments import Method
from kernelet.convolution.definition import correlate_by_definition, extended
from kernelet.convolution.formulation import AXES, problem_of, still_axes, touched
from kernelet.convolution.problem import Boundary
from kernelet.convolution.selection import solve_problem
from kernelet.geometry import Window


class Task(msgspec.Struct, frozen=True):
    """How a window moves along the last axes of a signal.

    Attributes
    ----------
    placed : tuple of Window
        One for each sliding axis.
    boundary : {"fill", "wrap", "symm"}
    fill : number
        What ``fill`` fills with.
    method : str
        A method's name, or "auto".
    """

    placed: tuple[Window, ...]
    boundary: Boundary
    fill: Any
    method: Method

    @property
    def outputs(self) -> tuple[int, ...]:
        """Window positions, an axis."""
        return tuple(one.output for one in self.placed)


def solve(signal: NDArray[Any], window: NDArray[Any], task: Task) -> NDArray[Any]:
    r"""Correlate, in whatever type the arrays have.

    Parameters
    ----------
    signal : ndarray, shape (..., \*lengths)
    window : ndarray, shape (..., \*kernel lengths)
        The leading axes of both are batches that broadcast.
    task : Task

    Returns
    -------
    ndarray, shape (..., \*outputs)
        Of the arrays' common type.
    """
    dtype = np.result_type(signal, window)
    if dtype.kind == "b":
        return solve(signal.astype(np.int64), window.astype(np.int64), task).astype(bool)
    if dtype == np.float16:
        single = np.dtype(np.float32)
        return solve(signal.astype(single), window.astype(single), task).astype(dtype)
    if dtype.char in "OgG":
        return _by_definition(signal.astype(dtype), window.astype(dtype), task)
    if dtype.kind == "c":
        return _complex(signal, window, task, dtype)
    return _batches(signal, window, task, dtype)


def _by_definition(signal: NDArray[Any], window: NDArray[Any], task: Task) -> NDArray[Any]:
    batch = _batch_shape(signal, window, task)
    result = np.empty(batch + task.outputs, signal.dtype)
    axes = len(task.placed)
    signal = np.broadcast_to(signal, batch + signal.shape[signal.ndim - axes :])
    window = np.broadcast_to(window, batch + window.shape[window.ndim - axes :])
    for entry in np.ndindex(batch):
        result[entry] = correlate_by_definition(
            signal[entry], window[entry], task.placed, task.boundary, task.fill
        )
    return result


def _complex(
    signal: NDArray[Any], window: NDArray[Any], task: Task, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Solve for the real and imaginary parts: two products, or four if both arrays have both."""
    result = np.zeros(_batch_shape(signal, window, task) + task.outputs, dtype)
    real = np.dtype(f"f{dtype.itemsize // 2}")
    fill = complex(task.fill)
    parts = [(signal.real, 1 + 0j, fill.real)]
    if np.iscomplexobj(signal) or fill.imag:
        parts.append((signal.imag, 1j, fill.imag))
    for own, factor, number in parts:
        part = replace(task, fill=number)
        _add(result, factor, _batches(own, window.real, part, real))
        if np.iscomplexobj(window):
            _add(result, factor * 1j, _batches(own, window.imag, part, real))
    return result


def _add(result: NDArray[Any], factor: complex, part: NDArray[Any]) -> None:
    """Add ``factor · part``; a factor is 1, 1j or −1, and a part is real."""
    target = result.imag if factor == 1j else result.real
    (np.subtract if factor == -1 else np.add)(target, part, out=target)


def _batch_shape(signal: NDArray[Any], window: NDArray[Any], task: Task) -> tuple[int, ...]:
    axes = len(task.placed)
    return np.broadcast_shapes(
        signal.shape[: signal.ndim - axes], window.shape[: window.ndim - axes]
    )


def _batches(
    signal: NDArray[Any], window: NDArray[Any], task: Task, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Solve for real numbers; signals that share a window are solved together."""
    axes = len(task.placed)
    if signal.ndim == axes:
        return _dimensions(signal[np.newaxis], window, task, dtype).reshape(task.outputs)
    batch = _batch_shape(signal, window, task)
    windows = window.shape[: window.ndim - axes]
    if math.prod(windows) == 1:
        shared = window.reshape(window.shape[window.ndim - axes :])
        lengths = signal.shape[signal.ndim - axes :]
        together = signal.reshape(-1, *lengths)
        return _dimensions(together, shared, task, dtype).reshape(batch + task.outputs)
    result = np.empty(batch + task.outputs, dtype)
    signal = np.broadcast_to(signal, batch + signal.shape[signal.ndim - axes :])
    for entry in np.ndindex(windows):
        one = tuple(slice(None) if n == 1 else k for k, n in zip(entry, windows, strict=True))
        lead = (slice(None),) * (len(batch) - len(windows))
        own = signal[(*lead, *one)]
        together = own.reshape(-1, *own.shape[own.ndim - axes :])
        solved = _dimensions(together, window[entry], task, dtype)
        result[(*lead, *one)] = solved.reshape(own.shape[: own.ndim - axes] + task.outputs)
    return result


def _dimensions(
    signal: NDArray[Any], window: NDArray[Any], task: Task, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Solve for one batch axis and any number of sliding ones."""
    still = still_axes(task.placed)
    if still:
        inner = replace(task, placed=task.placed[still:])
        together = signal.reshape(-1, *signal.shape[1 + still :])
        solved = _dimensions(together, window.reshape(window.shape[still:]), inner, dtype)
        return solved.reshape(len(signal), *task.outputs)
    if len(task.placed) <= AXES:
        return _problem(signal, window, task, dtype)
    return _leading_taps(signal, window, task, dtype)


def _leading_taps(
    signal: NDArray[Any], window: NDArray[Any], task: Task, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Add up one problem of an axis less for each tap of the first sliding axis."""
    first, inner = task.placed[0], replace(task, placed=task.placed[1:])
    whole = extended(signal.astype(dtype, copy=False), 1, first, task.boundary, task.fill)
    result = np.zeros((len(signal), *task.outputs), dtype)
    for tap in range(first.kernel):
        planes = whole[:, tap : tap + first.output]
        solved = _dimensions(planes.reshape(-1, *planes.shape[2:]), window[tap], inner, dtype)
        result += solved.reshape(result.shape)
    return result


def _problem(
    signal: NDArray[Any], window: NDArray[Any], task: Task, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Solve for one batch axis and at most three sliding ones."""
    name = _name(dtype)
    problem = problem_of(len(signal), task.placed, name, task.boundary, float(task.fill))
    cells: tuple[slice, ...] = (slice(None), *map(touched, task.placed))
    signal = as_native(signal[cells], dtype).reshape(problem.batch, *problem.signal)
    window = as_native(window, dtype).reshape(problem.window)
    solved = solve_problem(problem, signal, window, task.method)
    return solved.reshape(problem.batch, *task.outputs)


@functools.lru_cache(maxsize=64)
def _name(dtype: np.dtype[Any]) -> str:
    """Return the name of a type, which NumPy composes anew whenever it is asked."""
    return dtype.name


def as_native(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the array as methods take it: C-contiguous, aligned, in the machine's byte order.

    Parameters
    ----------
    array : ndarray
    dtype : dtype
        In the machine's byte order.
    """
    if array.dtype == dtype and array.flags.carray:
        return array
    return np.require(array, dtype, ("C", "A"))
