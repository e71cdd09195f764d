"""What layers' convolutions on arrays spend their time on, pictures one by one or side by side."""

from __future__ import annotations

import math

from kernelet.convolution.costs import Coefficients, Cost
from kernelet.convolution.operation import AnyConvolution, Operation, input_shape, output_shape
from kernelet.ops.convolution import ConvolutionInputGradient
from kernelet.plan import candidates_winograd as winograd
from kernelet.plan.candidate import LANES, round_up
from kernelet.plan.candidates_convolution import is_depthwise
from kernelet.plan.panel_sizes import panels
from kernelet.plan.single_times import lanes_hold_cells, sample_by_cells
from kernelet.program import Node, ProgramBuilder

# Multiply-adds that a second thread is worth waking for.
_SHARED = 400_000
# As many as a number of a pooled window, which is read once and not multiplied, takes the time of.
_POOLED = 4
# Most bytes of a block's input and output, which every thread holds.
_BLOCK_BYTES = 1 << 25


def _node(op: AnyConvolution) -> Node:
    build = ProgramBuilder()
    shape = input_shape(op)
    build.add(op, build.input("x", shape), build.parameter("filters", op.weights.shape))
    return build.nodes[0]


def worth_sharing(op: Operation, pictures: int) -> bool:
    """Return whether an operation on some pictures takes long enough to wake other threads."""
    if isinstance(op, AnyConvolution):
        return pictures * op.cost().multiply_adds > _SHARED
    return pictures * op.maps.size * math.prod(op.window.kernel) * _POOLED > _SHARED


def _multiply_adds(op: AnyConvolution) -> int:
    """Return those of a picture, without what padding takes part in."""
    pairs = math.prod(axis.connections for axis in op.window.axes)
    return pairs * op.channels * op.filters // op.groups


def side_by_side(op: AnyConvolution, pictures: int) -> Cost:
    """Return the cost of a convolution of pictures side by side.

    Call, products of all lanes, inputs loaded for them, numbers read, numbers made, weights.
    """
    blocks = -(-pictures // LANES)
    usual = _multiply_adds(op)
    by_tiles = winograd.pays_alone(node := _node(op))
    products = winograd.predicted_cost(node) if by_tiles else usual
    terms = (
        1.0,
        float(blocks * products),
        float(blocks * usual / _outputs(op)),
        float(blocks * LANES * math.prod(input_shape(op))),
        float(blocks * LANES * math.prod(output_shape(op))),
        float(math.prod(op.weights.shape)),
    )
    return Cost("layer side by side, float32", terms, worth_sharing(op, pictures), blocks)


def one_by_one(op: AnyConvolution, pictures: int = 1) -> Cost:
    """Return the cost of a convolution of pictures one after the other, where they lie.

    Call, weights, numbers read, numbers made, tiles, and vectors of products: depthwise, by
    Winograd's algorithm, of neighbouring cells with what copying them takes, of panels of filters.
    """
    output = output_shape(op)
    vectors = _multiply_adds(op) / LANES
    depthwise = transformed = cells = multiplied = tiles = 0.0
    if is_depthwise(op):
        depthwise = vectors * round_up(op.channels, LANES) / op.channels
    elif winograd.pays_alone(node := _node(op)):
        transformed = winograd.predicted_cost(node) / LANES
    elif lanes_hold_cells(op):
        cells = sample_by_cells(op)
    else:
        filled = panels(op, LANES)
        multiplied = vectors * filled * LANES / output[-1]
        tiles = math.prod(output[:-1]) * filled
    terms = (
        1.0,
        float(math.prod(op.weights.shape)),
        float(pictures * math.prod(input_shape(op))),
        float(pictures * math.prod(output)),
        *(float(pictures * n) for n in (tiles, depthwise, transformed, cells, multiplied)),
    )
    return Cost("layer one by one, float32", terms, worth_sharing(op, pictures))


def _outputs(op: AnyConvolution) -> int:
    """Return how many numbers each input of a cell is multiplied for."""
    outputs = op.channels if isinstance(op, ConvolutionInputGradient) else op.filters
    return outputs // op.groups


def ways(op: AnyConvolution, pictures: int = 1) -> tuple[Cost, ...]:
    """Return the costs of pictures one by one, and side by side where a block is not too large."""
    numbers = LANES * (math.prod(input_shape(op)) + math.prod(output_shape(op)))
    alone = one_by_one(op, pictures)
    return (alone,) if 4 * numbers > _BLOCK_BYTES else (alone, side_by_side(op, pictures))


def layer_seconds(
    op: AnyConvolution, coefficients: Coefficients, threads: int, pictures: int = 1
) -> float:
    """Return the predicted time of a layer's convolution, by the faster of its ways."""
    return min(way.seconds(coefficients, threads) for way in ways(op, pictures))
