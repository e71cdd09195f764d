"""Candidates for convolutions of 3×3 and 5×5 taps by Winograd's algorithm.

A tile of 6×6 cells becomes 36 values, which meet the filters' values one by one: 36 multiplications
for 4×4 outputs of 3×3 taps (instead of 144) or 2×2 outputs of 5×5 taps (instead of 100), and some
additions for every channel and every filter. The error in float32 is about twice that of adding
the products one by one (``benchmarks/log.md``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from kernelet.geometry import Window
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.plan.candidate import (
    LANES,
    NO_ACTIVATION,
    Arguments,
    Candidate,
    Packing,
    Target,
    round_up,
)
from kernelet.plan.single_times import lanes_hold_cells, sample_by_cells
from kernelet.program import Node

AnyConvolution = Convolution | ConvolutionInputGradient | ConvolutionFilterGradient

POINTS = 6
POSITIONS = POINTS * POINTS
TAPS = (3, 5)

# Values and sums that a strip of tiles may have, of sixteen samples or of one: they should stay in
# the second-level cache beside the filters. The number of tiles fixes the order in which the
# gradient by filters is added up, so it must not depend on the machine. A single sample's gradient
# has sums as well, 36 for each weight, that all strips go through.
_BLOCK_STRIP = 1 << 14
_SINGLE_STRIP = 1 << 18
_SINGLE_GRADIENT_STRIP = 1 << 17
_FEWEST_TILES = 3

# Measured on a Zen 4 core, in the time of one multiply-add of sixteen samples: to transform the
# cells of a channel's tile, a filter's sums, a tile of the gradient by a filter's map, by taps, and
# the sums of sixteen filters' weights; and how much longer a product takes than in the usual
# kernels, which add longer runs.
_CELLS_COST = 270
_SUMS_COST = {3: 220, 5: 150}
_UPSTREAM_COST = {3: 270, 5: 130}
_FILTERS_COST = 100
_PRODUCT_COST = 1.15
# Where less is gained, or a sample takes fewer multiply-adds than that, products are added one by
# one, which keeps whole numbers exact.
_WORTHWHILE = 0.75
_FEWEST_PRODUCTS = 1 << 18
# A single sample must read all filters as well: bytes in the time of one multiply-add of sixteen
# floats, by the bytes that they may have to come from the second-level cache, the third or memory;
# and fewer tiles than that keep the processor waiting for sums that depend on each other. Filters
# that last for many samples are ready, and most of their reading is hidden behind products; batches
# gain so much by them that a single sample may gain less.
_READ = ((1 << 20, 16), (1 << 24, 12), (math.inf, 4))
_READ_READY = ((6 << 20, 40), (1 << 24, 20), (math.inf, 4))
_WORTHWHILE_READY = 0.9
_TILES_TOGETHER = 4


class Correlation(msgspec.Struct, frozen=True):
    """A picture correlated with square filters at stride 1, as the kernels see it.

    Attributes
    ----------
    height, width : Window
        Axes of the picture.
    channels, filters : int
        Of the picture and the result.
    transposed : bool
        Whether the filters are those of the convolution that this is the gradient of.
    """

    height: Window
    width: Window
    channels: int
    filters: int
    transposed: bool = False

    @classmethod
    def of(
        cls, op: Convolution | ConvolutionInputGradient | ConvolutionFilterGradient
    ) -> Correlation | None:
        """Return an operation as a correlation that the kernels can do, or None."""
        depth, height, width = op.window.volume
        plain = all(axis.stride == axis.dilation == 1 for axis in (depth, height, width))
        flat = depth.length == depth.output == depth.kernel == 1
        square = height.kernel == width.kernel and height.kernel in TAPS
        if not (plain and flat and square and op.groups == 1):
            return None
        if isinstance(op, ConvolutionInputGradient):
            return cls(_turned(height), _turned(width), op.filters, op.channels, transposed=True)
        return cls(height, width, op.channels, op.filters)

    @property
    def taps(self) -> int:
        """Cells of a filter along an axis."""
        return self.height.kernel

    @property
    def outputs(self) -> int:
        """Cells of the result that a tile has along an axis."""
        return POINTS + 1 - self.taps

    @property
    def rows(self) -> int:
        """Rows of tiles."""
        return -(-self.height.output // self.outputs)

    @property
    def tiles(self) -> int:
        """Tiles of the result."""
        return self.rows * -(-self.width.output // self.outputs)

    def usual_cost(self) -> int:
        """Return the multiply-adds of the usual kernels, which skip taps outside the picture."""
        return self.height.connections * self.width.connections * self.channels * self.filters

    def cost(self, fewest: int = 1) -> float:
        """Return what this algorithm is predicted to take, in the usual multiply-adds.

        Fewer tiles than `fewest` take as long to multiply.
        """
        products = _PRODUCT_COST * POSITIONS * self.channels * self.filters
        transforms = _CELLS_COST * self.channels + _SUMS_COST[self.taps] * self.filters
        return max(self.tiles, fewest) * products + self.tiles * transforms

    def padded(self) -> Correlation:
        """Return it with as many channels and filters as fill vectors of them."""
        channels, filters = (round_up(count, LANES) for count in (self.channels, self.filters))
        return replace(self, channels=channels, filters=filters)

    def gradient_cost(self) -> float:
        """Return the same for the gradient by the filters, taken sixteen at once."""
        filters = round_up(self.filters, LANES)
        products = _PRODUCT_COST * POSITIONS * self.channels * filters
        transforms = _CELLS_COST * self.channels + _UPSTREAM_COST[self.taps] * filters
        return self.tiles * (products + transforms)

    def arguments(self, tiles: int) -> dict[str, int | float | str]:
        """Return the arguments of the kernels."""
        return {
            "taps": self.taps,
            "height": self.height.length,
            "width": self.width.length,
            "pad_height": self.height.before,
            "pad_width": self.width.before,
            "output_height": self.height.output,
            "output_width": self.width.output,
            "channels": self.channels,
            "filters": self.filters,
            "tiles": tiles,
            **NO_ACTIVATION,
        }

    def packing(self, *, panels: bool) -> Packing:
        """Return how the filters are transformed."""
        channels, filters = self.channels, self.filters
        padded = round_up(filters, LANES)
        size = POSITIONS * _stride(channels, padded if panels else filters)
        pieces = channels * padded // LANES
        if self.transposed:
            channels, filters = filters, channels
        arguments: Arguments = {
            "taps": self.taps,
            "channels": channels,
            "filters": filters,
            "transposed": int(self.transposed),
            "panels": int(panels),
        }
        return Packing(1, arguments, "pack_filters_winograd", size, pieces=lambda target: pieces)


def _stride(count: int, floats: int, lanes: int = LANES) -> int:
    """Return the floats of a position that many tiles or channels have floats at.

    A cache line lies behind them.
    """
    return count * floats + lanes


def _turned(axis: Window) -> Window:
    """Return the axis of the gradient by the picture, a correlation with the turned filters."""
    before = axis.kernel - 1 - axis.before
    after = axis.length - axis.output - before + axis.kernel - 1
    return Window(axis.output, axis.kernel, 1, 1, before, after)


def _correlation(node: Node) -> Correlation:
    op = node.op
    assert isinstance(op, AnyConvolution)
    correlation = Correlation.of(op)
    assert correlation is not None
    return correlation


def pays(node: Node) -> bool:
    """Return whether a convolution, or a gradient of one, should go by this algorithm.

    It depends on the operation alone, never on the batch or its storage, so that results do not.
    """
    op = node.op
    assert isinstance(op, AnyConvolution)
    own = Correlation.of(op)
    if own is None:
        return False
    usual = own.usual_cost()
    return usual >= _FEWEST_PRODUCTS and _cost(own, op) < _WORTHWHILE * usual


def predicted_cost(node: Node) -> float:
    """Return what `WINOGRAD` is predicted to take on a node, in multiply-adds of all lanes."""
    op = node.op
    assert isinstance(op, AnyConvolution)
    return _cost(_correlation(node), op)


def _cost(own: Correlation, op: AnyConvolution) -> float:
    return own.gradient_cost() if isinstance(op, ConvolutionFilterGradient) else own.cost()


def pays_alone(node: Node, *, lasting: bool = False) -> bool:
    """Return whether a convolution should go by this algorithm where a sample may come alone.

    Nothing else shares the reading of its filters then, which are four times as many.

    Parameters
    ----------
    node : Node
    lasting : bool
        Whether the filters last for many calls, so that they are transformed once.
    """
    if not pays(node):
        return False
    own = _correlation(node)
    op = node.op
    if isinstance(op, Convolution | ConvolutionInputGradient) and lanes_hold_cells(op):
        return own.padded().cost() / LANES < _WORTHWHILE * sample_by_cells(op)
    weights = own.channels * own.filters
    rates = _READ_READY if lasting else _READ
    usual = own.usual_cost() / LANES + _reading(own.taps**2 * weights, rates)
    alone = own.cost(_TILES_TOGETHER) / LANES + _reading(POSITIONS * weights, rates)
    return alone < (_WORTHWHILE_READY if lasting else _WORTHWHILE) * usual


def _reading(floats: int, rates: Sequence[tuple[float, int]] = _READ) -> float:
    size = 4 * floats
    return next(size / rate for most, rate in rates if size <= most)


class Strip(msgspec.Struct, frozen=True):
    """Tiles that a kernel takes at a time.

    Attributes
    ----------
    correlation : Correlation
    values, sums : int
        Elements of a tile at one position: its channels and its filters.
    most : int
        Elements that values and sums may take together.
    """

    correlation: Correlation
    values: int
    sums: int
    most: int

    @property
    def tiles(self) -> int:
        """How many tiles there are at most."""
        fitting = self.most // (POSITIONS * (self.values + self.sums))
        return min(self.correlation.tiles, max(_FEWEST_TILES, fitting))

    def arguments(self) -> dict[str, int | float | str]:
        """Return the arguments of the kernels."""
        return self.correlation.arguments(self.tiles)

    def workspace(self, values: int, sums: int, lanes: int) -> int:
        """Return the floats of values and sums of which a tile has that many at a position."""
        return sum(POSITIONS * _stride(self.tiles, floats, lanes) for floats in (values, sums))


def _strip(node: Node) -> Strip:
    own = _correlation(node)
    return Strip(own, own.channels, own.filters, _BLOCK_STRIP)


def _single_strip(node: Node, lanes: int) -> Strip:
    own = _correlation(node)
    return Strip(own, round_up(own.channels, lanes), round_up(own.filters, lanes), _SINGLE_STRIP)


def _gradient_strip(node: Node, lanes: int) -> Strip:
    return replace(_single_strip(node, lanes), most=_SINGLE_GRADIENT_STRIP)


def single_arguments(node: Node, lanes: int) -> Arguments:
    """Return the arguments for a single sample, whose channels are padded to lanes."""
    return {
        **_single_strip(node, lanes).arguments(),
        "by_panels": int(shared_by_panels(node)),
    }


def single_workspace(node: Node, lanes: int) -> int:
    """Return the floats of scratch memory for a single sample."""
    strip = _single_strip(node, lanes)
    return strip.workspace(strip.values, strip.sums, lanes)


def shared_by_panels(node: Node) -> bool:
    """Return whether threads share a single sample's filters rather than its tiles.

    They then read each filter once, but transform all cells, and each does so about twice.
    """
    own = _correlation(node)
    transforms = own.tiles * _CELLS_COST * own.channels / LANES
    return _reading(POSITIONS * own.channels * own.filters) > 3 * transforms


def single_gradient_pays(node: Node) -> bool:
    """Return whether the gradient by the filters of a single sample should go by this algorithm.

    Each sample makes a gradient of the sums of all its tiles.
    """
    op = node.op
    assert isinstance(op, ConvolutionFilterGradient)
    if not pays(node):
        return False
    own = _correlation(node)
    weights = own.channels * round_up(own.filters, LANES)
    strips = -(-own.tiles // _gradient_strip(node, LANES).tiles)
    summed = LANES * strips * _reading(POSITIONS * weights)
    cost = own.gradient_cost() + _FILTERS_COST * weights + summed
    return cost < _WORTHWHILE * own.usual_cost() * weights / (own.channels * own.filters)


def single_gradient_arguments(node: Node, lanes: int) -> Arguments:
    """Return the arguments of `winograd_filter_gradient_single`, but for floats between cells."""
    return _gradient_strip(node, lanes).arguments()


def single_gradient_workspace(node: Node, lanes: int) -> int:
    """Return the floats of a strip of a single sample, and of all sums."""
    strip = _gradient_strip(node, lanes)
    own = strip.correlation
    return strip.workspace(strip.values, strip.sums, lanes) + POSITIONS * own.channels * own.filters


def gradient_pieces(node: Node, target: Target) -> int:
    """Return how many parts of a gradient by the filters threads may share."""
    return target.pieces_of("winograd_filter_gradient", _correlation(node).channels)


def single_pieces(node: Node, lanes: int) -> int:
    """Return how many parts of a single sample threads may share out."""
    own = _correlation(node)
    return round_up(own.filters, lanes) // lanes if shared_by_panels(node) else own.rows


def _arguments(node: Node) -> Arguments:
    return _strip(node).arguments()


def _workspace(node: Node, target: Target) -> int:
    strip, lanes = _strip(node), target.lanes
    return strip.workspace(strip.values * lanes, strip.sums * lanes, lanes)


def _gradient_workspace(node: Node, target: Target) -> int:
    """Return the floats of a strip, of one tile of the gradient transposed, and of all sums."""
    strip, lanes = _strip(node), target.lanes
    own = strip.correlation
    upstream = round_up(strip.sums, lanes) * lanes
    tile = own.outputs**2 * upstream
    values = strip.workspace(strip.values * lanes, upstream, lanes)
    return values + tile + POSITIONS * own.channels * own.filters


def packing(node: Node, *, panels: bool) -> Packing:
    """Return how the filters of a node are transformed."""
    return _correlation(node).packing(panels=panels)


WINOGRAD = Candidate(
    "winograd_convolution",
    _arguments,
    applies=pays,
    workspace=_workspace,
    packings=lambda node: (packing(node, panels=False),),
    pieces=lambda node, target: _correlation(node).rows,
    bias=True,
    factors=True,
)
WINOGRAD_FILTER_GRADIENT = Candidate(
    "winograd_filter_gradient",
    _arguments,
    applies=pays,
    workspace=_gradient_workspace,
    pieces=gradient_pieces,
)
