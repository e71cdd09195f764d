"""Ways to solve a `kernelet.convolution.problem.Problem`, one a file."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray

from kernelet.convolution.methods import direct, fft, matmul, separable, winograd
from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work


class MethodModule(Protocol):
    """What each module of a method offers."""

    def applies(self, problem: Problem, window: NDArray[Any] | None = None) -> bool:
        """Return whether the method can solve the problem, for a window if one is given."""

    def error_bound(self, problem: Problem) -> float:
        """Return how far the result may lie from the float64 one, normwise."""

    def work(self, problem: Problem) -> Work:
        """Return the arithmetic and the memory traffic."""

    def run(
        self,
        problem: Problem,
        signal: NDArray[Any],
        window: NDArray[Any],
        threads: int | None = None,
    ) -> NDArray[Any]:
        r"""Return the result, shape (batch, \*output)."""


#: By name, in the order in which they are shown.
METHODS: dict[str, MethodModule] = {
    "direct": direct,
    "fft": fft,
    "matmul": matmul,
    "separable": separable,
    "winograd": winograd,
}
