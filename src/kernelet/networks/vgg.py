"""Small relatives of VGG (Simonyan and Zisserman 2015): stages of 3×3 convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.layers import Dense, Dropout, GlobalAveragePooling2D, MaxPooling2D
from kernelet.layers.base import Layer
from kernelet.model import Sequential
from kernelet.networks.parts import MIDDLE, Statistics, convolution_stage, entrance


def _body(widths: Sequence[int], classes: int, dropout: float) -> list[Layer]:
    """Return stages of two convolutions with pooling in between, then the classifier."""
    layers: list[Layer] = []
    for stage, width in enumerate(widths):
        if stage:
            layers.append(MaxPooling2D())
        layers += convolution_stage(width, 1 if stage == 0 else 2)
    return [
        *layers,
        GlobalAveragePooling2D(),
        Dropout(dropout),
        Dense(classes, activation="softmax", name="classes"),
    ]


def small_vgg(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    *,
    widths: Sequence[int] = (16, 32, 64),
    dropout: float = 0.1,
    mean: Statistics = MIDDLE,
    deviation: Statistics = MIDDLE,
    flip: bool = True,
    shift: float = 0.125,
    seed: int | None = None,
) -> Sequential:
    """Return a network for pictures around 32×32: 7.6 million multiply-adds a colour picture.

    Parameters
    ----------
    input_shape : sequence of int
        Height, width, channels; at least 8×8.
    classes : int
        Number of classes.
    widths : sequence of int
        Feature maps of each stage; between stages the picture is halved.
    dropout : float
        Part of the last features to drop in training.
    mean, deviation : float or sequence of float
        Of the pictures, 0 to 255, for all channels or one a channel.
    flip : bool
        Whether training pictures are mirrored left to right at random.
    shift : float
        Largest random shift of training pictures, as a part of their size.
    seed : int, optional
        Key of the first weights.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> small_vgg().output_shape
    (None, 10)
    """
    start = entrance(input_shape, mean, deviation, flip=flip, shift=shift)
    return Sequential([*start, *_body(widths, classes, dropout)], name="small_vgg", seed=seed)


def large_vgg(
    input_shape: Sequence[int] = (128, 128, 3),
    classes: int = 10,
    *,
    widths: Sequence[int] = (32, 64, 128),
    dropout: float = 0.1,
    mean: Statistics = MIDDLE,
    deviation: Statistics = MIDDLE,
    flip: bool = True,
    shift: float = 0.125,
    seed: int | None = None,
) -> Sequential:
    """Return a network for larger pictures, about 64×64 to 224×224.

    Convolutions with stride 2, as many as bring the short side to 32 or less, stand before the
    stages of `small_vgg`; so the cost grows with the area of the first of them alone.

    Parameters
    ----------
    input_shape : sequence of int
        Height, width, channels; at least 8×8.
    classes, widths, dropout, mean, deviation, flip, shift, seed
        As for `small_vgg`.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> large_vgg((224, 224, 3), classes=5).output_shape
    (None, 5)
    """
    stem: list[Layer] = []
    side = min(input_shape[:2])
    while side > 32:
        stem += convolution_stage(widths[0] // 2, 1, strides=2)
        side = -(-side // 2)
    start = entrance(input_shape, mean, deviation, flip=flip, shift=shift)
    return Sequential(
        [*start, *stem, *_body(widths, classes, dropout)], name="large_vgg", seed=seed
    )
