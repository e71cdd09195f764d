"""Convolutions and dense layers in bfloat16, where a plan may use it.

Weights, sums and everything between two operations stay float32; kernels round what they multiply.
A gradient by the input is a convolution with rotated filters over an input whose cells lie a
stride apart, and a dense layer is a convolution of a single cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernelet.geometry import connections
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan.candidate import NO_ACTIVATION, Arguments, Candidate, Packing, round_up
from kernelet.plan.candidates_convolution import CONVOLUTION_CANDIDATES
from kernelet.plan.candidates_winograd import AnyConvolution, pays, predicted_cost
from kernelet.program import Node

# A matrix tile multiplies this many pairs of numbers at once.
_CHUNK = 16
# A run of taps gets chunks of its own unless that takes so many times as many chunks: filling a
# chunk from several runs means copying.
_MOST_CHUNKS = 1.25

# Measured on a Zen 4 core, in cycles: a call, a vector of pairs made from float32, and adding up
# the lanes of a sum. By the number of its instructions, a tile of sums takes as many more at its
# end; each product of tiles takes a cycle for each of its sixteen rows.
_CALL = 500
_STORED = 4
_SUM = 10
_TILE = 50

AXES = ("depth", "height", "width")
_NO_POOLING = dict.fromkeys(
    ("window_height", "window_width", "pooled_height", "pooled_width", "unpools"), 0
)


@dataclass(frozen=True)
class Bfloat16:
    """How the engine multiplies in bfloat16.

    Attributes
    ----------
    tiles : bool
        Whether by matrix tiles; otherwise by vectors.
    operand_size : callable
        Floats of the last operand of a kernel, by its name and arguments.
    everywhere : bool
        Whether also where float32 is predicted to be faster, as tests want it.
    """

    tiles: bool
    operand_size: Callable[[str, Arguments], int]
    everywhere: bool = False

    def candidate(self, node: Node) -> Candidate | None:
        """Return the kernel of a node, or None where float32 is to run it."""
        if isinstance(node.op, Convolution | ConvolutionInputGradient | MatrixProduct):
            found, cycles = self._product_candidate(node), self._product_cycles
        elif isinstance(node.op, ConvolutionFilterGradient | OuterProductSum):
            found, cycles = self._gradient_candidate(), self._gradient_cycles
        else:
            return None
        return found if self.everywhere or cycles(node) < _float32_cycles(node) else None

    def _product_cycles(self, node: Node) -> float:
        """Predict the cycles of a product on a block of samples."""
        product, runs = _product(node), self._runs(node)
        channels, filters = (product[name] // product["groups"] for name in ("channels", "filters"))
        elements = math.prod(_extent(product, axis) for axis in AXES) * product["channels"]
        written = elements if channels % 2 else elements / 2
        # Tiles multiply with the zeros around an input as well.
        visited = math.prod(
            product[f"output_{axis}"] * product[f"kernel_{axis}"]
            if self.tiles
            else _connections(product, axis)
            for axis in AXES
        )
        pairs = visited / runs["run_taps"] * runs["run_slots"]
        cycles = filters * pairs
        if self.tiles:
            cells = math.prod(product[f"output_{axis}"] for axis in AXES)
            cycles = -(-filters // _CHUNK) * (pairs + _TILE * cells)
        return _CALL + _STORED * written + product["groups"] * cycles

    def _gradient_cycles(self, node: Node) -> float:
        """Predict the cycles of a gradient by filters on a block of samples."""
        window = _gradient_window(node)
        groups = window["groups"]
        taps = math.prod(window[f"kernel_{axis}"] for axis in AXES)
        channels, filters = (window[name] // groups for name in ("channels", "filters"))
        cells = window["output_depth"] * window["output_height"] * -(-window["output_width"] // 2)
        read = math.prod(_extent(window, axis) for axis in AXES) * window["channels"]
        stored = _STORED * (read / 2 + cells * window["filters"])
        rows = taps * channels
        if self.tiles:
            blocks = -(-filters // _CHUNK) * -(-rows // _CHUNK)
            return _CALL + stored + groups * blocks * (_CHUNK * cells + _TILE)
        return _CALL + stored + groups * rows * filters * (cells + _SUM)

    def _product_candidate(self, node: Node) -> Candidate:
        kernel = "convolution_bfloat16"
        return Candidate(
            kernel,
            self._arguments,
            constants=lambda node: [[]],
            fused_workspace=lambda arguments: self.operand_size(kernel, arguments),
            packing=self._packing,
            bias=True,
            factors=True,
            derivative=True,
            pools=isinstance(node.op, Convolution | ConvolutionInputGradient),
            unpools=0,
        )

    def _gradient_candidate(self) -> Candidate:
        kernel = "convolution_filter_gradient_bfloat16"
        return Candidate(
            kernel,
            _gradient,
            constants=lambda node: [[]],
            fused_workspace=lambda arguments: self.operand_size(kernel, arguments),
            unpools=1,
            sums_upstream=True,
        )

    def _arguments(self, node: Node) -> Arguments:
        fused: Arguments = {"derivative": "linear", "pools": 0, "rectified": 0}
        return {**_product(node), **self._runs(node), **NO_ACTIVATION, **_NO_POOLING, **fused}

    def _runs(self, node: Node) -> dict[str, int]:
        """Return how many taps make a run, and its places among the packed weights."""
        product = _product(node)
        groups, channels = product["groups"], product["channels"]
        together = groups == 1 and product["dilation_width"] == 1
        taps = product["kernel_width"] if together else 1
        runs = math.prod(product[f"kernel_{axis}"] for axis in AXES) // taps
        pairs = -(-taps * channels // groups // 2)
        apart = round_up(pairs, _CHUNK)
        wasteful = runs * apart > _MOST_CHUNKS * round_up(runs * pairs, _CHUNK)
        slots = apart if self.tiles and not wasteful else pairs
        return {"run_taps": taps, "run_slots": slots}

    def _packing(self, node: Node) -> Packing:
        op = node.op
        assert isinstance(op, Convolution | ConvolutionInputGradient | MatrixProduct)
        usual = CONVOLUTION_CANDIDATES[type(op)][-1].packing
        assert usual is not None
        arguments = dict(usual(node).arguments)
        arguments["rotated"] = arguments.pop("transposed")
        arguments |= self._runs(node)
        kernel = "pack_filters_bfloat16"
        return Packing(1, arguments, kernel, self.operand_size(kernel, arguments))


def _float32_cycles(node: Node) -> float:
    """Predict the cycles that a node takes in float32: one for each product of all lanes."""
    convolution = isinstance(node.op, AnyConvolution)
    return predicted_cost(node) if convolution and pays(node) else node.cost.multiply_adds


def _product(node: Node) -> dict[str, int]:
    """Return what a convolution multiplies: sizes, window, and distances between input cells."""
    op = node.op
    if isinstance(op, MatrixProduct):
        return {**_cell(node.inputs[0].size, node.output.size), **_steps(dict.fromkeys(AXES, 1))}
    assert isinstance(op, Convolution | ConvolutionInputGradient)
    window = _window(node)
    if isinstance(op, ConvolutionInputGradient):
        return _rotated(window)
    return {**window, **_steps(dict.fromkeys(AXES, 1))}


def _gradient(node: Node) -> Arguments:
    return {**_gradient_window(node), **NO_ACTIVATION, **_NO_POOLING}


def _gradient_window(node: Node) -> dict[str, int]:
    """Return what a gradient by filters, or by the weights of a dense layer, sums over."""
    if isinstance(node.op, OuterProductSum):
        return _cell(node.inputs[0].size, node.inputs[1].size)
    return _window(node)


def _extent(window: Mapping[str, int], axis: str) -> int:
    """Return how many positions an axis has, with those at the border that are read."""
    first = (window[f"output_{axis}"] - 1) * window[f"stride_{axis}"]
    return first + (window[f"kernel_{axis}"] - 1) * window[f"dilation_{axis}"] + 1


def _connections(product: Mapping[str, int], axis: str) -> int:
    """Return how many pairs of an output cell and a position of the input a tap connects."""
    names = ("output_", "kernel_", "stride_", "dilation_", "pad_")
    positions = (product[axis] - 1) * product[f"step_{axis}"] + 1
    return connections(positions, *(product[f"{name}{axis}"] for name in names))


def _window(node: Node) -> dict[str, int]:
    arguments = CONVOLUTION_CANDIDATES[type(node.op)][-1].arguments(node)
    return {name: value for name, value in arguments.items() if isinstance(value, int)}


def _cell(channels: int, filters: int) -> dict[str, int]:
    """Return a convolution of one cell."""
    sizes = ("{}", "output_{}", "kernel_{}", "stride_{}", "dilation_{}")
    ones = {size.format(axis): 1 for axis in AXES for size in sizes}
    pads = {f"pad_{axis}": 0 for axis in AXES}
    return {**ones, **pads, "channels": channels, "filters": filters, "groups": 1}


def _steps(steps: Mapping[str, int]) -> dict[str, int]:
    return {f"step_{axis}": step for axis, step in steps.items()}


def _rotated(window: Mapping[str, int]) -> dict[str, int]:
    """Return the convolution that computes the gradient by the input of another."""
    result = {**window, "channels": window["filters"], "filters": window["channels"]}
    for axis in AXES:
        reach = (window[f"kernel_{axis}"] - 1) * window[f"dilation_{axis}"]
        result[axis], result[f"output_{axis}"] = window[f"output_{axis}"], window[axis]
        result[f"pad_{axis}"] = reach - window[f"pad_{axis}"]
        result[f"stride_{axis}"] = 1
    return {**result, **_steps({axis: window[f"stride_{axis}"] for axis in AXES})}
