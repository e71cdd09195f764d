"""Convolutions of single samples by panels of filters, and gradients by the input likewise."""

from __future__ import annotations

from kernelet.geometry import Window
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.plan.candidate import Arguments, Packing
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.panel_sizes import PanelSizes, merged
from kernelet.plan.selection import CANDIDATES
from kernelet.program import Node

# Floats that a band of output rows may read: they should stay in the second-level cache while all
# filters pass by.
BAND_FLOATS = 1 << 16
# Fewer products of a tap than these, one a channel, take less time than finding out which cells
# have it.
FEWEST_SKIPPED = 16
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
        self._backward = isinstance(op, ConvolutionInputGradient)
        self._merged = merged(op, lanes)
        self._sizes = PanelSizes(op, self._merged, lanes)
        self._inputs = self._merged * self._sizes.inputs
        self._height, self._width = op.window.volume[1:]

    def arguments(self) -> Arguments:
        """Return the arguments of the kernel, but for the floats between cells."""
        return {
            **CANDIDATES[type(self._op)][-1].arguments(self._node),
            "band": self._band(),
            "by_rows": int(self._sizes.packed_floats() <= READ_BY_ALL),
            "merged": self._merged,
            "skips": int(self._skips()),
        }

    def packing(self) -> Packing:
        """Return how the filters are packed."""
        return self._sizes.packing()

    def workspace(self) -> int:
        """Return the floats of the rows that a band reads, with zeros around them."""
        rows = self._sizes.reached(self._height, self._band())
        return rows * self._row_floats() if self._copies() else 1

    def pieces(self) -> int:
        """Return the output rows of all panels, which threads may share out."""
        return rows_of_cells(self._node.output) * self._sizes.panels

    def _skips(self) -> bool:
        """Return whether taps that read nothing are left out, where instructions favour that."""
        return self._merged == 1 and self._inputs >= FEWEST_SKIPPED

    def _copies(self) -> bool:
        """Return whether rows may be copied between zeros, as taps reach beyond the picture."""
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
        width = self._sizes.reached(self._width, self._sizes.written(self._width))
        return self._op.window.volume[0].kernel * width * self._inputs

    def _band(self) -> int:
        """Return how many output rows are taken at a time."""
        axis = self._height
        extent = (axis.kernel - 1) * axis.dilation
        fitting = BAND_FLOATS // self._row_floats()
        if self._backward:
            rows = fitting * axis.stride - extent
        else:
            rows = (fitting - 1 - extent) // axis.stride + 1
        return max(1, min(rows, self._sizes.written(axis)))
