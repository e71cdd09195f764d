"""Depthwise convolutions of single samples, where each channel has one filter of its own."""

from __future__ import annotations

import math

from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.plan.candidate import Arguments, Candidate, Target
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_layout import SingleLayout
from kernelet.program import Node, Op

_KERNELS: dict[type[Op], str] = {
    Convolution: "depthwise_single",
    ConvolutionInputGradient: "depthwise_input_gradient_single",
    ConvolutionFilterGradient: "depthwise_filter_gradient_single",
}


def depthwise(node: Node, layout: SingleLayout) -> Candidate:
    """Return the kernel of a node that is depthwise."""
    op = node.op
    if isinstance(op, ConvolutionFilterGradient):
        return Candidate(
            _KERNELS[type(op)], lambda node: _gradient_arguments(node, layout), pieces=_taps
        )
    return Candidate(
        _KERNELS[type(op)],
        lambda node: _arguments(node, layout),
        bias=True,
        factors=True,
        pieces=lambda node, target: rows_of_cells(node.output),
    )


def _arguments(node: Node, layout: SingleLayout) -> Arguments:
    usual = CANDIDATES[type(node.op)][-1].arguments(node)
    return {**usual, **layout.distances(node)}


def _gradient_arguments(node: Node, layout: SingleLayout) -> Arguments:
    read, upstream = (layout.form(value).cell_floats for value in node.inputs)
    usual = CANDIDATES[ConvolutionFilterGradient][-1].arguments(node)
    return {**usual, "input_floats": read, "upstream_floats": upstream}


def _taps(node: Node, target: Target) -> int:
    assert isinstance(node.op, ConvolutionFilterGradient)
    return math.prod(node.op.window.kernel)
