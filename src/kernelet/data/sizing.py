"""One size for all pictures: how it is chosen, and what part of a picture fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

Resize = Literal["crop", "stretch"]

#: Side, in pixels, that pictures of mixed sizes are brought to at most unless told otherwise.
MAXIMUM_AUTOMATIC_SIDE = 64
#: A size that most pictures share is kept up to this side.
MAXIMUM_COMMON_SIDE = 256
_MAXIMUM_SIDE = 8192
_SIDE_STEP = 8


class Target(msgspec.Struct, frozen=True):
    """The shape that every picture is brought to.

    Attributes
    ----------
    height, width : int
        Pixels.
    channels : int
        1 (grey) or 3 (RGB).
    resize : {"crop", "stretch"}
        "crop" scales the short side and cuts the middle out; "stretch" distorts.
    """

    height: int
    width: int
    channels: int
    resize: Resize = "crop"

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)``."""
        return self.height, self.width, self.channels


def check_resize(resize: str) -> Resize:
    """Return `resize` if it is a way to resize; else raise DataError."""
    match resize:
        case "crop" | "stretch":
            return resize
        case _:
            raise DataError(f"resize is {resize!r}; expected 'crop' or 'stretch'.")


def check_image_size(image_size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    """Return an image size as ``(height, width)``; an int means a square."""
    if image_size is None:
        return None
    pair = image_size if isinstance(image_size, tuple | list) else (image_size, image_size)
    valid = len(pair) == 2 and all(
        isinstance(side, int | np.integer) and 1 <= side <= _MAXIMUM_SIDE for side in pair
    )
    if not valid:
        raise DataError(
            f"image_size is {image_size!r}; expected a side or (height, width) in pixels, "
            f"each from 1 to {_MAXIMUM_SIDE}."
        )
    return int(pair[0]), int(pair[1])


def check_channels(channels: int | None) -> int | None:
    """Return `channels` if it is 1, 3 or None; else raise DataError."""
    if channels in (None, 1, 3):
        return channels
    raise DataError(f"channels is {channels!r}; expected 1 (grey), 3 (RGB) or None (as found).")


def choose_image_size(sizes: Mapping[tuple[int, int], int]) -> tuple[int, int]:
    """Choose one ``(height, width)`` for pictures of the given sizes.

    A size that nine tenths of the pictures share is kept, if no side is longer than
    `MAXIMUM_COMMON_SIDE`. Otherwise the pictures become squares: the median short side, rounded
    down to a multiple of 8, at least 8 and at most `MAXIMUM_AUTOMATIC_SIDE`.

    Parameters
    ----------
    sizes : mapping of (int, int) to int
        How many pictures have each ``(height, width)``.

    Examples
    --------
    >>> choose_image_size({(28, 28): 1000, (31, 19): 2})
    (28, 28)
    >>> choose_image_size({(480, 640): 3, (50, 41): 4})
    (40, 40)
    """
    height, width = max(sizes, key=lambda size: (sizes[size], size))
    is_common = 10 * sizes[height, width] >= 9 * sum(sizes.values())
    if is_common and max(height, width) <= MAXIMUM_COMMON_SIDE:
        return height, width
    short_sides = np.repeat([min(size) for size in sizes], list(sizes.values()))
    median = int(np.sort(short_sides)[(len(short_sides) - 1) // 2])
    side = min(median // _SIDE_STEP * _SIDE_STEP, MAXIMUM_AUTOMATIC_SIDE)
    side = max(side, _SIDE_STEP)
    return side, side


def source_box(width: int, height: int, target: Target) -> tuple[float, float, float, float]:
    """Return the part of a picture that fills the target, ``(left, top, right, bottom)``.

    For "crop" it is the largest centred box of the target's proportions: cutting before scaling
    gives what scaling the short side and cutting the middle would, from fewer pixels.
    """
    if target.resize == "stretch":
        return 0.0, 0.0, float(width), float(height)
    scale = min(width / target.width, height / target.height)
    box_width, box_height = target.width * scale, target.height * scale
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height
