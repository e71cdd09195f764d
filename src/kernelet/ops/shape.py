"""Operations that move elements without computing anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelet.errors import ShapeError
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class Reshape(Op, frozen=True):
    """The same elements in row-major order under another shape.

    Attributes
    ----------
    shape : tuple of int
        Without the batch.
    """

    shape: tuple[int, ...]
    name = "reshape"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        target = Type(self.shape)
        if not x.batched or x.size != target.size:
            raise ShapeError(
                f"{x.shape} with {x.size} elements cannot become {self.shape} with {target.size}."
            )
        return (target,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost()

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (build.add(Reshape(node.inputs[0].shape), upstream),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x.reshape(len(x), *self.shape),)


class Concatenate(Op, frozen=True):
    """Inputs side by side along the last axis, their channels."""

    name = "concatenate"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        if len(inputs) < 2 or not all(x.batched and x.shape for x in inputs):
            raise ShapeError("concatenate needs two inputs or more, each with a last axis.")
        cells = {x.shape[:-1] for x in inputs}
        if len(cells) > 1:
            raise ShapeError(
                "concatenate needs inputs that differ in their last axis only, "
                f"got {', '.join(str(x.shape) for x in inputs)}."
            )
        return (Type((*inputs[0].shape[:-1], sum(x.shape[-1] for x in inputs))),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost()

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        gradients: list[Value | None] = []
        begin = 0
        for value, wanted in zip(node.inputs, needed, strict=True):
            end = begin + value.shape[-1]
            gradients.append(build.add(ChannelSlice(begin, end), upstream) if wanted else None)
            begin = end
        return gradients

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=-1),)


class ChannelSlice(Op, frozen=True):
    """Channels ``[begin, end)`` of the last axis; the gradient of a concatenation.

    Attributes
    ----------
    begin, end : int
    """

    begin: int
    end: int
    name = "channel_slice"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        channels = x.shape[-1] if x.shape else 0
        if not x.batched or not 0 <= self.begin < self.end <= channels:
            raise ShapeError(f"channels [{self.begin}, {self.end}) do not exist in {x.shape}.")
        return (Type((*x.shape[:-1], self.end - self.begin)),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost()

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x[..., self.begin : self.end],)
