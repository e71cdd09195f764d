"""Augmentation: random changes of the training pictures that keep what they show.

Each picture of each epoch has its own random numbers; see `kernelet.random`.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from kernelet import random
from kernelet.errors import ConfigurationError, ShapeError
from kernelet.program import Array, Cost, Op, StepContext, Type

Fill = Literal["constant", "nearest", "reflect"]
FILLS: tuple[Fill, ...] = get_args(Fill)


class _Augmentation(Op, frozen=True):
    """What the augmentations share.

    Attributes
    ----------
    stream : int
        Stream of random numbers, one for each augmentation of a network.
    """

    stream: int
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not x.batched or len(x.shape) != 3:
            raise ShapeError(
                f"{self.name} needs pictures (height, width, channels), got {x.shape}."
            )
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost()

    def _words(self, context: StepContext) -> random.Words:
        """Return two words a picture: one for the rows, one for the columns."""
        return random.words(context.seed, self.stream, context.epoch, context.samples, 2)


class RandomFlip(_Augmentation, frozen=True, kw_only=True):
    """Mirror half of the pictures.

    A picture is flipped left to right where the fraction of its second word is below ½, and
    upside down where that of its first word is.

    Attributes
    ----------
    horizontal, vertical : bool
        Left to right; upside down.
    """

    horizontal: bool
    vertical: bool
    name = "random_flip"

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        pictures = inputs[0].copy()
        low = random.fractions(self._words(context)) < 0.5
        if self.vertical:
            pictures[low[:, 0]] = pictures[low[:, 0], ::-1]
        if self.horizontal:
            pictures[low[:, 1]] = pictures[low[:, 1], :, ::-1]
        return (pictures,)


def source_cells(
    length: int, shift: int, fill: Fill
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where the cells of a shifted axis come from.

    Parameters
    ----------
    length : int
        Cells of the axis.
    shift : int
        Cells by which the picture moves towards higher indices.
    fill : {"constant", "nearest", "reflect"}
        What fills the gap.

    Returns
    -------
    cells : ndarray of int64, shape (length,)
        Source of each cell, always inside.
    inside : ndarray of bool, shape (length,)
        Whether the source is a cell of the picture, not the constant.

    Examples
    --------
    >>> source_cells(4, 2, "reflect")[0].tolist()
    [1, 0, 0, 1]
    """
    positions = np.arange(length) - shift
    if fill == "reflect":
        positions %= 2 * length
        return np.minimum(positions, 2 * length - 1 - positions), np.ones(length, bool)
    cells = np.clip(positions, 0, length - 1)
    return cells, (positions == cells) | (fill == "nearest")


class RandomShift(_Augmentation, frozen=True, kw_only=True):
    """Move each picture by a whole number of pixels.

    Down by ``⌊u₀ · (2 · rows + 1)⌋ − rows`` and to the right by ``⌊u₁ · (2 · columns + 1)⌋ −
    columns`` pixels, with u₀ and u₁ the fractions of the picture's two words. The gap is filled
    with a constant, with the nearest pixel, or with the reflected picture, edge included
    (``c b a | a b c``).

    Attributes
    ----------
    rows, columns : int
        Largest shift up or down; left or right.
    fill : {"constant", "nearest", "reflect"}
    fill_value : float
        The constant; 0 for the other fills.
    """

    rows: int
    columns: int
    fill: Fill = "constant"
    fill_value: float = 0.0
    name = "random_shift"

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 0 or max(self.rows, self.columns) >= 2**24:
            raise ConfigurationError(
                f"shifts must be 0 or more pixels, not {(self.rows, self.columns)}."
            )
        if self.fill not in FILLS:
            raise ConfigurationError(f"fill must be one of {', '.join(FILLS)}, not {self.fill!r}.")
        if self.fill != "constant" and self.fill_value != 0:
            raise ConfigurationError(f'fill_value needs fill="constant", not {self.fill!r}.')

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (pictures,) = inputs
        shifted = np.empty_like(pictures)
        steps = np.array([2 * self.rows + 1, 2 * self.columns + 1])
        shifts = np.floor(random.fractions(self._words(context)) * steps).astype(np.int64)
        shifts -= (self.rows, self.columns)
        for picture, target, (down, right) in zip(pictures, shifted, shifts, strict=True):
            rows, inside_rows = source_cells(picture.shape[0], int(down), self.fill)
            columns, inside_columns = source_cells(picture.shape[1], int(right), self.fill)
            inside = inside_rows[:, None, None] & inside_columns[None, :, None]
            target[...] = np.where(inside, picture[rows][:, columns], self.fill_value)
        return (shifted,)
