"""From a method's name to a result: whether it may be used, and what to do where it may not."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.arguments import Method, listed, shape_text
from kernelet.convolution.choice import fastest
from kernelet.convolution.costs import seconds
from kernelet.convolution.methods import METHODS, fft
from kernelet.convolution.problem import Problem
from kernelet.errors import UsageError

# Up to here no method can gain on "direct" what choosing it costs.
_NOT_WORTH_CHOOSING = 20_000

# Rounding to the nearest integer is exact while errors are known to stay below one half.
_ROUNDING_ROOM = 0.25


def solve_problem(
    problem: Problem, signal: NDArray[Any], window: NDArray[Any], method: Method
) -> NDArray[Any]:
    """Solve a problem by a method, or by the one that is predicted to be the fastest.

    Parameters
    ----------
    problem : Problem
    signal : ndarray, shape (batch, depth, height, width)
    window : ndarray, shape (depth, height, width)
    method : str
        A method's name, or "auto".

    Returns
    -------
    ndarray, shape (batch, depth, height, width)

    Raises
    ------
    UsageError
        If the method does not apply.
    """
    if problem.batch == 0:
        return np.empty((0, *problem.output), problem.dtype)
    integers = np.dtype(problem.dtype).kind in "iu"
    if method == "auto":
        if problem.multiply_adds <= _NOT_WORTH_CHOOSING:
            return METHODS["direct"].run(problem, signal, window)
        if integers:
            return _integers(problem, signal, window)
        name = fastest(problem, window)
        if name != "direct" and not (_finite(signal) and _finite(window)):
            name = "direct"
        return METHODS[name].run(problem, signal, window)
    if integers and method == "fft":
        return _rounded(problem, signal, window)
    return _named(problem, signal, window, method)


def _named(
    problem: Problem, signal: NDArray[Any], window: NDArray[Any], method: Method
) -> NDArray[Any]:
    module = METHODS[method]
    if not module.applies(problem, window):
        size = shape_text([n for n in problem.window if n > 1] or [1])
        others = [name for name, other in METHODS.items() if other.applies(problem, window)]
        raise UsageError(
            f'method "{method}" does not apply to this filter ({size}, {problem.dtype}).'
            f" Use method={listed(['auto', *others])}."
        )
    if method != "direct" and not (_finite(signal) and _finite(window)):
        warnings.warn(
            f"Use of {method} convolution on input with NAN or inf spreads them to other cells;"
            ' method="direct" keeps them where they are.',
            RuntimeWarning,
            stacklevel=2,
        )
    return module.run(problem, signal, window)


def _finite(array: NDArray[Any]) -> bool:
    """Return whether all cells are finite; a sum tells most of the time, and takes no memory."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(array.sum()) or np.isfinite(array).all())


def _integers(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
    """Solve exactly, by spectra where they are faster and their rounding is known to be exact."""
    real = replace(problem, dtype="float64")
    if seconds("fft", real) < seconds("direct", problem):
        norm = float(np.linalg.norm(signal.astype(np.float64).ravel())) + abs(
            problem.fillvalue
        ) * np.sqrt(problem.multiply_adds)
        taps = float(np.abs(window.astype(np.float64)).sum())
        if fft.error_bound(real) * norm * taps < _ROUNDING_ROOM:
            return _rounded(problem, signal, window)
    return METHODS["direct"].run(problem, signal, window)


def _rounded(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
    """Solve in float64 and round; what does not fit the type wraps around."""
    real = replace(problem, dtype="float64")
    sums = fft.run(real, signal.astype(np.float64), window.astype(np.float64))
    wide = np.uint64 if problem.dtype == "uint64" else np.int64
    rounded: NDArray[Any] = np.rint(sums).astype(wide)
    return rounded.astype(problem.dtype, copy=False)
