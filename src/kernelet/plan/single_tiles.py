"""What a convolution of a single sample takes in bfloat16: tiles of 16 output cells × 16 filters.

Without matrix tiles, the sums of eight cells with sixteen filters are in registers at once.
"""

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
# The same in registers, fitted to 118 convolutions on a Zen 4 core, 94 % of which take within 30 %
# of what that predicts: a call, what the sums of eight cells with sixteen filters take at their
# end, and sixteen numbers rounded, and copied.
_REGISTER_CALL = 630
_REGISTER_END = 100
_REGISTER_ROUNDED = 1.5
_REGISTER_COPIED = 8.5
#: Cells of a tile of sums in registers.
REGISTER_CELLS = 8

_AXES = ("depth", "height", "width")


class Tiles(msgspec.Struct, frozen=True):
    """A convolution as tiles take it.

    Attributes
    ----------
    cells : int
        Of a tile: sixteen, or fewer whose sums are in registers.
    sums : int
        Tiles of sums.
    chunks : int
        Products that each of them adds up.
    rounded, copied : int
        Vectors of numbers that are rounded, and gathered behind each other.
    """

    cells: int
    sums: int
    chunks: int
    rounded: int
    copied: int

    @property
    def beside(self) -> float:
        """Time that is not multiplied in, in products of two vectors."""
        if self.cells < CHUNK:
            packed = _REGISTER_ROUNDED * self.rounded + _REGISTER_COPIED * self.copied
            return _REGISTER_CALL + _REGISTER_END * self.sums + packed
        return _CALL + _END * self.sums + _ROUNDED * self.rounded + _COPIED * self.copied

    @property
    def time(self) -> float:
        """Time of all, in products of two vectors."""
        product = _PRODUCT if self.cells == CHUNK else self.cells * CHUNK
        return self.beside + product * self.sums * self.chunks


def tiles(arguments: Mapping[str, int | float | str]) -> Tiles:
    """Return how tiles take a convolution, from the arguments of its kernel."""
    a = {name: value for name, value in arguments.items() if isinstance(value, int)}
    groups = a["groups"]
    channels, filters = a["channels"] // groups, a["filters"] // groups
    taps = math.prod(a[f"kernel_{axis}"] for axis in _AXES)
    rows, width = a["output_depth"] * a["output_height"], a["output_width"]
    read = a["kernel_depth"] * rows * a["stride_height"] * a["width"]
    if a["gathered"]:
        cells, chunks = -(-rows * width // a["tile_cells"]), -(-taps * channels // LINE)
        run = -(-a["kernel_width"] * channels // LANES)
        copied = rows * width * (taps // a["kernel_width"]) * run
        rounded = -(-read * channels // LANES)
    else:
        cells, chunks = rows * -(-width // a["tile_cells"]), taps * -(-channels // LINE)
        copied = 0
        rounded = read * round_up(channels, LINE) // LANES
    sums = groups * cells * -(-filters // CHUNK)
    return Tiles(a["tile_cells"], sums, chunks, groups * rounded, groups * copied)


def multiplied(arguments: Mapping[str, int], lanes: int) -> int:
    """Count the products of tiles, filled up with zeros."""
    taken = tiles(arguments)
    return taken.sums * taken.chunks * taken.cells * CHUNK * LINE


def operations(arguments: Mapping[str, int], lanes: int) -> int:
    """Count all else in the time of that many multiply-adds of float32.

    Half of it is done while matrix tiles are multiplied.
    """
    taken = tiles(arguments)
    return round(lanes * taken.beside / (2 if taken.cells == CHUNK else 1))
