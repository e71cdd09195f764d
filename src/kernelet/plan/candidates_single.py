"""Convolutions of single samples by panels of filters, and gradients by the input likewise."""

from __future__ import annotations

import math

from kernelet.geometry import Window
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.plan.candidate import Arguments, Packing
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.selection import CANDIDATES
from kernelet.program import Node

# Floats that a band of output rows may read: they should stay in the second-level cache while all
# filters pass by.
BAND_FLOATS = 1 << 16
# Floats of filters that every thread may read: of more, threads share the filters instead of rows.
READ_BY_ALL = 1 << 16


class Panels:
    """How a convolution, or its gradient by the input, goes by panels of filters.

    Parameters
    ----------
    node : Node
    lanes : int
        Filters of a panel.
    """

    def __init__(self, node: Node, lanes: int) -> None:
        op = node.op
        assert isinstance(op, Convolution | ConvolutionInputGradient)
        self._node = node
        self._op = op
        self._lanes = lanes
        self._backward = isinstance(op, ConvolutionInputGradient)
        depth, self._height, self._width = op.window.volume
        self._planes = depth.kernel
        channels, filters = op.channels // op.groups, op.filters // op.groups
        inputs = filters if self._backward else channels
        self._merged = merged(op, lanes)
        self._inputs, self._tap_rows = self._merged * inputs, inputs
        self._panels = panels(op, lanes)

    def arguments(self) -> Arguments:
        """Return the arguments of the kernel, but for the floats between cells."""
        return {
            **CANDIDATES[type(self._op)][-1].arguments(self._node),
            "band": self._band(),
            "by_rows": int(self._packed_floats() <= READ_BY_ALL),
            "merged": self._merged,
        }

    def packing(self) -> Packing:
        """Return how the filters are packed."""
        op = self._op
        taps = math.prod(op.window.kernel)
        return Packing(
            1,
            {
                "taps": taps,
                "channels": op.channels // op.groups,
                "filters": op.filters // op.groups,
                "groups": op.groups,
                "transposed": int(self._backward),
                "merged": self._merged,
            },
            "pack_filters_single",
            self._packed_floats(),
            pieces=lambda target: self._panels * taps,
        )

    def _packed_floats(self) -> int:
        taps = math.prod(self._op.window.kernel)
        return self._panels * taps * self._tap_rows * self._lanes

    def workspace(self) -> int:
        """Return the floats of the rows that a band reads, with zeros around them."""
        rows = self._reached(self._height, self._band())
        return rows * self._row_floats() if self._copies() else 1

    def pieces(self) -> int:
        """Return the output rows of all panels, which threads may share out."""
        return rows_of_cells(self._node.output) * self._panels

    def _written(self, axis: Window) -> int:
        return axis.length if self._backward else axis.output

    def _reached(self, axis: Window, cells: int) -> int:
        """Return the most cells of the input's axis that so many written cells in a row reach."""
        extent = (axis.kernel - 1) * axis.dilation
        if self._backward:
            return (cells - 1 + extent) // axis.stride + 1
        return (cells - 1) * axis.stride + extent + 1

    def _copies(self) -> bool:
        """Return whether taps reach beyond the picture."""
        return any(self._beyond(axis) for axis in (self._height, self._width))

    def _beyond(self, axis: Window) -> bool:
        extent = (axis.kernel - 1) * axis.dilation
        if self._backward:
            first = -((extent - axis.before) // axis.stride)
            last = (axis.length - 1 + axis.before) // axis.stride
            return first < 0 or last >= axis.output
        last = (axis.output - 1) * axis.stride - axis.before + extent
        return axis.before > 0 or last >= axis.length

    def _row_floats(self) -> int:
        """Return the floats that a row has in all planes that one output row reads."""
        width = self._reached(self._width, self._written(self._width))
        return self._planes * width * self._inputs

    def _band(self) -> int:
        """Return how many output rows are taken at a time."""
        axis = self._height
        extent = (axis.kernel - 1) * axis.dilation
        fitting = BAND_FLOATS // self._row_floats()
        if self._backward:
            rows = fitting * axis.stride - extent
        else:
            rows = (fitting - 1 - extent) // axis.stride + 1
        return max(1, min(rows, self._written(axis)))


def panels(op: Convolution | ConvolutionInputGradient, lanes: int) -> int:
    """Return the panels of all groups."""
    together = merged(op, lanes)
    outputs = op.channels if isinstance(op, ConvolutionInputGradient) else op.filters
    return op.groups // together * -(-together * outputs // op.groups // lanes)


def merged(op: Convolution | ConvolutionInputGradient, lanes: int) -> int:
    """Return how many narrow groups share a panel: all panels have as many.

    The channels of all of them fit a vector, of which each filter takes its own.
    """
    widest = max(op.channels, op.filters) // op.groups
    fitting = range(min(op.groups, lanes // widest), 1, -1)
    return next((count for count in fitting if op.groups % count == 0), 1)
