"""Calls of the operator whose shapes and types were seen before.

The products of a short signal take a few microseconds, and working out what the sizes mean takes
three times as long. It depends on shapes and types alone, so it happens once for each of them. What
is rare (batches, complex numbers, fill values, more than three axes) goes the long way through
`kernelet.convolution.solving`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.arguments import Method, Mode
from kernelet.convolution.formulation import AXES, Windows, assign_roles, problem_of, touched
from kernelet.convolution.methods import direct
from kernelet.convolution.problem import Boundary, Problem
from kernelet.convolution.selection import chooses_direct, solve_problem
from kernelet.convolution.solving import as_native

Solver = Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]


class PreparedCall(msgspec.Struct, frozen=True):
    """A call of `convolve` or `correlate` but for the numbers in the arrays.

    Attributes
    ----------
    swap : bool
        Whether the signal moves over the filter.
    reverse_moving, reverse_window : bool
        Whether the array in that role is reversed along every axis.
    reversal : tuple of slice
        The index that reverses.
    signal, window, output : tuple of int
        Shapes of the problem's arrays, and of the result.
    dtype : dtype
        Of all arrays.
    solve : callable
        From signal and window to the result.
    """

    swap: bool
    reverse_moving: bool
    reverse_window: bool
    reversal: tuple[slice, ...]
    signal: tuple[int, ...]
    window: tuple[int, ...]
    output: tuple[int, ...]
    dtype: np.dtype[Any]
    solve: Solver

    def __call__(self, a: NDArray[Any], w: NDArray[Any]) -> NDArray[Any]:
        """Return the result for arrays of the shapes and types that were prepared for."""
        moving, window = (w, a) if self.swap else (a, w)
        if self.reverse_moving:
            moving = moving[self.reversal].copy()
        if self.reverse_window:
            window = window[self.reversal].copy()
        signal = as_native(moving, self.dtype).reshape(self.signal)
        window = as_native(window, self.dtype).reshape(self.window)
        return self.solve(signal, window).reshape(self.output)


@functools.lru_cache(maxsize=1024)
def prepare(
    a_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    a_type: np.dtype[Any],
    w_type: np.dtype[Any],
    mode: Mode,
    method: Method,
    boundary: Boundary,
    *,
    flip: bool,
) -> PreparedCall | None:
    """Work out what shapes and types mean.

    Parameters
    ----------
    a_shape, w_shape : tuple of int
    a_type, w_type : dtype
        Of signal and filter.
    mode : {"full", "same", "valid"}
    method : str
        A method's name, or "auto".
    boundary : {"fill", "wrap", "symm"}
        Where ``fill`` fills with zeros.
    flip : bool
        Whether to convolve, not to correlate.

    Returns
    -------
    PreparedCall or None
        None for what only the long way solves, or refuses.

    Raises
    ------
    ShapeError
        If the mode is ``valid`` and neither array fits into the other.
    """
    if a_type != w_type or a_type.kind not in "fiu" or a_type.char in "eg":
        return None
    if len(a_shape) != len(w_shape) or not 1 <= len(a_shape) <= AXES:
        return None
    if 0 in (*a_shape, *w_shape):
        return None
    plain = mode == "valid" or boundary == "fill"
    late = not (flip or plain)
    swap, placed = assign_roles(a_shape, w_shape, mode, plain=plain, late=late)
    if not _all_touched(placed):
        return None
    dtype = a_type.newbyteorder("=")
    problem = problem_of(1, placed, dtype.name, "fill" if plain else boundary, 0.0)
    return PreparedCall(
        swap=swap,
        reverse_moving=swap and not flip,
        reverse_window=swap or flip,
        reversal=(slice(None, None, -1),) * len(a_shape),
        signal=(1, *problem.signal),
        window=problem.window,
        output=tuple(one.output for one in placed),
        dtype=dtype,
        solve=_solver(problem, method),
    )


def _all_touched(placed: Windows) -> bool:
    return all(touched(one) == slice(0, one.length) for one in placed)


def _solver(problem: Problem, method: Method) -> Solver:
    if chooses_direct(problem, method):
        return direct.prepare(problem)
    return functools.partial(solve_problem, problem, method=method)
