"""From one number a sample to one number a batch, and back."""

from __future__ import annotations

import numpy as np

from kernelet.ops.checks import require
from kernelet.program import Array, Cost, Op, StepContext, Type

SAMPLE_NUMBER = Type(())
BATCH_NUMBER = Type((), batched=False)


class BatchMean(Op, frozen=True):
    """Weighted mean over the batch: ``(value, weight) → Σ weight · value / n``.

    The sum is divided by the number n of samples, not by the sum of the weights, as in Keras.
    """

    name = "batch_mean"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (SAMPLE_NUMBER, SAMPLE_NUMBER), inputs)
        return (BATCH_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=1)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        value, weight = inputs
        return (np.asarray(np.mean(value * weight)),)


class SampleShare(Op, frozen=True):
    """Share of each sample in a `BatchMean`, its gradient by the value: ``weight → weight / n``."""

    name = "sample_share"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (SAMPLE_NUMBER,), inputs)
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=1)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (weight,) = inputs
        return (weight / len(weight),)


class RequireFinite(Op, frozen=True):
    """The same number, or the end of the run: ``value → value``.

    Where the number is infinite or NaN, the executor stops before it changes any parameter.
    """

    name = "require_finite"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (BATCH_NUMBER,), inputs)
        return (BATCH_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=1)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (inputs[0],)
