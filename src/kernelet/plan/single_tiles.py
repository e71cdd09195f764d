"""What a convolution of a single sample takes by matrix tiles of 16 output cells × 16 filters."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from kernelet.plan.bfloat16 import CHUNK
from kernelet.plan.candidate import LANES, round_up

# Numbers of a row of a tile.
LINE = 2 * CHUNK

# Measured on an Emerald Rapids core, in the time of a product of two vectors: a call, a product of
# tiles with what it loads, what a tile of sums takes at its end, and sixteen numbers rounded, and
# copied.
_CALL = 1000
_PRODUCT = 48
_END = 205
_ROUNDED = 19
_COPIED = 11

_AXES = ("depth", "height", "width")


class Tiles(msgspec.Struct, frozen=True):
    """A convolution as tiles take it.

    Attributes
    ----------
    sums : int
        Tiles of sums.
    chunks : int
        Products that each of them adds up.
    rounded, copied : int
        Vectors of numbers that are rounded, and gathered behind each other.
    """

    sums: int
    chunks: int
    rounded: int
    copied: int

    @property
    def beside(self) -> int:
        """Time that is not multiplied in, in products of two vectors."""
        return _CALL + _END * self.sums + _ROUNDED * self.rounded + _COPIED * self.copied

    @property
    def time(self) -> int:
        """Time of all, in products of two vectors."""
        return self.beside + _PRODUCT * self.sums * self.chunks


def tiles(arguments: Mapping[str, int | float | str]) -> Tiles:
    """Return how tiles take a convolution, from the arguments of its kernel."""
    a = {name: value for name, value in arguments.items() if isinstance(value, int)}
    groups = a["groups"]
    channels, filters = a["channels"] // groups, a["filters"] // groups
    taps = math.prod(a[f"kernel_{axis}"] for axis in _AXES)
    rows, width = a["output_depth"] * a["output_height"], a["output_width"]
    read = a["kernel_depth"] * rows * a["stride_height"] * a["width"]
    if a["gathered"]:
        cells, chunks = -(-rows * width // CHUNK), -(-taps * channels // LINE)
        run = -(-a["kernel_width"] * channels // LANES)
        copied = rows * width * (taps // a["kernel_width"]) * run
        rounded = -(-read * channels // LANES)
    else:
        cells, chunks = rows * -(-width // CHUNK), taps * -(-channels // LINE)
        copied = 0
        rounded = read * round_up(channels, LINE) // LANES
    sums = cells * -(-filters // CHUNK)
    return Tiles(groups * sums, chunks, groups * rounded, groups * copied)


def multiplied(arguments: Mapping[str, int], lanes: int) -> int:
    """Count the products of tiles, filled up with zeros."""
    taken = tiles(arguments)
    return taken.sums * taken.chunks * CHUNK * CHUNK * LINE


def operations(arguments: Mapping[str, int], lanes: int) -> int:
    """Count all else in the time of that many multiply-adds of float32.

    Half of it is done while tiles are multiplied.
    """
    return lanes * tiles(arguments).beside // 2
