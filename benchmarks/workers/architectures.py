"""Networks of many kinds, each written once for every library, by what `Builder` offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Tensor = Any


class Builder(Protocol):
    """Layers of one library; pictures, signals and volumes by the axes of the input."""

    def convolution(
        self,
        x: Tensor,
        filters: int,
        kernel: int,
        *,
        strides: int = 1,
        dilation: int = 1,
        groups: int = 1,
        valid: bool = False,
    ) -> Tensor:
        """Convolve, with half a kernel of zeros on every side unless only valid cells count."""

    def transposed(self, x: Tensor, filters: int, size: int) -> Tensor:
        """Convolve, transposed, with strides of the kernel's size."""

    def normalization(self, x: Tensor) -> Tensor:
        """Normalize each channel by the batch."""

    def activation(self, x: Tensor, kind: str) -> Tensor:
        """Apply relu, leaky_relu, sigmoid, tanh or gelu."""

    def maximum(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        """Take the maximum of windows."""

    def average(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        """Take the average of windows."""

    def global_average(self, x: Tensor) -> Tensor:
        """Take the average of each map."""

    def add(self, *tensors: Tensor) -> Tensor:
        """Add branches."""

    def concatenate(self, *tensors: Tensor) -> Tensor:
        """Put the maps of branches behind each other."""

    def flatten(self, x: Tensor) -> Tensor:
        """Make a row of all numbers."""

    def dense(self, x: Tensor, units: int) -> Tensor:
        """Multiply by a matrix and add a bias."""


@dataclass(frozen=True)
class Architecture:
    """A network.

    Attributes
    ----------
    shape : tuple of int
        Of the input, channels last.
    build : callable
        Makes the output of a builder and the input: ten scores, or pictures.
    batches : tuple of int
        Sizes to train with.
    predicted : tuple of int
        Sizes to predict with.
    pictures : bool
        Whether pictures come out, whose squared error is minimised, and not scores of classes.
    """

    shape: tuple[int, ...]
    build: Callable[[Builder, Tensor], Tensor]
    batches: tuple[int, ...] = (8, 64)
    predicted: tuple[int, ...] = (1, 64)
    pictures: bool = False


def _relu(b: Builder, x: Tensor, filters: int, kernel: int, strides: int = 1) -> Tensor:
    return b.activation(b.convolution(x, filters, kernel, strides=strides), "relu")


def _normalized(b: Builder, x: Tensor, filters: int, kernel: int, strides: int = 1) -> Tensor:
    return b.normalization(b.convolution(x, filters, kernel, strides=strides))


def _classes(b: Builder, x: Tensor) -> Tensor:
    return b.dense(b.global_average(x), 10)


def _lenet_1998(b: Builder, x: Tensor) -> Tensor:
    for filters, valid in ((6, False), (16, True)):
        x = b.average(b.activation(b.convolution(x, filters, 5, valid=valid), "tanh"))
    x = b.flatten(x)
    for units in (120, 84):
        x = b.activation(b.dense(x, units), "tanh")
    return b.dense(x, 10)


def _plain(kind: str) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        for filters in (32, 64):
            x = b.activation(b.convolution(x, filters, 3), kind)
            x = b.maximum(b.activation(b.convolution(x, filters, 3), kind))
        return b.dense(b.flatten(x), 10)

    return build


def _residual(
    widths: tuple[int, ...], blocks: int, *, stem: bool = True
) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        x = b.activation(_normalized(b, x, widths[0], 3), "relu") if stem else x
        for stage, filters in enumerate(widths):
            for block in range(blocks):
                strides = 2 if stage and not block else 1
                y = b.activation(_normalized(b, x, filters, 3, strides), "relu")
                y = _normalized(b, y, filters, 3)
                x = _normalized(b, x, filters, 1, strides) if strides > 1 else x
                x = b.activation(b.add(x, y), "relu")
        return _classes(b, x)

    return build


def _residual_photos(b: Builder, x: Tensor) -> Tensor:
    x = b.maximum(b.activation(_normalized(b, x, 64, 7, 2), "relu"), 3, 2)
    return _residual((64, 128, 256, 512), 2, stem=False)(b, x)


def _dense_blocks(blocks: int, layers: int) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        x, channels = b.convolution(x, 24, 3), 24
        for _ in range(blocks):
            for _ in range(layers):
                y = b.convolution(b.activation(b.normalization(x), "relu"), 12, 3)
                x = b.concatenate(x, y)
            channels = (channels + 12 * layers) // 2
            x = b.average(b.convolution(b.activation(b.normalization(x), "relu"), channels, 1))
        return _classes(b, x)

    return build


def _inception(b: Builder, x: Tensor) -> Tensor:
    x = _relu(b, x, 32, 3)
    for _ in range(2):
        middle, wide = _relu(b, _relu(b, x, 16, 1), 24, 3), _relu(b, _relu(b, x, 8, 1), 16, 5)
        x = b.maximum(b.concatenate(_relu(b, x, 16, 1), middle, wide))
    return _classes(b, x)


def _depthwise_blocks(b: Builder, x: Tensor) -> Tensor:
    x = b.normalization(b.convolution(x, 40, 2, strides=2, valid=True))
    for channels in (40, 80):
        if channels > 40:
            x = b.convolution(x, channels, 2, strides=2, valid=True)
        for _ in range(2):
            y = b.normalization(b.convolution(x, channels, 7, groups=channels))
            y = b.activation(b.convolution(y, 4 * channels, 1), "gelu")
            x = b.add(x, b.convolution(y, channels, 1))
    return _classes(b, x)


def _separable(first: int, *stages: tuple[int, int]) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        x, channels = b.activation(_normalized(b, x, first, 3, 2), "relu"), first
        for filters, strides in stages:
            y = b.convolution(x, channels, 3, strides=strides, groups=channels)
            y = b.activation(b.normalization(y), "relu")
            x = b.activation(_normalized(b, y, filters, 1), "relu")
            channels = filters
        return _classes(b, x)

    return build


def _plain_photos(b: Builder, x: Tensor) -> Tensor:
    x = b.maximum(_relu(b, x, 64, 11, 4), 3, 2)
    x = b.maximum(_relu(b, x, 192, 5), 3, 2)
    x = b.maximum(_relu(b, _relu(b, _relu(b, x, 384, 3), 256, 3), 256, 3), 3, 2)
    x = b.flatten(x)
    for _ in range(2):
        x = b.activation(b.dense(x, 4096), "relu")
    return b.dense(x, 10)


def _wide_gelu(b: Builder, x: Tensor) -> Tensor:
    x = b.activation(b.convolution(x, 24, 2, valid=True), "gelu")
    for filters in (64, 256, 256):
        x = b.activation(b.normalization(b.maximum(b.convolution(x, filters, 3))), "gelu")
        x = b.activation(_normalized(b, x, filters, 3), "gelu")
    return b.dense(b.flatten(b.maximum(x, 3, 3)), 10)


def _overlapping(b: Builder, x: Tensor) -> Tensor:
    for filters, kernel in ((32, 5), (64, 5)):
        x = b.maximum(_relu(b, x, filters, kernel), 3, 2)
    x = b.maximum(_relu(b, _relu(b, x, 96, 3), 64, 3), 3, 2)
    return b.dense(b.activation(b.dense(b.flatten(x), 256), "relu"), 10)


def _dense_only(*widths: int, normalized: bool = False) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        x = b.flatten(x)
        for units in widths:
            x = b.dense(x, units)
            x = b.activation(b.normalization(x) if normalized else x, "relu")
        return b.dense(x, 10)

    return build


def _down_and_up(*widths: int) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        kept = []
        for filters in widths[:-1]:
            x = _relu(b, _relu(b, x, filters, 3), filters, 3)
            kept.append((filters, x))
            x = b.maximum(x)
        x = _relu(b, x, widths[-1], 3)
        for filters, before in reversed(kept):
            x = b.concatenate(b.transposed(x, filters, 2), before)
            x = _relu(b, _relu(b, x, filters, 3), filters, 3)
        return b.convolution(x, 1, 1)

    return build


def _encoder(b: Builder, x: Tensor) -> Tensor:
    x = _relu(b, _relu(b, x, 16, 3, 2), 32, 3, 2)
    return b.transposed(b.activation(b.transposed(x, 16, 2), "relu"), 1, 2)


def _few_maps(b: Builder, x: Tensor) -> Tensor:
    return b.convolution(_relu(b, _relu(b, x, 8, 3), 8, 3), 2, 1)


def _larger_pictures(b: Builder, x: Tensor) -> Tensor:
    return b.transposed(_relu(b, _relu(b, x, 64, 5), 32, 3), 1, 2)


def _pooled(*filters: int, kernel: int = 3) -> Callable[[Builder, Tensor], Tensor]:
    def build(b: Builder, x: Tensor) -> Tensor:
        for count in filters:
            x = b.maximum(_relu(b, x, count, kernel))
        return b.dense(b.flatten(x), 10)

    return build


def _normalized_volumes(b: Builder, x: Tensor) -> Tensor:
    for filters in (16, 32):
        x = b.maximum(b.activation(_normalized(b, x, filters, 3), "relu"))
    return _classes(b, x)


def _long_signals(b: Builder, x: Tensor) -> Tensor:
    x = b.maximum(b.activation(_normalized(b, x, 32, 81, 4), "relu"), 4, 4)
    for filters in (32, 64, 64):
        x = b.maximum(b.activation(_normalized(b, x, filters, 3), "relu"), 4, 4)
    return _classes(b, x)


def _dilated_signals(b: Builder, x: Tensor) -> Tensor:
    x = b.convolution(x, 32, 1)
    for dilation in (1, 2, 4, 8):
        y = b.activation(b.convolution(x, 32, 3, dilation=dilation), "relu")
        x = b.add(x, b.convolution(y, 32, 1))
    return _classes(b, x)


ARCHITECTURES: Mapping[str, Architecture] = {
    "lenet-1998": Architecture((28, 28, 1), _lenet_1998),
    "plain-tanh": Architecture((32, 32, 3), _plain("tanh")),
    "plain-sigmoid": Architecture((32, 32, 3), _plain("sigmoid")),
    "plain-gelu": Architecture((32, 32, 3), _plain("gelu")),
    "plain-leaky": Architecture((32, 32, 3), _plain("leaky_relu")),
    "residual-8": Architecture((32, 32, 3), _residual((16, 32, 64), 1)),
    "residual-20": Architecture((32, 32, 3), _residual((16, 32, 64), 3)),
    "residual-wide": Architecture((32, 32, 3), _residual((64, 128, 256), 1), (8, 32), (1, 32)),
    "residual-56": Architecture((32, 32, 3), _residual((16, 32, 64), 9)),
    "residual-photos": Architecture((224, 224, 3), _residual_photos, (4, 16), (1, 16)),
    "dense-blocks": Architecture((32, 32, 3), _dense_blocks(2, 4)),
    "dense-blocks-40": Architecture((32, 32, 3), _dense_blocks(3, 12)),
    "inception": Architecture((32, 32, 3), _inception),
    "depthwise-blocks": Architecture((32, 32, 3), _depthwise_blocks),
    "separable": Architecture(
        (128, 128, 3),
        _separable(16, (32, 1), (64, 2), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)),
        (8,),
        (1, 8),
    ),
    "separable-photos": Architecture(
        (224, 224, 3),
        _separable(
            *(32, (64, 1), (128, 2), (128, 1), (256, 2), (256, 1)),
            *((512, 2), *5 * ((512, 1),), (1024, 2), (1024, 1)),
        ),
        (4, 16),
        (1, 16),
    ),
    "plain-photos": Architecture((224, 224, 3), _plain_photos, (4, 16), (1, 16)),
    "wide-gelu": Architecture((32, 32, 3), _wide_gelu),
    "overlapping": Architecture((64, 64, 3), _overlapping),
    "dense-512": Architecture((28, 28, 1), _dense_only(512, 512)),
    "dense-2048": Architecture((28, 28, 1), _dense_only(2048, 2048, normalized=True)),
    "down-and-up": Architecture((64, 64, 1), _down_and_up(16, 32, 64), pictures=True),
    "down-and-up-deep": Architecture(
        (128, 128, 3), _down_and_up(32, 64, 128, 256), (2, 8), (1, 8), pictures=True
    ),
    "encoder": Architecture((28, 28, 1), _encoder, pictures=True),
    "few-maps": Architecture((256, 256, 3), _few_maps, (4,), (1, 8), pictures=True),
    "larger-pictures": Architecture((96, 96, 1), _larger_pictures, (8,), (1, 8), pictures=True),
    "volumes": Architecture((16, 32, 32, 1), _pooled(8, 16, 32)),
    "normalized-volumes": Architecture((16, 32, 32, 3), _normalized_volumes),
    "signals": Architecture((187, 1), _pooled(32, 32, 64, kernel=5)),
    "long-signals": Architecture((8000, 1), _long_signals),
    "dilated-signals": Architecture((256, 8), _dilated_signals),
}
