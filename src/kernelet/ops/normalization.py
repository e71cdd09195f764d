"""Normalisation by the mean and variance of each channel, its statistics and its gradients.

With mean μ and variance v of a channel over n numbers, all cells of all samples of the batch,

    y = γ · x̂ + β,    x̂ = (x − μ) / √(v + ε).

Where μ and v are measured from the batch itself, they depend on x, and the gradient g of y gives

    ∂x = γ / √(v + ε) · (g − Σg / n − x̂ · Σ(g · x̂) / n)

(Ioffe and Szegedy, "Batch Normalization", 2015); where they are constants, both sums drop out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelet.errors import ShapeError
from kernelet.ops.bias import ChannelSum
from kernelet.ops.checks import describe, require
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


def _channels(x: Type) -> Type:
    """Return the type of one number a channel of ``x``, shared by all samples."""
    return Type(x.shape[-1:], batched=False)


def _require_channels(name: str, x: Type) -> None:
    if not x.batched or not x.shape:
        raise ShapeError(f"{name} expects samples with channels last, got {describe(x)}.")


def _cells_and_batch(x: Array) -> tuple[int, ...]:
    """Return the axes that a channel's statistics run over: all but the last."""
    return tuple(range(x.ndim - 1))


class ChannelMean(Op, frozen=True):
    """Mean of each channel over the batch and all cells: ``x → mean``."""

    name = "channel_mean"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        _require_channels(self.name, x)
        return (_channels(x),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        return (x.mean(axis=_cells_and_batch(x)),)


class ChannelVariance(Op, frozen=True):
    """Mean squared distance of each channel from its mean: ``(x, mean) → variance``.

    The sum is divided by the number of cells (not by one less), as in Keras.
    """

    name = "channel_variance"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x = inputs[0]
        _require_channels(self.name, x)
        require(self.name, (x, _channels(x)), inputs)
        return (_channels(x),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        x, mean = inputs
        return (np.square(x - mean).mean(axis=_cells_and_batch(x)),)


class Normalize(Op, frozen=True):
    """Normalised channels: ``(x, mean, variance[, gamma][, beta]) → y``.

    Attributes
    ----------
    epsilon : float
        Added to the variance.
    scale, center : bool
        Whether gamma and beta are among the inputs.
    batch_statistics : bool
        Whether mean and variance are those of ``x`` itself, so that the gradient by ``x`` passes
        through them; otherwise they are constants.
    """

    epsilon: float
    scale: bool
    center: bool
    batch_statistics: bool
    name = "normalize"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x = inputs[0]
        _require_channels(self.name, x)
        shared = 2 + self.scale + self.center
        require(self.name, (x, *[_channels(x)] * shared), inputs)
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        x, mean, variance = node.inputs[:3]
        through_statistics = needed[0] and self.batch_statistics
        needed_scale = self.scale and needed[3]
        needed_center = self.center and needed[-1]
        products = total = None
        if needed_scale or through_statistics:
            op = NormalizedProductSum(self.epsilon)
            products = build.add(op, upstream, x, mean, variance)
        if needed_center or through_statistics:
            total = build.add(ChannelSum(), upstream)
        by_x = self._input_gradient(build, node, upstream, total, products) if needed[0] else None
        by_scale = [products if needed_scale else None] if self.scale else []
        by_center = [total if needed_center else None] if self.center else []
        return (by_x, None, None, *by_scale, *by_center)

    def _input_gradient(
        self,
        build: ProgramBuilder,
        node: Node,
        upstream: Value,
        total: Value | None,
        products: Value | None,
    ) -> Value:
        x, mean, variance = node.inputs[:3]
        gamma = node.inputs[3:4] if self.scale else ()
        if not self.batch_statistics:
            op = NormalizeFixedGradient(self.epsilon, self.scale)
            return build.add(op, upstream, variance, *gamma)
        assert total is not None
        assert products is not None
        return build.add(
            NormalizeGradient(self.epsilon, self.scale),
            *(upstream, x, mean, variance, total, products, *gamma),
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        x, mean, variance = inputs[:3]
        y = (x - mean) / np.sqrt(variance + self.epsilon)
        if self.scale:
            y = y * inputs[3]
        return (y + inputs[-1] if self.center else y,)


class NormalizedProductSum(Op, frozen=True):
    """Gradient by gamma, Σ g · x̂: ``(upstream, x, mean, variance) → sum of each channel``."""

    epsilon: float
    name = "normalized_product_sum"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x = inputs[0]
        _require_channels(self.name, x)
        require(self.name, (x, x, _channels(x), _channels(x)), inputs)
        return (_channels(x),)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=2 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, x, mean, variance = inputs
        normalized = (x - mean) / np.sqrt(variance + self.epsilon)
        return ((upstream * normalized).sum(axis=_cells_and_batch(x)),)


class NormalizeGradient(Op, frozen=True):
    """Gradient by ``x`` through the statistics of the batch.

    ``(upstream, x, mean, variance, Σ upstream, Σ upstream · x̂[, gamma]) → gradient``.
    """

    epsilon: float
    scale: bool
    name = "normalize_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x = inputs[0]
        _require_channels(self.name, x)
        require(self.name, (x, x, *[_channels(x)] * (4 + self.scale)), inputs)
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=3 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, x, mean, variance, total, products = inputs[:6]
        deviation = np.sqrt(variance + self.epsilon)
        count = x.size // x.shape[-1]
        normalized = (x - mean) / deviation
        gradient = (upstream - total / count - normalized * products / count) / deviation
        return (gradient * inputs[6] if self.scale else gradient,)


class NormalizeFixedGradient(Op, frozen=True):
    """Gradient by ``x`` with constant statistics: ``(upstream, variance[, gamma]) → gradient``."""

    epsilon: float
    scale: bool
    name = "normalize_fixed_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        x = inputs[0]
        _require_channels(self.name, x)
        require(self.name, (x, *[_channels(x)] * (1 + self.scale)), inputs)
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, variance = inputs[:2]
        gradient = upstream / np.sqrt(variance + self.epsilon)
        return (gradient * inputs[2] if self.scale else gradient,)


class MovingAverage(Op, frozen=True):
    """Exponential moving average: ``(running, current) → running · m + current · (1 − m)``.

    Attributes
    ----------
    momentum : float
        m, the share of the running value that stays.
    """

    momentum: float
    name = "moving_average"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        running = inputs[0]
        shared = Type(running.shape, batched=False)
        require(self.name, (shared, shared), inputs)
        return (running,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=inputs[0].size, other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        running, current = inputs
        return (running * self.momentum + current * (1 - self.momentum),)
