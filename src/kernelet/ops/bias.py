"""Bias: one number a feature map, added to every cell of it."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.errors import ShapeError
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class BiasAdd(Op, frozen=True):
    """Add one number a channel: ``(x, bias) → x + bias``."""

    name = "bias_add"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x, bias = inputs
        if bias.shape != x.shape[-1:]:
            raise ShapeError(f"a bias of shape {bias.shape} does not fit {x.shape}.")
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (
            upstream if needed[0] else None,
            build.add(ChannelSum(), upstream) if needed[1] else None,
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        x, bias = inputs
        return (x + bias,)


class ChannelSum(Op, frozen=True):
    """Sum over the batch and all cells of each channel."""

    name = "channel_sum"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        return (Type(inputs[0].shape[-1:], batched=False),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x.sum(axis=tuple(range(x.ndim - 1))),)
