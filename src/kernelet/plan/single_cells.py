"""Convolutions of single samples, and their gradients, by vectors of neighbouring cells."""

from __future__ import annotations

import math

from kernelet.geometry import Window
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.plan.candidate import Arguments, Candidate, Target, round_up
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.panel_sizes import PanelSizes
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_layout import SingleLayout
from kernelet.plan.single_times import strip_rows
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
        packings=(lambda node: (PanelSizes(op, 1).packing(),)) if backward else None,
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


def gradient_by_cells(node: Node, layout: SingleLayout) -> Candidate:
    """Return the kernel of a gradient by the filters whose lanes hold cells."""
    op = node.op
    assert isinstance(op, ConvolutionFilterGradient)
    read, upstream = (layout.form(value).cell_floats for value in node.inputs)

    def arguments(node: Node) -> Arguments:
        return {
            **CANDIDATES[ConvolutionFilterGradient][-1].arguments(node),
            "input_floats": read,
            "upstream_floats": upstream,
            "strip_rows": strip_rows(op),
        }

    return Candidate(
        "convolution_filter_gradient_single_cells",
        arguments,
        workspace=lambda node, target: _strip(op, target),
        pieces=lambda node, target: op.groups * math.prod(op.window.kernel[:-1]),
    )


def _strip(op: ConvolutionFilterGradient, target: Target) -> int:
    """Return the floats of the rows that belong to a strip, and of a vector for each weight."""
    channels, filters = op.channels // op.groups, op.filters // op.groups
    depth, height, width = op.window.volume
    rows = strip_rows(op)
    reached = min(height.length, _reached(height, rows))
    phase = (_reached(width, width.output) - 1) // width.stride + target.lanes
    picture = depth.kernel * reached * channels * width.stride * phase
    upstream = rows * filters * round_up(width.output, target.lanes)
    return picture + upstream + math.prod(op.window.kernel) * channels * filters * target.lanes


def _reached(axis: Window, cells: int) -> int:
    """Return the cells that so many output cells in a row reach."""
    return (cells - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
