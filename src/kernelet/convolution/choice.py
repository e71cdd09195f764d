"""Which method is predicted to be the fastest of those that are accurate enough."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from kernelet.convolution.bands import divide
from kernelet.convolution.calibration import coefficients
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import Coefficients, predicted_seconds
from kernelet.convolution.layer_costs import AnyConvolution, by_tiles, ways
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.executors.native_processor import usable_threads

#: Largest error that a method may have to be chosen, relative to the sum of |products|.
LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}

# The built-in coefficients decide alone where they see a method ahead by so much, or where the
# decision is about less than so many seconds; only the other cases are worth measuring for.
_CLEARLY = 4.0
_WORTH_MEASURING = 1e-4

# Pictures go side by side where one thread is predicted to be so many times as fast: threads share
# what they take one by one more evenly.
_FASTER_BESIDE = 1.1

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


@dataclass(frozen=True, slots=True)
class Way:
    """How pictures are convolved.

    Attributes
    ----------
    one_by_one : bool
        Where they lie, instead of side by side.
    threads : int
        That are worth waking.
    """

    one_by_one: bool
    threads: int


@functools.lru_cache(maxsize=4096)
def best_way(op: AnyConvolution, pictures: int) -> Way:
    """Return the way that is predicted to take the least time.

    It depends on the operation and the number of pictures alone, and so do the bits of the result.
    """
    single, bands = ways(op, pictures)
    alone, beside = (way.seconds(COEFFICIENTS, threads=1) for way in (single, bands))
    # Tiles of Winograd's algorithm would lie elsewhere in bands, which changes the last bits.
    whole = by_tiles(op) and bool(divide(op, pictures)[1])
    return Way(
        whole or alone <= _FASTER_BESIDE * beside, usable_threads() if single.parallel else 1
    )


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
