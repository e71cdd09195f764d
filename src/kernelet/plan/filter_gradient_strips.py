"""How gradients of convolutions by many filters are divided: strips of cells, some channels."""

from __future__ import annotations

import math

import msgspec

from kernelet.geometry import Window
from kernelet.ops.convolution import ConvolutionFilterGradient
from kernelet.plan.candidate import LANES, Target, round_up
from kernelet.program import Node

# Samples of all cells of a strip together: its upstream gradient should stay in the first-level
# cache, some filters at a time. How cells are divided fixes the order in which the gradient is
# added up, so it must not depend on the machine.
_STRIP_SAMPLES = 256
# Channels that are taken together at most, so that the input of a strip stays in the second-level
# cache, and threads may share them.
_MOST_CHANNELS = 32

# Measured on Zen 3 and Emerald Rapids cores, in the time of one multiply-add of sixteen samples: a
# product, copying an input cell's channel, storing a filter's gradient anew; and a product of the
# kernel that passes over the whole picture for each tile of the gradient, by the bytes that it
# reads.
_PRODUCT_COST = 1.15
_COPIED_COST = 4
_STORED_COST = 8
_USUAL_COST = ((1 << 19, 1.4), (3 << 20, 1.8), (math.inf, 5.0))
# Sums that must be under way for none to wait for the one before, and those that a tile of the
# other kernel has at least.
_LATENCY = 8
_TILE = (3, 4)
# Where its own tiles have fewer sums, the kernel adds so many products of each apart
# (engine/kernels/outer_product.h).
_PARTS = ((2, 4), (5, 2))
# It stores filters in panels of at most that many.
_PANEL = 32


class Strips(msgspec.Struct, frozen=True):
    """How a gradient by the filters is divided, for blocks of samples or single ones.

    Attributes
    ----------
    op : ConvolutionFilterGradient
    samples : int
        Of a cell that lie side by side.
    """

    op: ConvolutionFilterGradient
    samples: int

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of output cells that a strip has at most."""
        *_, height, width = (axis.output for axis in self.op.window.volume)
        most = _STRIP_SAMPLES // self.samples
        columns = _part(width, most)
        return _part(height, max(most // width, 1)), columns

    @property
    def channels(self) -> int:
        """Channels of a group that are taken together."""
        return _part(self._channels, _MOST_CHANNELS)

    @property
    def filters(self) -> int:
        """Filters of a group."""
        return self.op.filters // self.op.groups

    @property
    def run(self) -> int:
        """Neighbouring input elements that are multiplied alike: of one tap, or of a row."""
        *_, width = self.op.window.volume
        together = self.channels == self._channels and width.dilation == 1
        return self.channels * (width.kernel if together else 1)

    def cost(self) -> float:
        """Return the predicted time of a block of samples, in multiply-adds of sixteen lanes."""
        depth, height, width = self.op.window.volume
        filters = self.op.groups * round_up(self.filters, LANES)
        rows = depth.connections * height.connections
        # A run of all taps takes those beside the picture as well.
        columns = width.connections
        if self.run > self.channels:
            columns = width.output * width.kernel
        waiting = _waiting(self.run * _parts(self.run), 1)
        products = rows * columns * self._channels * filters * waiting
        copied = rows * _copied(width, width.output) * self.op.channels
        stored = depth.output * height.output * width.output * filters
        return _PRODUCT_COST * products + _COPIED_COST * copied + _STORED_COST * stored

    def usual_cost(self) -> float:
        """Return the same for the kernel whose vectors hold samples."""
        connections = math.prod(axis.connections for axis in self.op.window.volume)
        together = self.op.groups == self.op.window.volume[-1].dilation == 1
        run = self._channels * (self.op.window.kernel[-1] if together else 1)
        products = connections * self._channels * self.op.filters
        waiting = _waiting(min(run, _TILE[0]), min(self.filters, _TILE[1]))
        read = math.prod(axis.length for axis in self.op.window.volume) * self.op.channels
        read += math.prod(self.op.window.output) * self.op.filters
        cost = next(cost for most, cost in _USUAL_COST if 4 * LANES * read <= most)
        return products * waiting * cost

    @property
    def _channels(self) -> int:
        return self.op.channels // self.op.groups

    def arguments(self) -> dict[str, int]:
        """Return the arguments that tell the kernels."""
        rows, columns = self.cells
        return {"strip_rows": rows, "strip_columns": columns, "channels_together": self.channels}

    def workspace(self) -> int:
        """Return the floats of a strip's upstream gradient and of the input of one row of taps."""
        rows, columns = self.cells
        copied = rows * _copied(self.op.window.volume[-1], columns) * self.channels
        return self.samples * (rows * columns * round_up(self.filters, _PANEL) + copied)

    def pieces(self, target: Target) -> int:
        """Return how many parts threads may share: some filters, rows of taps and channels."""
        filters = target.pieces_of("convolution_filter_gradient_strips", self.filters)
        channels = -(-self._channels // self.channels)
        return self.op.groups * filters * math.prod(self.op.window.kernel[:-1]) * channels


def _part(whole: int, most: int) -> int:
    """Return the size of nearly equal parts of which none exceeds a limit."""
    return -(-whole // -(-whole // most))


def _waiting(rows: int, vectors: int) -> float:
    """Return how much longer products take where a tile has few sums, each waiting for the last."""
    return max(1.0, _LATENCY / (rows * vectors))


def _parts(sums: int) -> int:
    """Return in how many parts the products of each of a few sums are added."""
    return next((parts for most, parts in _PARTS if sums <= most), 1)


def _copied(axis: Window, outputs: int) -> int:
    """Return the cells of an input row that are copied for a number of output cells."""
    stride = 1 if axis.kernel == 1 else axis.stride
    return (outputs - 1) * stride + (axis.kernel - 1) * axis.dilation + 1


def strips(node: Node, *, single: bool = False) -> Strips:
    """Return how the gradient by the filters is divided, for blocks of samples or single ones."""
    op = node.op
    assert isinstance(op, ConvolutionFilterGradient)
    return Strips(op, 1 if single else LANES)


def pays(node: Node) -> bool:
    """Return whether a gradient by the filters takes less time in strips than tile after tile.

    It depends on the operation alone.
    """
    own = strips(node)
    return own.cost() < own.usual_cost()
