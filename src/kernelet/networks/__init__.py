"""Networks that are known to work, each a function that returns a fresh model.

All take pictures as they come, uint8 from 0 to 255: the first layers rescale them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.layers.problems import repair_line
from kernelet.model import Sequential
from kernelet.networks.lenet import lenet5
from kernelet.networks.vgg import large_vgg, small_vgg

__all__ = ["NETWORKS", "default_network", "large_vgg", "lenet5", "make_network", "small_vgg"]

Network = Callable[..., Sequential]

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {"lenet5": lenet5, "small_vgg": small_vgg, "large_vgg": large_vgg}
)


# Sides of pictures that are tried out to say how large they must be.
_LARGEST_SIDE = 512


def make_network(name: str, input_shape: tuple[int, int, int], **options: Any) -> Sequential:
    """Return a network by its name, or say which pictures it takes.

    Parameters
    ----------
    name : str
        In `NETWORKS`.
    input_shape : (int, int, int)
        Height, width and channels.
    **options
        Of the network, such as ``classes``.

    Raises
    ------
    ShapeError
        If the pictures are too small for it.

    Examples
    --------
    >>> make_network("lenet5", (28, 28, 1), classes=7).output_shape
    (None, 7)
    """
    try:
        return NETWORKS[name](input_shape, **options)
    except ShapeError as error:
        problem, chain, *_ = str(error).split("\n")
        repairs = []
        sides = range(min(input_shape[:2]), _LARGEST_SIDE + 1)
        # A network that takes a picture takes every larger one.
        side = bisect_left(sides, True, key=lambda s: _fits(name, (s, s, input_shape[2])))
        if side < len(sides):
            repairs.append(f"pictures of at least {sides[side]}×{sides[side]}")
        others = [other for other in NETWORKS if _fits(other, input_shape)]
        repairs += [f"the network {other}" for other in others]
        raise ShapeError(f"{problem}\n{chain}{repair_line(repairs)}") from None


def _fits(name: str, input_shape: tuple[int, int, int]) -> bool:
    try:
        NETWORKS[name](input_shape)
    except ShapeError:
        return False
    return True


def default_network(image_shape: tuple[int, int, int], classes: int) -> str:
    """Return the name of the network that suits a picture size.

    Parameters
    ----------
    image_shape : (int, int, int)
        Height, width and channels.
    classes : int
        Number of classes, at least 2.

    Returns
    -------
    str
        A name in `NETWORKS`: "lenet5" for grey pictures up to 32×32, "small_vgg" for others with
        a short side below 64, "large_vgg" above.

    Raises
    ------
    ConfigurationError
        If the pictures are below 8×8 or there are fewer than 2 classes.

    Examples
    --------
    >>> default_network((28, 28, 1), 10), default_network((32, 32, 3), 10)
    ('lenet5', 'small_vgg')
    """
    height, width, channels = image_shape
    if classes < 2:
        raise ConfigurationError(f"a classifier needs at least 2 classes; got {classes}.")
    if min(height, width) < 8:
        raise ConfigurationError(
            f"no network suits pictures of {height}×{width}; expected at least 8×8.\n"
            "  Bring them to a larger size, such as 32×32."
        )
    if channels == 1 and min(height, width) >= 16 and max(height, width) <= 32:
        return "lenet5"
    return "small_vgg" if min(height, width) < 64 else "large_vgg"
