"""Parts that networks share."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.errors import ConfigurationError
from kernelet.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Input,
    Layer,
    RandomFlip,
    RandomTranslation,
    Rescaling,
)
from kernelet.layers.symbolic import SymbolicTensor

Statistics = float | Sequence[float]

# Half of the range of uint8: brings pictures to −1…1.
MIDDLE = 127.5


def rescaling(mean: Statistics, deviation: Statistics) -> Rescaling:
    """Return (x − mean) / deviation, with numbers for all channels or one a channel.

    Examples
    --------
    >>> rescaling((100, 120), 64).scale, rescaling((100, 120), 64).offset
    ((0.015625, 0.015625), (-1.5625, -1.875))
    """
    means = (mean,) if isinstance(mean, int | float) else tuple(mean)
    deviations = (deviation,) if isinstance(deviation, int | float) else tuple(deviation)
    if min(deviations) <= 0:
        raise ConfigurationError(f"deviations must be above 0, got {deviation}.")
    length = max(len(means), len(deviations))
    if {len(means), len(deviations)} - {1, length}:
        raise ConfigurationError(f"{len(means)} means do not match {len(deviations)} deviations.")
    means = means * (length // len(means))
    deviations = deviations * (length // len(deviations))
    scale = tuple(1 / d for d in deviations)
    offset = tuple(-m / d for m, d in zip(means, deviations, strict=True))
    return Rescaling(scale, offset)


def entrance(
    input_shape: Sequence[int],
    mean: Statistics,
    deviation: Statistics,
    *,
    flip: bool,
    shift: float,
) -> list[Layer | SymbolicTensor]:
    """Return an input, augmentation of the raw pictures where asked for, and rescaling."""
    layers: list[Layer | SymbolicTensor] = [Input(input_shape)]
    if flip:
        layers.append(RandomFlip("horizontal"))
    if shift:
        layers.append(RandomTranslation(shift, shift))
    return [*layers, rescaling(mean, deviation)]


def convolution_stage(filters: int, repeats: int, strides: int = 1) -> list[Layer]:
    """Return 3×3 convolutions, each followed by batch normalisation and a rectifier.

    The normalisation adds the offset, so the convolutions have no bias.
    """
    layers: list[Layer] = []
    for repeat in range(repeats):
        layers += [
            Conv2D(
                filters,
                3,
                strides=1 if repeat else strides,
                padding="same",
                use_bias=False,
                kernel_initializer="he_normal",
            ),
            BatchNormalization(momentum=0.9),
            Activation("relu"),
        ]
    return layers
