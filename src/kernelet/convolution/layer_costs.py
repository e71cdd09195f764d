"""What layers' convolutions on arrays spend their time on, pictures one by one or side by side."""

from __future__ import annotations

import math

from kernelet.convolution.bands import divide, input_shape, output_shape
from kernelet.convolution.costs import Coefficients, Cost
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.plan import candidates_winograd as winograd
from kernelet.plan.candidate import LANES, round_up
from kernelet.plan.candidates_convolution import is_depthwise
from kernelet.plan.panel_sizes import panels
from kernelet.plan.single_times import lanes_hold_cells, sample_by_cells
from kernelet.program import Node, ProgramBuilder

AnyConvolution = Convolution | ConvolutionInputGradient

# Multiply-adds that a second thread is worth waking for.
_SHARED = 400_000


def _node(op: AnyConvolution) -> Node:
    build = ProgramBuilder()
    shape = input_shape(op)
    build.add(op, build.input("x", shape), build.parameter("filters", op.weights.shape))
    return build.nodes[0]


def by_tiles(op: AnyConvolution) -> bool:
    """Return whether a convolution goes by Winograd's algorithm."""
    return winograd.pays_alone(_node(op))


def _parallel(op: AnyConvolution, pictures: int) -> bool:
    return pictures * op.cost().multiply_adds > _SHARED


def in_bands(op: AnyConvolution, pictures: int = 1) -> Cost:
    """Return the cost of a convolution of pictures side by side, cut into bands where they are few.

    Call, axes cut, bands, products of all lanes, inputs loaded for them, numbers read, numbers
    made, weights, numbers cut out and joined.
    """
    small, axes = divide(op, pictures)
    assert isinstance(small, AnyConvolution)
    bands = math.prod(one.count for one in axes) * pictures
    blocks = -(-bands // LANES)
    usual = small.cost().multiply_adds
    products = winograd.predicted_cost(_node(small)) if by_tiles(small) else usual
    read, made = math.prod(input_shape(small)), math.prod(output_shape(small))
    moved = bands * read + pictures * sum(map(math.prod, (input_shape(op), output_shape(op))))
    terms = (
        1.0,
        float(len(axes)),
        float(bands),
        float(blocks * products),
        float(blocks * usual / _outputs(small)),
        float(blocks * LANES * read),
        float(blocks * LANES * made),
        float(math.prod(op.weights.shape)),
        float(moved if axes else 0),
    )
    return Cost("layer in bands, float32", terms, _parallel(op, pictures))


def one_by_one(op: AnyConvolution, pictures: int = 1) -> Cost:
    """Return the cost of a convolution of pictures one after the other, where they lie.

    Call, weights, numbers read, numbers made, tiles, and vectors of products: depthwise, by
    Winograd's algorithm, of neighbouring cells with what copying them takes, of panels of filters.
    """
    output = output_shape(op)
    vectors = op.cost().multiply_adds / LANES
    depthwise = transformed = cells = multiplied = tiles = 0.0
    if is_depthwise(op):
        depthwise = vectors * round_up(op.channels, LANES) / op.channels
    elif by_tiles(op):
        transformed = winograd.predicted_cost(_node(op)) / LANES
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
    return Cost("layer one by one, float32", terms, _parallel(op, pictures))


def _outputs(op: AnyConvolution) -> int:
    """Return how many numbers each input of a cell is multiplied for."""
    outputs = op.channels if isinstance(op, ConvolutionInputGradient) else op.filters
    return outputs // op.groups


def ways(op: AnyConvolution, pictures: int = 1) -> tuple[Cost, Cost]:
    """Return the costs of pictures one by one, and side by side."""
    return one_by_one(op, pictures), in_bands(op, pictures)


def layer_seconds(
    op: AnyConvolution, coefficients: Coefficients, threads: int, pictures: int = 1
) -> float:
    """Return the predicted time of a layer's convolution, by the faster of its two ways."""
    return min(way.seconds(coefficients, threads) for way in ways(op, pictures))
