"""Convolutions and dense layers in bfloat16, where a plan may use it.

Weights and sums stay float32; kernels round what they multiply, and values that only such kernels
read are stored rounded.
A gradient by the input is a convolution with rotated filters over an input whose cells lie a
stride apart. Dense layers and their gradients take all samples of a batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import msgspec
from msgspec.structs import replace

from kernelet.geometry import connections
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan.candidate import (
    LANES,
    NO_ACTIVATION,
    Arguments,
    Candidate,
    Packing,
    Target,
    round_up,
)
from kernelet.plan.candidates_convolution import (
    CONVOLUTION_CANDIDATES,
    dense_arguments,
    rows_of_cells,
)
from kernelet.plan.candidates_winograd import AnyConvolution, pays, predicted_cost
from kernelet.program import Node

# A matrix tile multiplies this many pairs of numbers at once, for as many filters.
CHUNK = 16

# Measured on a Zen 4 core, in cycles: a call, a vector of pairs made from float32, and adding up
# the lanes of a sum.
_CALL = 500
_STORED = 4
_SUM = 10
# In the time of a product of two vectors: a product of tiles, what a tile of sums takes at its end,
# a vector of pairs made from float32, and one copied. An Emerald Rapids core takes 47, 245, 12, 9;
# but what is fused into these kernels saves time elsewhere, and with those LeNet-5's first layer
# would go to float32 and its step take 1.38 instead of 1.15 ms.
_TILE_PRODUCT = 40
_TILE_END = 100
_TILE_STORED = 8
_TILE_COPIED = 4

AXES = ("depth", "height", "width")
_NO_POOLING = dict.fromkeys(
    ("window_height", "window_width", "pooled_height", "pooled_width", "unpools"), 0
)


class Bfloat16(msgspec.Struct, frozen=True):
    """How the engine multiplies in bfloat16.

    Attributes
    ----------
    tiles : bool
        Whether by matrix tiles; otherwise by vectors.
    instructions : bool
        Whether the processor has instructions for either; otherwise float32 multiplies rounded
        numbers.
    operand_size : callable
        Floats of the last operand of a kernel, by its name and arguments.
    everywhere : bool
        Whether also where float32 is predicted to be faster, as tests want it.
    """

    tiles: bool
    instructions: bool
    operand_size: Callable[[str, Arguments], int]
    everywhere: bool = False

    def candidate(self, node: Node, *, lasting: bool = False, blocks: int = 1) -> Candidate | None:
        """Return the kernel of a node, or None where float32 is to run it.

        Parameters
        ----------
        node : Node
        lasting : bool
            Whether weights never change, so that they are rounded and put in order once.
        blocks : int
            Of a batch.
        """
        if isinstance(node.op, Convolution | ConvolutionInputGradient):
            found, cycles = self._product_candidate(node), self._product_cycles
        elif isinstance(node.op, ConvolutionFilterGradient):
            found, cycles = self._gradient_candidate(), self._gradient_cycles
        elif isinstance(node.op, MatrixProduct):
            # Whole chunks of pairs are what packing makes of them.
            whole = node.inputs[0].size % (2 * CHUNK) == 0
            packings = self._packed_dense if lasting else self._paired_inputs
            found = replace(
                self._whole_batch("dense_bfloat16", partial(_dense, packed=lasting), packings),
                reads_rounded={0: None} if whole else {},
                # Packed weights need no workspace; nothing takes its place.
                constants=lambda node: [[]] if lasting else [],
                rounds="rounded_output" if _rounds_output(node) else None,
            )
            cycles = self._dense_cycles
        elif isinstance(node.op, OuterProductSum):
            kernel = "outer_product_sum_bfloat16"
            found = replace(
                self._whole_batch(kernel, _outer_product), reads_rounded={0: "rounded_input"}
            )
            cycles = partial(self._outer_product_cycles, blocks=blocks)
        else:
            return None
        return found if self.everywhere or cycles(node) < _float32_cycles(node) else None

    def _product_cycles(self, node: Node) -> float:
        """Predict the cycles of a product on a block of samples."""
        if self.tiles:
            return _tile_cycles(self._taken(node))
        product = self._taken(node)
        channels, filters = (product[name] // product["groups"] for name in ("channels", "filters"))
        elements = math.prod(_extent(product, axis) for axis in AXES) * product["channels"]
        written = elements if channels % 2 else elements / 2
        visited = math.prod(_connections(product, axis) for axis in AXES)
        pairs = visited / product["run_taps"] * product["run_slots"]
        return _CALL + _STORED * written + product["groups"] * filters * pairs

    def _gradient_cycles(self, node: Node) -> float:
        """Predict the cycles of a gradient by filters on a block of samples."""
        window = _window(node)
        groups = window["groups"]
        taps = math.prod(window[f"kernel_{axis}"] for axis in AXES)
        channels, filters = (window[name] // groups for name in ("channels", "filters"))
        cells = window["output_depth"] * window["output_height"] * -(-window["output_width"] // 2)
        read = math.prod(_extent(window, axis) for axis in AXES) * window["channels"]
        rows = taps * channels
        if self.tiles:
            tiles = -(-filters // CHUNK) * _gradient_tiles(window)
            stored = _TILE_STORED * (read / 2 + cells * round_up(window["filters"], CHUNK))
            return _CALL + stored + groups * tiles * (_TILE_PRODUCT * cells + _TILE_END)
        stored = _STORED * (read / 2 + cells * window["filters"])
        return _CALL + stored + groups * rows * filters * (cells + _SUM)

    def _outer_product_cycles(self, node: Node, blocks: int) -> float:
        """Predict the cycles of a gradient by the weights of a dense layer on a block of samples.

        Two blocks make a chunk, and sums stay in registers for as many chunks as there are.
        """
        inputs, outputs = (value.size for value in node.inputs)
        if self.tiles:
            stored = _TILE_STORED * (inputs + round_up(outputs, CHUNK)) / 2
            tiles = -(-inputs // CHUNK) * -(-outputs // CHUNK)
            chunks = -(-blocks // 2) / blocks
            return _CALL + stored + tiles * (_TILE_PRODUCT * chunks + _TILE_END / blocks)
        multiplied = inputs * round_up(outputs, CHUNK) * -(-blocks // 2) / blocks
        return _CALL + _STORED * (inputs + outputs) / 2 + multiplied

    def _dense_cycles(self, node: Node) -> float:
        """Predict the cycles of a dense layer, or its gradient by the input, on a block."""
        inputs, outputs = node.inputs[0].size, node.output.size
        chunks = -(-inputs // (2 * CHUNK))
        # What brings weights in order counts for neither kind of product.
        if self.tiles:
            blocks = -(-outputs // CHUNK)
            stored = _TILE_STORED * inputs / 2
            return _CALL + stored + blocks * (_TILE_PRODUCT * chunks + _TILE_END)
        return _CALL + _STORED * inputs / 2 + outputs * CHUNK * chunks

    def _whole_batch(
        self,
        kernel: str,
        arguments: Callable[[Node], Arguments],
        packings: Callable[[Node], tuple[Packing, ...]] | None = None,
    ) -> Candidate:
        def elements(node: Node) -> int:
            """Return what pieces divide: the inputs of a dense layer, or its outputs."""
            return (node.output if node.output.batched else node.inputs[0]).size

        return Candidate(
            kernel,
            arguments,
            workspace=lambda node, _: self.operand_size(kernel, arguments(node)),
            pieces=lambda node, target: target.pieces_of(kernel, elements(node)),
            whole_batch=True,
            packings=packings,
            bias=packings is not None,
            factors=packings is not None,
        )

    def _paired_inputs(self, node: Node) -> tuple[Packing, ...]:
        kernel, arguments = "pack_inputs_bfloat16", {"size": node.inputs[0].size}
        return (Packing(0, arguments, kernel, self.operand_size(kernel, arguments) // LANES),)

    def _packed_dense(self, node: Node) -> tuple[Packing, ...]:
        """Return how inputs and weights of a dense layer are packed."""
        arguments = _usual_packing(node)
        arguments |= {"run_taps": 1, "run_slots": -(-node.inputs[0].size // 2)}
        return (*self._paired_inputs(node), self._packed_filters(arguments, node.output.size))

    def _packed_filters(self, arguments: Arguments, outputs: int) -> Packing:
        """Return how filters with so many outputs in each group are packed."""
        kernel, groups = "pack_filters_bfloat16", arguments["groups"]
        assert isinstance(groups, int)
        size = self.operand_size(kernel, arguments)
        return Packing(
            1, arguments, kernel, size, lambda target: groups * target.pieces_of(kernel, outputs)
        )

    def _product_candidate(self, node: Node) -> Candidate:
        kernel = "convolution_bfloat16"
        product = _product(node)
        # Rounded numbers are stored by pairs of neighbouring channels, those of one tile of sums.
        paired = product["filters"] // product["groups"] % 2 == 0
        return Candidate(
            kernel,
            self._arguments,
            constants=lambda node: [[]],
            fused_workspace=lambda arguments: self.operand_size(kernel, arguments),
            packings=lambda node: (self._packing(node),),
            pieces=lambda node, target: rows_of_cells(node.output),
            bias=True,
            factors=True,
            derivative=True,
            pools=True,
            unpools=0,
            rounds="rounded_output" if paired else None,
            reads_rounded={0: "rounded_input"},
        )

    def _gradient_candidate(self) -> Candidate:
        kernel = "convolution_filter_gradient_bfloat16"
        return Candidate(
            kernel,
            self._gradient,
            constants=lambda node: [[]],
            fused_workspace=lambda arguments: self.operand_size(kernel, arguments),
            pieces=partial(_gradient_pieces, kernel),
            unpools=1,
            sums_upstream=True,
            reads_rounded={0: "rounded_input", 1: "rounded_upstream"},
        )

    def _arguments(self, node: Node) -> Arguments:
        fused: Arguments = {"derivative": "linear", "pools": 0, "rectified": 0, "signs": 0}
        rounded = {"rounded_input": 0, "rounded_output": 0}
        return {**self._taken(node), **NO_ACTIVATION, **_NO_POOLING, **fused, **rounded}

    def _gradient(self, node: Node) -> Arguments:
        window = _window(node)
        together = self.tiles and _shares_rows(window)
        rounded = {"rounded_input": 0, "rounded_upstream": 0}
        shared = {"rows_together": int(together)}
        return {**window, **NO_ACTIVATION, **_NO_POOLING, **shared, **rounded}

    def _taken(self, node: Node) -> dict[str, int]:
        """Return what a convolution multiplies, and which products it takes together."""
        product = _product(node)
        if self.tiles:
            return min(_ways_by_tiles(product), key=_tile_cycles)
        together = product["groups"] == 1 and product["dilation_width"] == 1
        taps = product["kernel_width"] if together else 1
        slots = -(-taps * product["channels"] // product["groups"] // 2)
        return {**product, "run_taps": taps, "run_slots": slots, **_one_by_one(product)}

    def _packing(self, node: Node) -> Packing:
        op = node.op
        assert isinstance(op, Convolution | ConvolutionInputGradient)
        product, taken = _product(node), self._taken(node)
        arguments = _usual_packing(node)
        arguments["run_slots"] = taken["run_slots"]
        if taken["cells"] == 1 and not taken["rows_together"]:
            arguments["run_taps"] = taken["run_taps"]
            rotated = isinstance(op, ConvolutionInputGradient)
            outputs = (op.channels if rotated else op.filters) // op.groups
            return self._packed_filters(arguments, outputs)
        kernel = "pack_cells_bfloat16"
        del arguments["taps"], arguments["groups"]
        arguments |= {f"kernel_{axis}": product[f"kernel_{axis}"] for axis in AXES}
        arguments |= {"cells": taken["cells"], "cell_taps": product["stride_width"]}
        arguments["rows_together"] = taken["rows_together"]
        return Packing(1, arguments, kernel, self.operand_size(kernel, arguments))


def _usual_packing(node: Node) -> dict[str, int | float | str]:
    """Return the arguments with which filters are packed in float32, by their names here."""
    packings = CONVOLUTION_CANDIDATES[type(node.op)][-1].packings
    assert packings is not None
    (usual,) = packings(node)
    arguments = dict(usual.arguments)
    arguments["rotated"] = arguments.pop("transposed")
    return arguments


def _one_by_one(product: Mapping[str, int]) -> dict[str, int]:
    """Return the arguments of a product that takes neither rows nor cells together."""
    return {"rows_together": 0, "cells": 1, "output_cells": product["output_width"]}


def _ways_by_tiles(product: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield the ways in which tiles may take a convolution.

    Few channels leave most of a chunk empty, unless the rows that a filter covers share one; few
    filters leave most of a tile empty, unless neighbouring output cells share it.
    """
    alone = product["groups"] == 1
    several = alone and product["dilation_width"] == 1
    channels, filters = (product[name] // product["groups"] for name in ("channels", "filters"))
    for together in range(2 if alone else 1):
        for cells in range(1, max(1, CHUNK // filters) + 1 if several else 2):
            taps = product["kernel_width"] + (cells - 1) * product["stride_width"]
            rows = product["kernel_height"] if together else 1
            yield {
                **product,
                "kernel_width": taps,
                "stride_width": cells * product["stride_width"],
                "output_width": -(-product["output_width"] // cells),
                "filters": cells * product["filters"],
                "run_taps": taps,
                "run_slots": round_up(-(-taps * channels // 2) * rows, CHUNK),
                "rows_together": together,
                "cells": cells,
                "output_cells": product["output_width"],
            }


def _tiles_of_run(window: Mapping[str, int], rows: int) -> int:
    """Return the tiles that all taps of some rows of a filter take, one behind the other."""
    taps = rows * window["kernel_width"]
    return -(-taps * window["channels"] // window["groups"] // CHUNK)


def _shares_rows(window: Mapping[str, int]) -> bool:
    """Return whether all taps of a gradient by filters should be one run, for fewer tiles.

    That takes copies of the inputs of a row for each of those that the filter covers.
    """
    height = window["kernel_height"]
    apart = height * _tiles_of_run(window, 1)
    return window["dilation_width"] == 1 and 2 * _tiles_of_run(window, height) <= apart


def _gradient_tiles(window: Mapping[str, int]) -> int:
    """Return the tiles of a gradient's rows, taps times channels, of one group."""
    if _shares_rows(window):
        return window["kernel_depth"] * _tiles_of_run(window, window["kernel_height"])
    rows = window["kernel_depth"] * window["kernel_height"]
    if window["dilation_width"] == 1:
        return rows * _tiles_of_run(window, 1)
    return rows * window["kernel_width"] * -(-window["channels"] // window["groups"] // CHUNK)


def _tile_cycles(taken: Mapping[str, int]) -> float:
    """Predict the cycles of a product by tiles on a block of samples."""
    rows = taken["kernel_height"] if taken["rows_together"] else 1
    runs = taken["kernel_depth"] * taken["kernel_height"] // rows
    chunks = runs * taken["run_slots"] // CHUNK
    lines = taken["output_depth"] * taken["output_height"]
    blocks = taken["groups"] * -(-taken["filters"] // taken["groups"] // CHUNK)
    tiles = lines * taken["output_width"] * blocks
    numbers = _extent(taken, "width") * taken["channels"]
    odd = taken["channels"] // taken["groups"] % 2 and taken["stride_width"] % 2
    pairs = numbers if odd else numbers / 2
    stored = _TILE_STORED * pairs * math.prod(_extent(taken, axis) for axis in ("depth", "height"))
    copied = _TILE_COPIED * pairs * lines * taken["kernel_height"] if rows > 1 else 0
    return _CALL + stored + copied + tiles * (_TILE_PRODUCT * chunks + _TILE_END)


def _float32_cycles(node: Node) -> float:
    """Predict the cycles that a node takes in float32: one for each product of all lanes."""
    convolution = isinstance(node.op, AnyConvolution)
    return predicted_cost(node) if convolution and pays(node) else node.cost.multiply_adds


def _gradient_pieces(kernel: str, node: Node, target: Target) -> int:
    """Return the pieces of filters of all groups."""
    op = node.op
    assert isinstance(op, ConvolutionFilterGradient)
    return op.groups * target.pieces_of(kernel, op.filters // op.groups)


def _product(node: Node) -> dict[str, int]:
    """Return what a convolution multiplies: sizes, window, and distances between input cells."""
    window = _window(node)
    if isinstance(node.op, ConvolutionInputGradient):
        return _rotated(window)
    return {**window, **_steps(dict.fromkeys(AXES, 1))}


def _dense(node: Node, *, packed: bool) -> Arguments:
    op = node.op
    assert isinstance(op, MatrixProduct)
    own = {"transposed": int(op.transposed), "rounded_output": 0, "packed": int(packed)}
    return {**dense_arguments(node), **own}


def _rounds_output(node: Node) -> bool:
    """Return whether a dense layer may store its output rounded: whole pairs of a gradient.

    Those of a gradient have few inputs. Sums of many wait in the output for the next section.
    """
    op = node.op
    return isinstance(op, MatrixProduct) and op.transposed and node.output.size % 2 == 0


def _outer_product(node: Node) -> Arguments:
    inputs, outputs = (value.size for value in node.inputs)
    return {"inputs": inputs, "outputs": outputs, "rounded_input": 0}


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
