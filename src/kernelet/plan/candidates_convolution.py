"""Candidates for convolutions and dense layers, and for their gradients."""

from __future__ import annotations

import math
from typing import TypeGuard

from kernelet.geometry import SlidingWindow
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan.candidate import NO_ACTIVATION, Arguments, Candidate, Packing, Target, round_up
from kernelet.plan.candidates_winograd import WINOGRAD, WINOGRAD_FILTER_GRADIENT, AnyConvolution
from kernelet.plan.division import sums_in_parts
from kernelet.plan.filter_gradient_strips import pays, strips
from kernelet.program import Node, Op, Value

# What `depthwise_filter_gradient` has sums in registers for: taps of a row, and steps.
_DEPTHWISE_TAPS = (3, 5)
_DEPTHWISE_STRIDES = (1, 2)


def is_depthwise(op: Op) -> TypeGuard[AnyConvolution]:
    """Return whether an operation is a depthwise convolution, or a gradient of one."""
    return isinstance(op, AnyConvolution) and 1 < op.groups == op.channels == op.filters


def window_arguments(window: SlidingWindow) -> dict[str, int]:
    """Return the arguments that convolution and pooling kernels share."""
    arguments: dict[str, int] = {}
    for axis, resolved in zip(("depth", "height", "width"), window.volume, strict=True):
        arguments |= {
            axis: resolved.length,
            f"output_{axis}": resolved.output,
            f"kernel_{axis}": resolved.kernel,
            f"stride_{axis}": resolved.stride,
            f"pad_{axis}": resolved.before,
        }
    return arguments


def _convolution(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, Convolution | ConvolutionInputGradient | ConvolutionFilterGradient)
    depth, height, width = op.window.volume
    return {
        **window_arguments(op.window),
        **NO_ACTIVATION,
        "dilation_depth": depth.dilation,
        "dilation_height": height.dilation,
        "dilation_width": width.dilation,
        "channels": op.channels,
        "filters": op.filters,
        "groups": op.groups,
    }


def rows_of_cells(value: Value) -> int:
    """Return the rows of a picture, in all its planes."""
    return math.prod(value.shape[:-2])


def _parts_of_rows(node: Node, target: Target) -> int:
    width = node.output.shape[-2]
    return rows_of_cells(node.output) * target.pieces_of("convolution", width)


def _gradient_pieces(node: Node, target: Target) -> int:
    """Return the rows of taps times groups times pieces of a group's filters."""
    op = node.op
    assert isinstance(op, ConvolutionFilterGradient)
    filters = target.pieces_of("convolution_filter_gradient", op.filters // op.groups)
    return math.prod(op.window.kernel[:-1]) * op.groups * filters


def _depthwise_near(node: Node) -> bool:
    """Return whether a gradient by filters is depthwise, with neighbouring taps in a row."""
    if not is_depthwise(node.op):
        return False
    width = node.op.window.volume[-1]
    near = width.kernel in _DEPTHWISE_TAPS and width.stride in _DEPTHWISE_STRIDES
    return near and width.dilation == 1


def _depthwise_workspace(node: Node, target: Target) -> int:
    """Return the floats of the sums of a piece: every tap of its channels, for each sample."""
    assert is_depthwise(node.op)
    taps = math.prod(node.op.window.kernel)
    return taps * target.pieces["depthwise_filter_gradient"] * target.lanes


def _depthwise(kernel: str) -> Candidate:
    return Candidate(
        kernel,
        _convolution,
        applies=lambda node: is_depthwise(node.op),
        pieces=_parts_of_rows,
        bias=True,
        factors=True,
    )


def _strips(node: Node) -> Arguments:
    return {**_convolution(node), **strips(node).arguments()}


def _packed_filters(node: Node) -> tuple[Packing, ...]:
    op = node.op
    assert isinstance(op, Convolution | ConvolutionInputGradient)
    transposed = isinstance(op, ConvolutionInputGradient)
    channels, filters = op.channels // op.groups, op.filters // op.groups
    return (_packing(math.prod(op.window.kernel), channels, filters, op.groups, transposed),)


def _packed_matrix(node: Node) -> tuple[Packing, ...]:
    op = node.op
    assert isinstance(op, MatrixProduct)
    rows, columns = node.inputs[1].shape
    return (_packing(1, rows, columns, transposed=op.transposed),)


def _packing(
    taps: int, channels: int, filters: int, groups: int = 1, transposed: bool = False
) -> Packing:
    outputs = channels if transposed else filters
    return Packing(
        1,
        {
            "taps": taps,
            "channels": channels,
            "filters": filters,
            "groups": groups,
            "transposed": int(transposed),
        },
        pieces=lambda target: groups * target.pieces_of("pack_filters", outputs),
    )


def dense_arguments(node: Node) -> Arguments:
    """Return the arguments that all kernels of dense layers share."""
    inputs, outputs = node.inputs[0].size, node.output.size
    return {"inputs": inputs, "outputs": outputs, **NO_ACTIVATION}


def _dense(node: Node) -> Arguments:
    return {**dense_arguments(node), "in_parts": int(sums_in_parts(node))}


def _outer_product(node: Node) -> Arguments:
    return {"inputs": node.inputs[0].size, "outputs": node.inputs[1].size, **NO_ACTIVATION}


def _outer_product_workspace(node: Node, target: Target) -> int:
    return target.lanes * round_up(node.inputs[1].size, target.lanes)


CONVOLUTION_CANDIDATES: dict[type[Op], tuple[Candidate, ...]] = {
    Convolution: (
        WINOGRAD,
        _depthwise("depthwise"),
        Candidate(
            "convolution",
            _convolution,
            packings=_packed_filters,
            pieces=_parts_of_rows,
            bias=True,
            factors=True,
        ),
    ),
    ConvolutionInputGradient: (
        WINOGRAD,
        _depthwise("depthwise_input_gradient"),
        Candidate(
            "convolution_input_gradient",
            _convolution,
            packings=_packed_filters,
            pieces=_parts_of_rows,
            bias=True,
            factors=True,
        ),
    ),
    ConvolutionFilterGradient: (
        WINOGRAD_FILTER_GRADIENT,
        Candidate(
            "depthwise_filter_gradient",
            _convolution,
            applies=_depthwise_near,
            workspace=_depthwise_workspace,
            pieces=lambda node, target: target.pieces_of(
                "depthwise_filter_gradient", node.inputs[0].shape[-1]
            ),
        ),
        Candidate(
            "convolution_filter_gradient_strips",
            _strips,
            applies=pays,
            workspace=lambda node, target: strips(node).workspace(),
            pieces=lambda node, target: strips(node).pieces(target),
        ),
        Candidate("convolution_filter_gradient", _convolution, pieces=_gradient_pieces),
    ),
    MatrixProduct: (
        Candidate(
            "dense",
            _dense,
            packings=_packed_matrix,
            pieces=lambda node, target: target.pieces_of("dense", node.output.size),
            sliceable=True,
            bias=True,
            factors=True,
        ),
    ),
    OuterProductSum: (
        Candidate(
            "outer_product_sum",
            _outer_product,
            workspace=_outer_product_workspace,
            pieces=lambda node, target: target.pieces_of("outer_product_sum", node.inputs[0].size),
            sliceable=True,
        ),
    ),
}
