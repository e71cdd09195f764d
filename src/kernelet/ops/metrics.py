"""Metrics: one number a sample, for people to read; none is differentiated.

A NaN among the predictions or targets of a sample makes its number NaN.
"""

from __future__ import annotations

import numpy as np

from kernelet.errors import ShapeError
from kernelet.ops.checks import require_classes, require_pair
from kernelet.ops.reduction import SAMPLE_NUMBER
from kernelet.program import Array, Cost, Op, StepContext, Type


def _flat(values: Array) -> Array:
    return values.reshape(len(values), -1)


def _nan_where_nan(result: Array, *sources: Array) -> Array:
    """Return ``result``, NaN for each sample with a NaN in one of the sources."""
    unknown = np.any([np.isnan(_flat(source)).any(axis=1) for source in sources], axis=0)
    return np.where(unknown, np.nan, result)


class TopKAccuracy(Op, frozen=True):
    """1 where the target class is among the k highest scores: ``(scores, targets) → hit``.

    The target class is the first with the largest target. Equal scores rank in the order of the
    classes, so that ``k = 1`` asks for the first class with the highest score.

    Attributes
    ----------
    k : int
        How many classes count, at least 1.
    """

    k: int
    name = "top_k_accuracy"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_classes(self.name, *inputs)
        if self.k < 1:
            raise ShapeError(f"{self.name} needs k of at least 1, got {self.k}.")
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=4 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        scores, targets = inputs
        target = targets.argmax(axis=-1)[:, None]
        score = np.take_along_axis(scores, target, axis=-1)
        earlier = np.arange(scores.shape[-1]) < target
        rank = ((scores > score) | ((scores == score) & earlier)).sum(axis=-1)
        return (_nan_where_nan((rank < self.k).astype(np.float64), scores, targets),)


class BinaryAccuracy(Op, frozen=True):
    """Share of elements on the right side: ``(prediction, target) → mean((p > threshold) = t)``.

    Attributes
    ----------
    threshold : float
        Predictions above it count as 1, others as 0.
    """

    threshold: float
    name = "binary_accuracy"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_pair(self.name, *inputs)
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        prediction, target = inputs
        right = (prediction > np.float32(self.threshold)) == target
        return (_nan_where_nan(_flat(right).mean(axis=1), prediction, target),)


class AbsoluteError(Op, frozen=True):
    """Mean of ``|prediction − target|`` over the elements."""

    name = "absolute_error"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_pair(self.name, *inputs)
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=3 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        prediction, target = inputs
        return (_flat(np.abs(prediction - target)).mean(axis=1),)
