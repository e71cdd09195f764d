"""Convolution as layers mean it (correlation) over one to three axes, and its two gradients.

For a picture A of H×W×C, filters w of K×L×C×F and an output B of H'×W'×F,

    B(i, j, f) = Σ_k Σ_l Σ_c A(i·s + k·d − before, j·s + l·d − before, c) · w(k, l, c, f),

with zeros outside A, and likewise over one axis or three. The gradients by A and by w are
convolutions with the roles swapped: the one of B's gradient with the rotated filters, the other of
A with B's gradient. The gradient by A, taken as an operation of its own on maps B, is the
*transposed convolution*; its gradients are again a convolution and a filter gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import msgspec
import numpy as np

from kernelet.geometry import SlidingWindow, Window
from kernelet.ops.checks import require
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class Taps(msgspec.Struct, frozen=True):
    """The cells of input and output that one filter position connects, without the padding."""

    index: tuple[int, ...]
    source: tuple[slice, ...]
    target: tuple[slice, ...]


def _cells(axis: Window, tap: int) -> tuple[slice, slice] | None:
    """Return (input cells, output cells) with ``input = output · stride + shift`` inside both."""
    shift = tap * axis.dilation - axis.before
    first = max(0, -(shift // axis.stride))
    last = min(axis.output - 1, (axis.length - 1 - shift) // axis.stride)
    if last < first:
        return None
    start, end = first * axis.stride + shift, last * axis.stride + shift + 1
    return slice(start, end, axis.stride), slice(first, last + 1)


def taps(window: SlidingWindow) -> Iterator[Taps]:
    """Yield, for each filter position in row-major order, the cells it connects."""
    for index in product(*(range(axis.kernel) for axis in window.axes)):
        cells = [_cells(axis, tap) for axis, tap in zip(window.axes, index, strict=True)]
        connected = [pair for pair in cells if pair is not None]
        if len(connected) == len(cells):
            source, target = zip(*connected, strict=True)
            yield Taps(index, source, target)


class _Convolution(Op, frozen=True):
    """Attributes that a convolution and its gradients share.

    Attributes
    ----------
    window : SlidingWindow
        Sizes, strides, dilation and padding.
    channels, filters : int
        C and F.
    groups : int
        Channels and filters fall into this many independent groups.
    """

    window: SlidingWindow
    channels: int
    filters: int
    groups: int = 1

    @property
    def picture(self) -> Type:
        return Type((*self.window.size, self.channels))

    @property
    def maps(self) -> Type:
        return Type((*self.window.output, self.filters))

    @property
    def weights(self) -> Type:
        shape = (*self.window.kernel, self.channels // self.groups, self.filters)
        return Type(shape, batched=False)

    def cost(self, *inputs: Type) -> Cost:
        # The ledger counts every tap of every output cell, padding included.
        return Cost(multiply_adds=self.maps.size * self.weights.size // self.filters)

    def _grouped(self, array: Array, axis: int = -1) -> list[Array]:
        return np.split(array, self.groups, axis=axis)


class Convolution(_Convolution, frozen=True):
    """Maps of a picture: ``(pictures, filters) → maps``."""

    name = "convolution"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.picture, self.weights), inputs)
        return (self.maps,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        picture, weights = node.inputs
        shared = (self.window, self.channels, self.filters, self.groups)
        # The gradient by the picture comes last: it is in a cache when what is before reads it.
        filters = (
            build.add(ConvolutionFilterGradient(*shared), picture, upstream) if needed[1] else None
        )
        return (
            build.add(ConvolutionInputGradient(*shared), upstream, weights) if needed[0] else None,
            filters,
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        pictures, weights = inputs
        maps = np.zeros((len(pictures), *self.maps.shape))
        for a, w, b in zip(
            self._grouped(pictures), self._grouped(weights), self._grouped(maps), strict=True
        ):
            for tap in taps(self.window):
                b[:, *tap.target] += a[:, *tap.source] @ w[tap.index]
        return (maps,)


class ConvolutionInputGradient(_Convolution, frozen=True):
    """Gradient by the picture, or transposed convolution: ``(maps, filters) → picture``."""

    name = "convolution_input_gradient"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.maps, self.weights), inputs)
        return (self.picture,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        maps, weights = node.inputs
        shared = (self.window, self.channels, self.filters, self.groups)
        return (
            build.add(Convolution(*shared), upstream, weights) if needed[0] else None,
            build.add(ConvolutionFilterGradient(*shared), upstream, maps) if needed[1] else None,
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, weights = inputs
        gradient = np.zeros((len(upstream), *self.picture.shape))
        for a, w, b in zip(
            self._grouped(gradient), self._grouped(weights), self._grouped(upstream), strict=True
        ):
            for tap in taps(self.window):
                a[:, *tap.source] += b[:, *tap.target] @ w[tap.index].T
        return (gradient,)


class ConvolutionFilterGradient(_Convolution, frozen=True):
    """Gradient by the filters, summed over the batch: ``(pictures, gradient of the maps)``."""

    name = "convolution_filter_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.picture, self.maps), inputs)
        return (self.weights,)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        pictures, upstream = inputs
        gradient = np.zeros(self.weights.shape)
        for a, w, b in zip(
            self._grouped(pictures), self._grouped(gradient), self._grouped(upstream), strict=True
        ):
            for tap in taps(self.window):
                x, y = a[:, *tap.source], b[:, *tap.target]
                w[tap.index] += x.reshape(-1, x.shape[-1]).T @ y.reshape(-1, y.shape[-1])
        return (gradient,)
