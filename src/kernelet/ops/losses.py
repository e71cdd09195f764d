"""Losses: one number a sample, and their gradients by the prediction.

Targets are data: no loss is differentiated by them. Formulas and clipping are those of Keras.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from kernelet.errors import ShapeError
from kernelet.ops.checks import describe, require, require_classes, require_pair
from kernelet.ops.reduction import SAMPLE_NUMBER
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value

# Probabilities are kept this far from 0 and 1, so that no logarithm is infinite.
CLIPPING = 1e-7


def _over_elements(values: Array) -> tuple[int, ...]:
    """Return every axis but the batch."""
    return tuple(range(1, values.ndim))


def _beside(upstream: Array, values: Array) -> Array:
    """Return one number a sample, shaped to multiply ``values``."""
    return upstream.reshape(-1, *[1] * (values.ndim - 1))


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _unclipped(probabilities: Array) -> Array:
    """Return 1 where clipping leaves a probability alone, and NaN where it is NaN."""
    inside = np.clip(probabilities, CLIPPING, 1 - CLIPPING) == probabilities
    return np.where(np.isnan(probabilities), np.nan, inside.astype(np.float64))


class OneHot(Op, frozen=True):
    """Class numbers as targets: ``label → 1 at the label, 0 at every other class``.

    A label that is no class, NaN among them, gives zeros everywhere; whoever reads labels checks
    them before.

    Attributes
    ----------
    classes : int
        Number of classes.
    """

    classes: int
    name = "one_hot"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (SAMPLE_NUMBER,), inputs)
        return (Type((self.classes,)),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=self.classes)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (labels,) = inputs
        return ((labels[:, None] == np.arange(self.classes)).astype(np.float64),)


class _Loss(Op, frozen=True):
    """A loss of a prediction against a target: ``(prediction, target) → one number``."""

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_pair(self.name, *inputs)
        return (SAMPLE_NUMBER,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        if needed[1]:
            raise ShapeError(f"{self.name} cannot be differentiated by its targets.")
        return (build.add(self.by_prediction(), upstream, *node.inputs), None)

    @abstractmethod
    def by_prediction(self) -> Op:
        """Return the operation ``(upstream, prediction, target) → gradient``."""


class _LossGradient(Op, frozen=True):
    """Gradient of a loss by the prediction: ``(upstream, prediction, target) → gradient``."""

    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        upstream, prediction, target = inputs
        require_pair(self.name, prediction, target)
        if upstream != SAMPLE_NUMBER:
            raise ShapeError(
                f"{self.name} expects one upstream number a sample, got {describe(upstream)}."
            )
        return (prediction,)


class SoftmaxCrossEntropy(_Loss, frozen=True):
    """Cross-entropy of the softmax: ``(logits, targets) → Σ t · (log Σ exp(x) − x)``."""

    name = "softmax_cross_entropy"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_classes(self.name, *inputs)
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=5 * inputs[0].size)

    def by_prediction(self) -> Op:
        return SoftmaxCrossEntropyGradient()

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        logits, targets = inputs
        below = logits - logits.max(axis=-1, keepdims=True)
        total = np.log(np.exp(below).sum(axis=-1, keepdims=True))
        return ((targets * (total - below)).sum(axis=-1),)


class SoftmaxCrossEntropyGradient(_LossGradient, frozen=True):
    """Gradient by the logits: ``softmax(x) · Σ t − t``, times the upstream gradient."""

    name = "softmax_cross_entropy_gradient"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[1].size, other=6 * inputs[1].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, logits, targets = inputs
        total = targets.sum(axis=-1, keepdims=True)
        return (upstream[:, None] * (_softmax(logits) * total - targets),)


class CategoricalCrossEntropy(_Loss, frozen=True):
    """Cross-entropy of probabilities: ``(p, targets) → −Σ t · log(p / Σ p)``.

    As in Keras the probabilities are first divided by their sum, then clipped to
    [1e-7, 1 − 1e-7].
    """

    name = "categorical_cross_entropy"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require_classes(self.name, *inputs)
        return (SAMPLE_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=5 * inputs[0].size)

    def by_prediction(self) -> Op:
        return CategoricalCrossEntropyGradient()

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        probabilities, targets = inputs
        share = probabilities / probabilities.sum(axis=-1, keepdims=True)
        clipped = np.clip(share, CLIPPING, 1 - CLIPPING)
        return (-(targets * np.log(clipped)).sum(axis=-1),)


class CategoricalCrossEntropyGradient(_LossGradient, frozen=True):
    """Gradient by the probabilities: ``(a − Σ a q) / Σ p`` with ``q = p / Σ p``, ``a = −t / q``.

    ``a`` is 0 for probabilities that are clipped.
    """

    name = "categorical_cross_entropy_gradient"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=2 * inputs[1].size, other=6 * inputs[1].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, probabilities, targets = inputs
        total = probabilities.sum(axis=-1, keepdims=True)
        share = probabilities / total
        slope = -targets / np.clip(share, CLIPPING, 1 - CLIPPING) * _unclipped(share)
        mean = (slope * share).sum(axis=-1, keepdims=True)
        return (upstream[:, None] * (slope - mean) / total,)


class BinaryCrossEntropy(_Loss, frozen=True):
    """Mean over the elements of ``−t · log p − (1 − t) · log(1 − p)``.

    Attributes
    ----------
    from_logits : bool
        Whether predictions are logits, p = sigmoid(x); otherwise they are probabilities, clipped
        to [1e-7, 1 − 1e-7].
    """

    from_logits: bool
    name = "binary_cross_entropy"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=2 * inputs[0].size, other=5 * inputs[0].size)

    def by_prediction(self) -> Op:
        return BinaryCrossEntropyGradient(self.from_logits)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        prediction, target = inputs
        if self.from_logits:
            tail = np.log1p(np.exp(-np.abs(prediction)))
            losses = np.maximum(prediction, 0) - prediction * target + tail
        else:
            p = np.clip(prediction, CLIPPING, 1 - CLIPPING)
            losses = -target * np.log(p) - (1 - target) * np.log(1 - p)
        return (losses.mean(axis=_over_elements(losses)),)


class BinaryCrossEntropyGradient(_LossGradient, frozen=True):
    """Gradient by the prediction; see `BinaryCrossEntropy`. Clipped probabilities get 0."""

    from_logits: bool
    name = "binary_cross_entropy_gradient"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=6 * inputs[1].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, prediction, target = inputs
        if self.from_logits:
            slope = 0.5 + 0.5 * np.tanh(0.5 * prediction) - target
        else:
            p = np.clip(prediction, CLIPPING, 1 - CLIPPING)
            slope = ((1 - target) / (1 - p) - target / p) * _unclipped(prediction)
        size = prediction[0].size
        return (_beside(upstream, prediction) * slope / size,)


class SquaredError(_Loss, frozen=True):
    """Mean of ``(prediction − target)²`` over the elements."""

    name = "squared_error"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=inputs[0].size)

    def by_prediction(self) -> Op:
        return SquaredErrorGradient()

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        prediction, target = inputs
        squares = np.square(prediction - target)
        return (squares.mean(axis=_over_elements(squares)),)


class SquaredErrorGradient(_LossGradient, frozen=True):
    """Gradient by the prediction: ``2 · (prediction − target) / elements``."""

    name = "squared_error_gradient"

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=2 * inputs[1].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, prediction, target = inputs
        scale = _beside(upstream, prediction) * 2 / prediction[0].size
        return (scale * (prediction - target),)
