"""What convolutions of single samples take whose lanes hold neighbouring cells, or channels.

Where a group has few filters, or few channels whose gradient is asked for, most lanes of a panel
would be idle.
"""

from __future__ import annotations

import math

from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.plan.candidate import LANES
from kernelet.plan.panel_sizes import PanelSizes, merged

AnyConvolution = Convolution | ConvolutionInputGradient

# The most outputs of a group that the kernel of cells has sums in registers for.
_MOST_OUTPUTS = 8
# What copying an input number takes, in products of vectors: of so few channels each is moved by
# itself, others are transposed.
_FEW_CHANNELS = 4
_MOVED, _TRANSPOSED = 0.8, 0.5
# What a product of a panel that several groups share takes, as channels are permuted for it.
_PERMUTED = 1.5
# What storing the results of a cell takes, transposed and as a part of a vector.
_COLLECTED, _STORED = 5.0, 7.0

# In gradients by the filters: what a product takes in either way, and all else of a cell.
_BY_CELLS, _BY_PANELS = 1.3, 1.1
_ALL_ELSE_BY_CELLS, _ALL_ELSE_BY_PANELS = 4.0, 9.0
# Output cells whose rows are written anew together, so that they stay in the nearest caches, and
# what going on with a sum takes for so many.
_STRIP_CELLS = 1024
_MOST_STRIP_ROWS = 64
_RESUMED = 9.0
# The most floats of sums: of more, those would not stay in the second-level cache.
_MOST_SUMS = 1 << 17


def lanes_hold_cells(op: AnyConvolution) -> bool:
    """Return whether vectors of neighbouring cells take less time than vectors of channels."""
    if PanelSizes(op, 1).outputs > _MOST_OUTPUTS:
        return False
    return _time_by_cells(op) < _time_by_panels(op)


def sample_by_cells(op: AnyConvolution) -> float:
    """Predict what a sample takes in vectors of cells, in products of vectors."""
    gradient = isinstance(op, ConvolutionInputGradient)
    written = op.window.size if gradient else op.window.output
    return op.groups * math.prod(written) / _cells_together(op) * _time_by_cells(op)


def _time_by_cells(op: AnyConvolution) -> float:
    """Predict what some cells of a row take, in products of vectors.

    These are the cells that have the same taps, of one group, in vectors of cells.
    """
    sizes = PanelSizes(op, 1)
    cells = _cells_together(op)
    products = sizes.outputs * sizes.inputs * -(-cells // LANES) * _taps(op)
    moved = _TRANSPOSED if sizes.inputs >= _FEW_CHANNELS else _MOVED
    return products + moved * cells * sizes.inputs * _copied(op) + _COLLECTED * cells


def _time_by_panels(op: AnyConvolution) -> float:
    cells, together = _cells_together(op), merged(op, LANES)
    products = cells * PanelSizes(op, 1).inputs * _taps(op)
    return (products * (_PERMUTED if together > 1 else 1) + _STORED * cells) / together


def _taps(op: AnyConvolution) -> float:
    """Return the taps of a cell, on average."""
    taps = math.prod(op.window.kernel)
    if isinstance(op, ConvolutionInputGradient):
        return taps / math.prod(axis.stride for axis in op.window.volume)
    return taps


def _copied(op: AnyConvolution | ConvolutionFilterGradient) -> float:
    """Return how many cells are copied for each that is written.

    As many rows and cells are read anew as there are between windows; planes are all read anew.
    """
    depth, height, width = op.window.volume
    if isinstance(op, ConvolutionInputGradient):
        return depth.kernel / (depth.stride * height.stride * width.stride)
    return depth.kernel * width.stride * min(height.stride, height.kernel)


def _cells_together(op: AnyConvolution) -> int:
    """Return how many cells of a row have the same taps, so that a vector may hold them."""
    width = op.window.volume[-1]
    if isinstance(op, ConvolutionInputGradient):
        return -(-width.length // width.stride)
    return width.output


def lanes_hold_cells_of_gradient(op: ConvolutionFilterGradient) -> bool:
    """Return whether vectors of cells take less time than vectors of filters, in a gradient.

    That is one by the filters.
    """
    filters, weights = op.filters // op.groups, _weights(op)
    if filters > _MOST_OUTPUTS or weights * filters * LANES > _MOST_SUMS:
        return False
    width = op.window.volume[-1].output
    idle = LANES * -(-width // LANES) / width
    copied = op.channels // op.groups * _copied(op)
    moved = _TRANSPOSED * (copied + filters)
    resumed = _RESUMED * weights * filters / (strip_rows(op) * width)
    products = _BY_CELLS * weights * filters * idle / LANES
    cells = products + moved + resumed + _ALL_ELSE_BY_CELLS
    return cells < _BY_PANELS * weights + _ALL_ELSE_BY_PANELS


def strip_rows(op: ConvolutionFilterGradient) -> int:
    """Return how many output rows a gradient by the filters takes together, in vectors of cells."""
    height, width = (axis.output for axis in op.window.volume[1:])
    return min(height, _MOST_STRIP_ROWS, max(1, _STRIP_CELLS // width))


def _weights(op: ConvolutionFilterGradient) -> int:
    """Return the weights of a filter."""
    return math.prod(op.window.kernel) * op.channels // op.groups
