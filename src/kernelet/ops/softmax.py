"""Softmax: scores to probabilities over the last axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelet.errors import ShapeError
from kernelet.ops.checks import require
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class Softmax(Op, frozen=True):
    """``exp(x − max) / Σ exp(x − max)`` over the last axis."""

    name = "softmax"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not x.shape:
            raise ShapeError("softmax needs at least one axis, got one number a sample.")
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        # Maximum, difference, exponential, sum and quotient.
        return Cost(other=5 * inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (build.add(SoftmaxGradient(), upstream, node.output),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return (powers / powers.sum(axis=-1, keepdims=True),)


class SoftmaxGradient(Op, frozen=True):
    """Gradient by the scores: ``(upstream, y) → y · (upstream − Σ upstream · y)``."""

    name = "softmax_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        _, y = inputs
        require(self.name, (y, y), inputs)
        return (y,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=2 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, y = inputs
        return (y * (upstream - (upstream * y).sum(axis=-1, keepdims=True)),)
