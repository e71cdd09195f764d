"""Which method is predicted to be the fastest of those that are accurate enough, and why."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from kernelet.convolution.calibration import coefficients
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import Coefficients, predicted_seconds
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem
from kernelet.executors.native_processor import usable_threads

#: Largest error that a method may have to be chosen, relative to the sum of |products|.
LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}

# The built-in coefficients decide alone where they see a method ahead by so much, or where the
# decision is about less than so many seconds; only the other cases are worth measuring for.
_CLEARLY = 4.0
_WORTH_MEASURING = 1e-4

# Integers become float64 and are rounded back.
_CONVERSION = 1.5
_CERTAINLY_DIRECT = 1_000_000


def accurate(method: str, problem: Problem) -> bool:
    """Return whether a method that applies keeps to the error that "auto" promises."""
    return METHODS[method].error_bound(problem) <= LARGEST_ERROR.get(problem.dtype, 0.0)


def _ranked(problem: Problem, by: Coefficients, threads: int) -> list[tuple[float, str]]:
    """Return predicted seconds and names of the methods that may be chosen, fastest first."""
    return sorted(
        (predicted_seconds(name, problem, by, threads), name)
        for name, module in METHODS.items()
        if module.applies(problem) and accurate(name, problem)
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


def fastest(problem: Problem, window: NDArray[Any]) -> str:
    """Return the method that is predicted to be the fastest.

    Parameters
    ----------
    problem : Problem
    window : ndarray, shape (depth, height, width)
        Decides whether the method "separable" applies.
    """
    for name in _order(problem, usable_threads()):
        if METHODS[name].applies(problem, window):
            return name
    return "direct"


def spectra_pay(problem: Problem) -> bool:
    """Return whether integers are predicted to be solved faster in float64 by spectra."""
    real = replace(problem, dtype="float64")
    known = coefficients() if problem.multiply_adds > _CERTAINLY_DIRECT else COEFFICIENTS
    threads = usable_threads()
    spectra = _CONVERSION * predicted_seconds("fft", real, known, threads)
    return spectra < predicted_seconds("direct", problem, known, threads)
