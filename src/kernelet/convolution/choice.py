"""Which method is predicted to be the fastest."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from kernelet.convolution.costs import seconds
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem

#: Largest error that a method may have to be chosen, relative to the sum of |products|.
LARGEST_ERROR = {"float32": 1e-5, "float64": 1e-13}


def fastest(problem: Problem, window: NDArray[Any]) -> str:
    """Return the method that is predicted to be the fastest of those that are accurate enough."""
    limit = LARGEST_ERROR.get(problem.dtype, 0.0)
    times = {
        name: seconds(name, problem)
        for name, module in METHODS.items()
        if module.applies(problem) and module.error_bound(problem) <= limit
    }
    for name in sorted(times, key=times.__getitem__):
        if METHODS[name].applies(problem, window):
            return name
    return "direct"
