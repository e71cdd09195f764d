"""Element-by-element arithmetic: sums of values, and scaling by constants."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelet.errors import ShapeError
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class Add(Op, frozen=True):
    """Sum of two values of the same shape."""

    name = "add"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        left, right = inputs
        if left != right:
            raise ShapeError(f"add needs inputs of one shape, got {left.shape} and {right.shape}.")
        return (left,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return tuple(upstream if wanted else None for wanted in needed)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] + inputs[1],)


class Rescale(Op, frozen=True):
    """``x · scale + offset`` with constants, one pair for all channels or one a channel.

    Attributes
    ----------
    scale, offset : tuple of float
        One entry, or one a channel.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    name = "rescale"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        for constants in (self.scale, self.offset):
            if len(constants) not in (1, x.shape[-1] if x.shape else 1):
                raise ShapeError(f"{len(constants)} constants do not fit {x.shape}.")
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (build.add(Rescale(self.scale, (0.0,)), upstream),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0] * np.asarray(self.scale) + np.asarray(self.offset),)
