"""Two-dimensional convolution as layers mean it (correlation) and its two gradients.

For a picture A of H×W×C, filters w of K×L×C×F and an output B of H'×W'×F,

    B(i, j, f) = Σ_k Σ_l Σ_c A(i·s + k·d − before, j·s + l·d − before, c) · w(k, l, c, f),

with zeros outside A. The gradients by A and by w are convolutions with the roles swapped:
the one of B's gradient with the rotated filters, the other of A with B's gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kernelet.geometry import Window2D
from kernelet.ops.checks import require
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


@dataclass(frozen=True, slots=True)
class Taps:
    """The cells of input and output that one filter position connects, without the padding."""

    row: int
    column: int
    source: tuple[slice, slice]
    target: tuple[slice, slice]


def _axis(length: int, output: int, stride: int, shift: int) -> tuple[slice, slice] | None:
    """Return (input cells, output cells) with ``input = output · stride + shift`` inside both."""
    first = max(0, -(shift // stride))
    last = min(output - 1, (length - 1 - shift) // stride)
    if last < first:
        return None
    start = first * stride + shift
    return slice(start, last * stride + shift + 1, stride), slice(first, last + 1)


def taps(window: Window2D) -> Iterator[Taps]:
    """Yield, for each filter position, the cells it connects."""
    v, h = window.vertical, window.horizontal
    for row in range(v.kernel):
        rows = _axis(v.length, v.output, v.stride, row * v.dilation - v.before)
        for column in range(h.kernel):
            columns = _axis(h.length, h.output, h.stride, column * h.dilation - h.before)
            if rows is not None and columns is not None:
                yield Taps(row, column, (rows[0], columns[0]), (rows[1], columns[1]))


@dataclass(frozen=True)
class _Convolution(Op):
    """Attributes that a convolution and its gradients share.

    Attributes
    ----------
    window : Window2D
        Sizes, strides, dilation and padding.
    channels, filters : int
        C and F.
    groups : int
        Channels and filters fall into this many independent groups.
    """

    window: Window2D
    channels: int
    filters: int
    groups: int = 1

    @property
    def picture(self) -> Type:
        return Type((self.window.vertical.length, self.window.horizontal.length, self.channels))

    @property
    def maps(self) -> Type:
        return Type((*self.window.output, self.filters))

    @property
    def weights(self) -> Type:
        kernel = (self.window.vertical.kernel, self.window.horizontal.kernel)
        return Type((*kernel, self.channels // self.groups, self.filters), batched=False)

    def cost(self, *inputs: Type) -> Cost:
        # The ledger counts every tap of every output cell, padding included.
        return Cost(multiply_adds=self.maps.size * self.weights.size // self.filters)

    def _grouped(self, array: Array, axis: int = -1) -> list[Array]:
        return np.split(array, self.groups, axis=axis)


@dataclass(frozen=True)
class Convolution(_Convolution):
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
        return (
            build.add(ConvolutionInputGradient(*shared), upstream, weights) if needed[0] else None,
            build.add(ConvolutionFilterGradient(*shared), picture, upstream) if needed[1] else None,
        )

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        pictures, weights = inputs
        maps = np.zeros((len(pictures), *self.maps.shape))
        for a, w, b in zip(
            self._grouped(pictures), self._grouped(weights), self._grouped(maps), strict=True
        ):
            for tap in taps(self.window):
                b[:, *tap.target] += a[:, *tap.source] @ w[tap.row, tap.column]
        return (maps,)


@dataclass(frozen=True)
class ConvolutionInputGradient(_Convolution):
    """Gradient by the picture: ``(gradient of the maps, filters) → picture``."""

    name = "convolution_input_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        require(self.name, (self.maps, self.weights), inputs)
        return (self.picture,)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, weights = inputs
        gradient = np.zeros((len(upstream), *self.picture.shape))
        for a, w, b in zip(
            self._grouped(gradient), self._grouped(weights), self._grouped(upstream), strict=True
        ):
            for tap in taps(self.window):
                a[:, *tap.source] += b[:, *tap.target] @ w[tap.row, tap.column].T
        return (gradient,)


@dataclass(frozen=True)
class ConvolutionFilterGradient(_Convolution):
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
                w[tap.row, tap.column] += np.einsum(
                    "nijc,nijf->cf", a[:, *tap.source], b[:, *tap.target], optimize=True
                )
        return (gradient,)
