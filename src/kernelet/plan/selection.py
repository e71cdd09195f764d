"""Which kernel runs which operation, and with what arguments.

For every operation the candidates stand in order of preference; the first that applies is taken.
A kernel's operands are the operation's inputs, its outputs, the candidate's constants and, last,
its workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kernelet.geometry import Window2D
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.program import Node, Op

Arguments = Mapping[str, int | float | str]
Constants = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Packing:
    """How a kernel wants its filters: `pack_filters` arguments of one weight operand."""

    operand: int
    arguments: Arguments


@dataclass(frozen=True)
class Candidate:
    """One way to run an operation.

    Attributes
    ----------
    kernel : str
        Name in the engine's kernel list.
    arguments : callable
        Arguments of the kernel for a node, by name; an activation by its own name.
    applies : callable
        Whether the kernel can run the node.
    constants : callable
        Rows of constants that follow the outputs among the operands.
    workspace : callable or None
        Floats of scratch memory that the kernel wants as its last operand.
    divisible : bool
        For a kernel on shared values, whether threads may divide the elements among them.
    packing : callable or None
        The filter operand to pack before the batch begins.
    bias : bool
        Whether the kernel takes a bias (or nothing) behind its inputs, and an activation:
        what follows the operation may be fused into it.
    """

    kernel: str
    arguments: Callable[[Node], Arguments] = field(default=lambda node: {})
    applies: Callable[[Node], bool] = field(default=lambda node: True)
    constants: Callable[[Node], Constants] = field(default=lambda node: ())
    workspace: Callable[[Node, Target], int] | None = None
    divisible: bool = False
    packing: Callable[[Node], Packing] | None = None
    bias: bool = False


@dataclass(frozen=True)
class Target:
    """What planning must know of the engine.

    Attributes
    ----------
    lanes : int
        Samples that are stored side by side.
    alignment : int
        Shared values begin at a multiple of this many floats.
    """

    lanes: int
    alignment: int


def window_arguments(window: Window2D) -> dict[str, int]:
    """Return the arguments that convolution and pooling kernels share."""
    v, h = window.vertical, window.horizontal
    return {
        "height": v.length,
        "width": h.length,
        "output_height": v.output,
        "output_width": h.output,
        "kernel_height": v.kernel,
        "kernel_width": h.kernel,
        "stride_height": v.stride,
        "stride_width": h.stride,
        "pad_top": v.before,
        "pad_left": h.before,
    }


NO_ACTIVATION: Arguments = {"activation": "linear", "slope": 0.0}


def _convolution(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, Convolution | ConvolutionInputGradient | ConvolutionFilterGradient)
    return {
        **window_arguments(op.window),
        **NO_ACTIVATION,
        "dilation_height": op.window.vertical.dilation,
        "dilation_width": op.window.horizontal.dilation,
        "channels": op.channels,
        "filters": op.filters,
        "groups": op.groups,
    }


def _packed_filters(node: Node) -> Packing:
    op = node.op
    assert isinstance(op, Convolution | ConvolutionInputGradient)
    return Packing(
        1,
        {
            "taps": op.window.vertical.kernel * op.window.horizontal.kernel,
            "channels": op.channels // op.groups,
            "filters": op.filters // op.groups,
            "groups": op.groups,
            "transposed": int(isinstance(op, ConvolutionInputGradient)),
        },
    )


def _dense(node: Node) -> Arguments:
    inputs, outputs = node.inputs[0].size, node.output.size
    return {"inputs": inputs, "outputs": outputs, **NO_ACTIVATION}


def _packed_matrix(node: Node) -> Packing:
    op = node.op
    assert isinstance(op, MatrixProduct)
    rows, columns = node.inputs[1].shape
    return Packing(
        1,
        {
            "taps": 1,
            "channels": rows,
            "filters": columns,
            "groups": 1,
            "transposed": int(op.transposed),
        },
    )


def _outer_product(node: Node) -> Arguments:
    return {"inputs": node.inputs[0].size, "outputs": node.inputs[1].size, **NO_ACTIVATION}


def _outer_product_workspace(node: Node, target: Target) -> int:
    return target.lanes * round_up(node.inputs[1].size, target.lanes)


def round_up(value: int, multiple: int) -> int:
    """Return the smallest multiple that is not below a value."""
    return -(-value // multiple) * multiple


CANDIDATES: dict[type[Op], tuple[Candidate, ...]] = {
    Convolution: (Candidate("convolution", _convolution, packing=_packed_filters, bias=True),),
    ConvolutionInputGradient: (
        Candidate("convolution_input_gradient", _convolution, packing=_packed_filters),
    ),
    ConvolutionFilterGradient: (Candidate("convolution_filter_gradient", _convolution),),
    MatrixProduct: (Candidate("dense", _dense, packing=_packed_matrix, bias=True),),
    OuterProductSum: (
        Candidate("outer_product_sum", _outer_product, workspace=_outer_product_workspace),
    ),
}


def select(node: Node) -> Candidate:
    """Return the kernel for a node: the first candidate that applies."""
    for candidate in CANDIDATES.get(type(node.op), ()):
        if candidate.applies(node):
            return candidate
    raise NotImplementedError(f"the native engine has no kernel for {node.op.name}")
