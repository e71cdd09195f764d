"""Pooling over one to three axes: each window's maximum or mean, channel by channel.

Padding takes part in neither: the maximum is over the cells inside the picture, and so is the
mean, as in Keras. A window therefore has to reach the picture, which padding below the size of
the window ensures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.geometry import SlidingWindow
from kernelet.ops.checks import require
from kernelet.ops.convolution import taps
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class _Pooling(Op, frozen=True):
    """Attributes that the poolings and their gradients share.

    Attributes
    ----------
    window : SlidingWindow
        Sizes, strides and padding; without dilation.
    channels : int
    """

    window: SlidingWindow
    channels: int

    def __post_init__(self) -> None:
        for axis in self.window.axes:
            if axis.dilation != 1:
                raise ConfigurationError(f"pooling has no dilation, got {axis.dilation}.")
            if max(axis.before, axis.after) >= axis.kernel:
                raise ConfigurationError(
                    f"the padding of a pooling must be smaller than its window of {axis.kernel}, "
                    f"got {(axis.before, axis.after)}: a window could lie outside the picture."
                )
            if axis.output < 1:
                raise ShapeError(
                    f"a pooling window of {axis.kernel} does not fit an input of {axis.length} "
                    f"({axis.arithmetic()})."
                )

    @property
    def picture(self) -> Type:
        return Type((*self.window.size, self.channels))

    @property
    def maps(self) -> Type:
        return Type((*self.window.output, self.channels))

    def cost(self, *inputs: Type) -> Cost:
        # The ledger counts every cell of every window, padding included.
        return Cost(other=self.maps.size * math.prod(self.window.kernel))

    def _counts(self) -> Array:
        """Return how many cells of each window lie inside the picture, shape (…, 1)."""
        counts = np.zeros((*self.window.output, 1))
        for tap in taps(self.window):
            counts[tap.target] += 1
        return counts


class MaxPool(_Pooling, frozen=True):
    """Maximum of each window: ``pictures → maps``. NaN in a window makes its maximum NaN."""

    name = "max_pool"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.picture,), inputs)
        return (self.maps,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        rule = MaxPoolGradient(self.window, self.channels)
        return (build.add(rule, upstream, node.inputs[0], node.output),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (pictures,) = inputs
        maps = np.full((len(pictures), *self.maps.shape), -np.inf)
        for tap in taps(self.window):
            target = maps[:, *tap.target]
            np.maximum(target, pictures[:, *tap.source], out=target)
        return (maps,)


class MaxPoolGradient(_Pooling, frozen=True):
    """Gradient by the picture: ``(upstream, pictures, maps) → picture``.

    Each window hands its gradient to its first maximum in row-major order, to its first cell
    where the maximum is NaN.
    """

    name = "max_pool_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.maps, self.picture, self.maps), inputs)
        return (self.picture,)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, pictures, maps = inputs
        gradient = np.zeros_like(pictures)
        waiting = np.ones(maps.shape, bool)
        for tap in taps(self.window):
            target = (slice(None), *tap.target)
            source = (slice(None), *tap.source)
            # No cell is above the maximum, and NaN is not below anything.
            found = waiting[target] & ~(pictures[source] < maps[target])
            gradient[source] += np.where(found, upstream[target], 0)
            waiting[target] &= ~found
        return (gradient,)


class AveragePool(_Pooling, frozen=True):
    """Mean of the cells of each window that lie inside the picture: ``pictures → maps``."""

    name = "average_pool"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.picture,), inputs)
        return (self.maps,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (build.add(AveragePoolGradient(self.window, self.channels), upstream),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (pictures,) = inputs
        sums = np.zeros((len(pictures), *self.maps.shape))
        for tap in taps(self.window):
            sums[:, *tap.target] += pictures[:, *tap.source]
        return (sums / self._counts(),)


class AveragePoolGradient(_Pooling, frozen=True):
    """Gradient by the picture: each window spreads its gradient evenly over its cells."""

    name = "average_pool_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.maps,), inputs)
        return (self.picture,)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (upstream,) = inputs
        shares = upstream / self._counts()
        gradient = np.zeros((len(upstream), *self.picture.shape))
        for tap in taps(self.window):
            gradient[:, *tap.source] += shares[:, *tap.target]
        return (gradient,)
