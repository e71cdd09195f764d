"""Convolutions of single samples by vectors of neighbouring cells, for few filters."""

from __future__ import annotations

from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.plan.candidate import Arguments, Candidate, Target
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.panel_sizes import PanelSizes
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_layout import SingleLayout
from kernelet.program import Node

AnyConvolution = Convolution | ConvolutionInputGradient

# The rows of cells that the kernel takes together.
_ROWS_TOGETHER = 4


def by_cells(node: Node, layout: SingleLayout) -> Candidate:
    """Return the kernel of a convolution, or of a gradient by the input, whose lanes hold cells."""
    op = node.op
    assert isinstance(op, AnyConvolution)
    backward = isinstance(op, ConvolutionInputGradient)

    def arguments(node: Node) -> Arguments:
        return {**CANDIDATES[type(op)][-1].arguments(node), **layout.distances(node)}

    return Candidate(
        "convolution_input_gradient_single_cells" if backward else "convolution_single_cells",
        arguments,
        workspace=_rows,
        packing=(lambda node: PanelSizes(op, 1).packing()) if backward else None,
        bias=True,
        factors=True,
        pieces=lambda node, target: op.groups * rows_of_cells(node.output),
    )


def _rows(node: Node, target: Target) -> int:
    """Return the floats of the input rows that some output rows read, with zeros around them."""
    op = node.op
    assert isinstance(op, AnyConvolution)
    sizes = PanelSizes(op, 1)
    depth, height, width = op.window.volume
    stride = 1 if isinstance(op, ConvolutionInputGradient) else width.stride
    phase = (sizes.reached(width, sizes.written(width)) - 1) // stride + target.lanes
    rows = depth.kernel * sizes.reached(height, _ROWS_TOGETHER)
    return rows * sizes.inputs * stride * phase
