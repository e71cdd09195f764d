"""From a method's name to a result: whether it may be used, and what to do where it may not."""

from __future__ import annotations

import math
import sys
import warnings
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.arguments import Method, listed, shape_text
from kernelet.convolution.choice import fastest, spectra_pay
from kernelet.convolution.methods import METHODS, fft
from kernelet.convolution.problem import Problem
from kernelet.errors import UsageError

# Up to here no method can gain on "direct" what choosing it costs.
_NOT_WORTH_CHOOSING = 100_000

# Rounding to the nearest integer is exact while errors are known to stay below one half.
_ROUNDING_ROOM = 0.25


def chooses_direct(problem: Problem, method: Method) -> bool:
    """Return whether sizes alone, without the numbers, say that "direct" is what solves."""
    if not METHODS["direct"].applies(problem):
        return False
    small = problem.multiply_adds <= _NOT_WORTH_CHOOSING
    return method == "direct" or (method == "auto" and small)


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
    if chooses_direct(problem, method):
        return METHODS["direct"].run(problem, signal, window)
    integers = "int" in problem.dtype
    if method == "auto":
        if integers:
            return _integers(problem, signal, window)
        name = fastest(problem, window)
        if name != "direct" and not _finite(signal, window):
            name = "direct"
        return METHODS[name].run(problem, signal, window)
    if integers and method == "fft":
        real = replace(problem, dtype="float64")
        if not _rounds_exactly(real, signal, window):
            _warn("float64 spectra of such large integers are not exact")
        return _rounded(real, signal, window, problem.dtype)
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
    if method != "direct" and not _finite(signal, window):
        _warn(f"Use of {method} convolution on input with NAN or inf spreads them to other cells")
    return module.run(problem, signal, window)


def _warn(problem: str) -> None:
    """Warn of results that another method would not give, at the line that called kernelet."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals["__name__"].startswith("kernelet."):
        frame, level = frame.f_back, level + 1
    warnings.warn(f'{problem}; use method="direct".', RuntimeWarning, stacklevel=level)


def _finite(*arrays: NDArray[Any]) -> bool:
    """Return whether all cells are finite; a sum tells most of the time, and takes no memory."""
    with np.errstate(all="ignore"):
        return all(
            math.isfinite(np.add.reduce(array, None)) or bool(np.isfinite(array).all())
            for array in arrays
        )


def _integers(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
    """Solve exactly, by spectra where they are faster and rounding them is known to be exact."""
    real = replace(problem, dtype="float64")
    if spectra_pay(problem) and _rounds_exactly(real, signal, window):
        return _rounded(real, signal, window, problem.dtype)
    return METHODS["direct"].run(problem, signal, window)


def _rounds_exactly(real: Problem, signal: NDArray[Any], window: NDArray[Any]) -> bool:
    """Return whether spectra of these integers surely give sums that round to the right ones.

    Errors in a spectrum are relative to the norm of the continued signal, and the window multiplies
    no frequency by more than the sum of its magnitudes.
    """
    beyond = math.prod(map(max, real.output, real.signal)) * real.batch
    largest = max(abs(int(signal.min())), abs(int(signal.max())), abs(real.fillvalue))
    magnitudes = float(np.abs(window.astype(np.float64)).sum())
    norm = largest * math.sqrt(beyond + signal.size)
    return fft.error_bound(real) * norm * magnitudes < _ROUNDING_ROOM


def _rounded(real: Problem, signal: NDArray[Any], window: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Solve in float64 and round; what does not fit the type wraps around."""
    sums = fft.run(real, signal.astype(np.float64), window.astype(np.float64))
    wide = np.uint64 if dtype == "uint64" else np.int64
    with np.errstate(invalid="ignore"):  # beyond the range of 64 bits there is no right answer
        rounded: NDArray[Any] = np.rint(sums, out=sums).astype(wide)
    return rounded.astype(dtype, copy=False)
