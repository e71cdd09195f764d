"""Which method is predicted to be the fastest of those that are accurate enough."""

from __future__ import annotations

import functools
import math
from typing import Any

import msgspec
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.calibration import coefficients
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import Coefficients, predicted_seconds
from kernelet.convolution.layer_costs import ways, worth_sharing
from kernelet.convolution.methods import METHODS
from kernelet.convolution.operation import AnyConvolution, Operation
from kernelet.convolution.problem import Problem
from kernelet.executors.native_processor import usable_threads

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


class Way(msgspec.Struct, frozen=True):
    """How pictures are convolved or pooled.

    Attributes
    ----------
    one_by_one : bool
        Where they lie, instead of side by side.
    threads : int
        That are worth waking.
    """

    one_by_one: bool
    threads: int


def best_way(op: Operation, pictures: int) -> Way:
    """Return the way that is predicted to take the least time; all of them give the same bits."""
    threads = usable_threads() if worth_sharing(op, pictures) else 1
    alone = not isinstance(op, AnyConvolution) or _is_fastest_alone(op, pictures, threads)
    return Way(alone, threads)


@functools.lru_cache(maxsize=4096)
def _is_fastest_alone(op: AnyConvolution, pictures: int, threads: int) -> bool:
    alone, *others = (way.seconds(COEFFICIENTS, threads) for way in ways(op, pictures))
    return alone <= min(others, default=math.inf)


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
