"""How filters fill panels, sixteen side by side, of single samples whose lanes hold channels."""

from __future__ import annotations

import math

from kernelet.geometry import Window
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.plan.candidate import LANES, Packing


class PanelSizes:
    """Inputs and outputs of a convolution, or of its gradient by the input, by panels of filters.

    Parameters
    ----------
    op : Convolution or ConvolutionInputGradient
    together : int
        Groups that share a panel.
    lanes : int
        Filters of a panel.

    Attributes
    ----------
    inputs, outputs : int
        Of a group: channels and filters, the other way round in a gradient.
    panels : int
        Of all groups.
    """

    def __init__(
        self, op: Convolution | ConvolutionInputGradient, together: int, lanes: int = LANES
    ) -> None:
        self._op = op
        self._together = together
        self._lanes = lanes
        self._backward = isinstance(op, ConvolutionInputGradient)
        channels, filters = op.channels // op.groups, op.filters // op.groups
        self.inputs, self.outputs = (filters, channels) if self._backward else (channels, filters)
        self.panels = op.groups // together * -(-together * self.outputs // lanes)

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
                "merged": self._together,
            },
            "pack_filters_single",
            self.packed_floats(),
            pieces=lambda target: self.panels * taps,
        )

    def packed_floats(self) -> int:
        """Return the floats of the packed filters."""
        return self.panels * math.prod(self._op.window.kernel) * self.inputs * self._lanes

    def written(self, axis: Window) -> int:
        """Return the cells along an axis that are written."""
        return axis.length if self._backward else axis.output

    def reached(self, axis: Window, cells: int) -> int:
        """Return the most cells of the input's axis that so many written cells in a row reach."""
        extent = (axis.kernel - 1) * axis.dilation
        if self._backward:
            return (cells - 1 + extent) // axis.stride + 1
        return (cells - 1) * axis.stride + extent + 1


def panels(op: Convolution | ConvolutionInputGradient, lanes: int) -> int:
    """Return the panels of all groups."""
    return PanelSizes(op, merged(op, lanes), lanes).panels


def merged(op: Convolution | ConvolutionInputGradient, lanes: int) -> int:
    """Return how many narrow groups share a panel: all panels have as many.

    The channels of all of them fit a vector, of which each filter takes its own.
    """
    widest = max(op.channels, op.filters) // op.groups
    fitting = range(min(op.groups, lanes // widest), 1, -1)
    return next((count for count in fitting if op.groups % count == 0), 1)
