"""Seconds that a method takes, as a weighted sum of what it does."""

from __future__ import annotations

from dataclasses import dataclass

from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Seconds for calling a method, for a multiply-add and for a byte."""

    call: float
    multiply_add: float
    byte: float


BUILT_IN = {
    "direct": Coefficients(1e-5, 1.5e-11, 1e-10),
    "fft": Coefficients(6e-5, 5e-11, 1e-10),
    "matmul": Coefficients(4e-5, 1e-11, 5e-10),
    "separable": Coefficients(1e-4, 2e-11, 1e-10),
    "winograd": Coefficients(1e-4, 1e-10, 1e-10),
}


def seconds(method: str, problem: Problem) -> float:
    """Return the predicted time of a method."""
    work = METHODS[method].work(problem)
    c = BUILT_IN[method]
    return c.call + c.multiply_add * work.multiply_adds + c.byte * work.bytes
