"""The networks that every contender trains, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Convolution:
    """A convolution with bias and ReLU; ``pool`` is the size of the max pooling after it, or 1."""

    filters: int
    kernel: int
    padding: int
    pool: int


@dataclass(frozen=True)
class Network:
    """Convolutions, then dense layers with ReLU, then a dense layer to ten classes."""

    height: int
    channels: int
    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...]
    classes: int = 10


NETWORKS = {
    "lenet5": Network(28, 1, (Convolution(6, 5, 2, 2), Convolution(16, 5, 0, 2)), dense=(120, 84)),
    "small-vgg": Network(
        32,
        3,
        (
            Convolution(32, 3, 1, 1),
            Convolution(32, 3, 1, 2),
            Convolution(64, 3, 1, 1),
            Convolution(64, 3, 1, 2),
        ),
        dense=(128,),
    ),
}
