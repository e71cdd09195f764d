"""Occlusion: how much less sure a network is of a class where a part of the picture is covered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.errors import UsageError
from kernelet.explain.class_scores import require_classes, require_target
from kernelet.explain.one_sample import one_sample
from kernelet.explain.probabilities import class_probabilities
from kernelet.model.base import Model

#: Window positions along an axis, at most, unless a stride is given.
POSITIONS = 24

_BATCH = 256


class Occlusion(msgspec.Struct, frozen=True, eq=False):
    """What covering parts of a picture does to the probability of a class.

    Attributes
    ----------
    target : int
        Number of the class.
    probability : float
        Of the class, with nothing covered.
    window : int
        Side of the square that covers, in pixels.
    rows, columns : tuple of int
        First pixels of the window positions.
    probabilities : ndarray of float32, shape (rows, columns)
        Of the class, with the window at each position.
    heat : ndarray of float32, shape (height, width)
        For each pixel, the mean drop of the probability over all positions that cover it; below
        0 where covering makes the class more probable.
    """

    target: int
    probability: float
    window: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    probabilities: NDArray[np.float32]
    heat: NDArray[np.float32]


def occlusion(
    model: Model,
    x: Any,
    target: int | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: ArrayLike | None = None,
) -> Occlusion:
    """Cover a picture part by part and measure the probability of a class.

    Parameters
    ----------
    model : Model
        With one picture as its input and one row of probabilities as its output.
    x : array_like, shape (height, width, channels), with or without a batch of one
    target : int, optional
        Number of the class. Default: the most probable one.
    window : int, optional
        Side of the square that covers, in pixels. Default: a fifth of the picture's short side.
    stride : int, optional
        Pixels between positions, at most `window`. Default: such that there are at most
        `POSITIONS` along each axis, where the window is large enough for that.
    fill : array_like, shape () or (channels,), optional
        What the window shows. Default: the mean of the picture, a channel.

    Returns
    -------
    Occlusion

    Raises
    ------
    UsageError
        If the class does not exist, or window, stride or fill make no sense.
    ShapeError
        If `x` does not fit the model.

    Notes
    -----
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014.

    Examples
    --------
    >>> from kernelet.layers import Dense, Flatten, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((8, 10, 1)), Flatten(), Dense(3, activation="softmax")])
    >>> found = occlusion(model, np.arange(80).reshape(8, 10, 1) / 80)
    >>> found.window, found.probabilities.shape, found.heat.shape
    (2, (7, 9), (8, 10))
    """
    targets = None if target is None else [target]
    return occlusions(model, x, targets, window=window, stride=stride, fill=fill)[0]


def occlusions(
    model: Model,
    x: Any,
    targets: Sequence[int] | None = None,
    *,
    window: int | None = None,
    stride: int | None = None,
    fill: ArrayLike | None = None,
) -> list[Occlusion]:
    """Return `occlusion` for several classes, for little more than the cost of one."""
    ((name, pictures),) = one_sample(model, x).items()
    classes = require_classes(model)
    if pictures.ndim != 4:
        raise UsageError(f"pictures are covered; the input {name!r} is {pictures.shape[1:]}.")
    probabilities = class_probabilities(model, pictures)[0]
    chosen = [int(probabilities.argmax())] if targets is None else targets
    for target in chosen:
        require_target(target, classes)
    height, width, channels = pictures.shape[1:]
    side = _side(window, height, width)
    rows, columns = (_starts(length, side, stride) for length in (height, width))
    colour = _colour(pictures[0], fill, channels)
    covered = _covered(model, pictures[0], list(product(rows, columns)), side, colour)
    found = []
    for target in chosen:
        grid = np.ascontiguousarray(covered[:, target]).reshape(len(rows), len(columns))
        probability = float(probabilities[target])
        heat = _heat(probability - grid, rows, columns, side, (height, width))
        found.append(Occlusion(target, probability, side, rows, columns, grid, heat))
    return found


def _side(window: int | None, height: int, width: int) -> int:
    short = min(height, width)
    side = max(1, round(short / 5)) if window is None else window
    if not 1 <= side <= short:
        raise UsageError(f"window is {side}; expected a side of 1 to {short} pixels.")
    return side


def _starts(length: int, side: int, stride: int | None) -> tuple[int, ...]:
    """Return the first pixels of the window along an axis; the last position touches the end."""
    if stride is None:
        stride = stride_for(length, side, POSITIONS)
    if not 1 <= stride <= side:
        raise UsageError(f"stride is {stride}; expected 1 to {side}, the side of the window.")
    return tuple(sorted({*range(0, length - side, stride), length - side}))


def stride_for(length: int, side: int, positions: int) -> int:
    """Return the distance of window positions that makes at most so many, but leaves no gap.

    Examples
    --------
    >>> stride_for(28, 6, 24), stride_for(224, 45, 24), stride_for(100, 3, 5)
    (1, 8, 3)
    """
    return min(side, max(1, -(-(length - side) // (positions - 1))))


def _colour(picture: NDArray[Any], fill: ArrayLike | None, channels: int) -> NDArray[Any]:
    """Return what the window shows, in the type of the picture."""
    colour = picture.mean(axis=(0, 1)) if fill is None else np.asarray(fill, np.float64)
    if colour.shape not in ((), (channels,)):
        raise UsageError(
            f"fill has the shape {colour.shape}; expected one number or {channels}, one a channel."
        )
    if picture.dtype.kind in "ui":
        limits = np.iinfo(picture.dtype)
        colour = np.clip(np.round(colour), limits.min, limits.max)
    return colour.astype(picture.dtype)


def _covered(
    model: Model,
    picture: NDArray[Any],
    places: Sequence[tuple[int, int]],
    side: int,
    colour: NDArray[Any],
) -> NDArray[np.float32]:
    """Return the probabilities of all classes with the window at each place."""
    found = []
    for begin in range(0, len(places), _BATCH):
        part = places[begin : begin + _BATCH]
        batch = np.repeat(picture[np.newaxis], len(part), axis=0)
        for copy, (row, column) in zip(batch, part, strict=True):
            copy[row : row + side, column : column + side] = colour
        found.append(class_probabilities(model, batch))
    joined: NDArray[np.float32] = np.concatenate(found)
    return joined


def _heat(
    drops: NDArray[np.float32],
    rows: Sequence[int],
    columns: Sequence[int],
    side: int,
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Return the mean of the drops that cover each pixel."""
    total, count = np.zeros(size), np.zeros(size)
    for (i, row), (j, column) in product(enumerate(rows), enumerate(columns)):
        under = np.s_[row : row + side, column : column + side]
        total[under] += drops[i, j]
        count[under] += 1
    return (total / count).astype(np.float32)
