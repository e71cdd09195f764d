"""Which method is predicted to be the fastest of those that are accurate enough."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from kernelet.convolution.bands import LANES, Operation
from kernelet.convolution.calibration import coefficients
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import Coefficients, in_bands, one_by_one, predicted_seconds
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.executors.native_processor import usable_threads
from kernelet.ops.convolution import Convolution

#: Largest error that a method may have to be chosen, relative to the sum of |products|.
LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}

# The built-in coefficients decide alone where they see a method ahead by so much, or where the
# decision is about less than so many seconds; only the other cases are worth measuring for.
_CLEARLY = 4.0
_WORTH_MEASURING = 1e-4

#: Turning integers into float64 and rounding the result makes spectra so many times slower.
CONVERSION = 1.5


#: The last bits of "matmul" depend on how many threads BLAS uses; it has never been the fastest.
CANDIDATES = tuple(name for name in METHODS if name != "matmul")


def accurate(method: str, problem: Problem) -> bool:
    """Return whether a method that applies keeps to the error that "auto" promises."""
    return METHODS[method].error_bound(problem) <= LARGEST_ERROR.get(problem.dtype, 0.0)


def _ranked(problem: Problem, by: Coefficients, threads: int) -> list[tuple[float, str]]:
    """Return predicted seconds and names of the methods that may be chosen, fastest first."""
    return sorted(
        (predicted_seconds(name, problem, by, threads), name)
        for name in CANDIDATES
        if METHODS[name].applies(problem) and accurate(name, problem)
    )


@functools.lru_cache(maxsize=4096)
def _order(problem: Problem, threads: int) -> tuple[str, ...]:
    """Return the methods that may be chosen, fastest first."""
    ranked = _ranked(problem, COEFFICIENTS, threads)
    # Whether a window is separable is not known here.
    first, second = ([*(t for t, name in ranked if name != "separable"), math.inf, math.inf])[:2]
    if first > _WORTH_MEASURING and second < _CLEARLY * first:
        ranked = _ranked(problem, coefficients(), threads)
    return tuple(name for _, name in ranked)


def fastest(problem: Problem, window: NDArray[Any] | None) -> str:
    """Return the method that is predicted to be the fastest.

    Parameters
    ----------
    problem : Problem
        Of real numbers; integers have `spectra_pay`.
    window : ndarray, shape (depth, height, width), or None
        Decides whether the method "separable" applies; without it, it is not chosen.
    """
    for name in _order(problem, usable_threads()):
        if name == "separable" and window is None:
            continue
        if METHODS[name].applies(problem, window):
            return name
    return "direct"


@functools.lru_cache(maxsize=4096)
def one_by_one_pays(op: Operation, pictures: int) -> bool:
    """Return whether pictures are convolved faster one by one than cut into bands."""
    threads = usable_threads()
    if not isinstance(op, Convolution) or pictures >= 2 * LANES * threads:
        return False
    single, bands = one_by_one(op, pictures), in_bands(op, pictures)
    return single.seconds(COEFFICIENTS, threads) < bands.seconds(COEFFICIENTS, threads)


@functools.lru_cache(maxsize=4096)
def spectra_pay(problem: Problem) -> bool:
    """Return whether integers are predicted to be solved faster in float64 by spectra."""
    real = replace(problem, dtype="float64")
    threads = usable_threads()

    def gain(by: Coefficients) -> float:
        spectra = CONVERSION * predicted_seconds("fft", real, by, threads)
        return predicted_seconds("direct", problem, by, threads) / spectra

    built_in = gain(COEFFICIENTS)
    clear = not 1 / _CLEARLY < built_in < _CLEARLY
    return (built_in if clear else gain(coefficients())) > 1
