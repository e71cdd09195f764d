"""Convolutions and dense layers of single samples in bfloat16, where that is predicted to pay.

A row of a matrix tile is an output cell, a column a filter. What lies between steps stays float32:
kernels round what they read, and filters are rounded when they are packed, once for predictions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.plan.accounts import additions, products, reached
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import LANES, Candidate, Packing, round_up
from kernelet.plan.candidates_convolution import rows_of_cells
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_batch import dense_arguments
from kernelet.plan.single_depthwise import is_depthwise
from kernelet.plan.single_layout import SingleLayout
from kernelet.program import Node

# Of a tile: its cells, its filters, and the numbers of a row.
_CELLS = 16
_FILTERS = 16
_LINE = 32
# Filters of a panel, the engine's `single_panel`.
_PANEL = 2 * _FILTERS

# Floats that the rows of a band may take, rounded and gathered, and floats of filters that every
# thread may read: of more, threads share the filters instead of rows.
_BAND_FLOATS = 1 << 16
_READ_BY_ALL = 1 << 16
# Floats of packed weights that samples may read one after the other, rather than all at once.
_NEAR_WEIGHTS = 1 << 18

# Measured on an Emerald Rapids core, in the time of a product of two vectors: a call, a product of
# tiles with what it loads, what a tile of sums takes at its end, sixteen numbers rounded, and
# copied; and how much longer kernels in float32 take there than `reached` says.
_CALL = 1000
_TILE_PRODUCT = 48
_TILE_END = 205
_ROUNDED = 19
_COPIED = 11
_FLOAT32 = 1.4
# Weights of which dense layers take as long in float32, from the first-level cache.
_FEW_WEIGHTS = 1 << 14


class SingleBfloat16:
    """What single samples multiply in bfloat16, and how.

    Parameters
    ----------
    way : Bfloat16
        How the engine does.
    layout : SingleLayout
        Of the values of a program.
    """

    def __init__(self, way: Bfloat16, layout: SingleLayout) -> None:
        self._way = way
        self._layout = layout

    def candidate(self, node: Node, usual: Candidate) -> Candidate | None:
        """Return the kernel of a node, or None where the usual one, in float32, is to run it."""
        op = node.op
        if isinstance(op, Convolution) and not is_depthwise(op):
            found, pays = self._convolution(), self._convolution_pays(node, usual)
        elif isinstance(op, MatrixProduct) and not op.transposed:
            found, pays = self._dense(), self._dense_pays(node, usual)
        else:
            return None
        return found if self._way.everywhere or (self._way.tiles and pays) else None

    def _convolution_pays(self, node: Node, usual: Candidate) -> bool:
        return _cycles(self._arguments(node)) < _float32_cycles(node, usual)

    def _dense_pays(self, node: Node, usual: Candidate) -> bool:
        if usual.whole_batch and self._packed(node) > _NEAR_WEIGHTS:
            return False
        return node.inputs[1].size > _FEW_WEIGHTS

    def _convolution(self) -> Candidate:
        kernel = "convolution_single_bfloat16"
        return Candidate(
            kernel,
            self._arguments,
            workspace=lambda node, target: self._way.operand_size(kernel, self._arguments(node)),
            packing=lambda node: self._packing(node),
            bias=True,
            factors=True,
            pieces=lambda node, target: _pieces(node),
        )

    def _dense(self) -> Candidate:
        kernel, arguments = "dense_single_bfloat16", dense_arguments(self._layout)
        return Candidate(
            kernel,
            arguments,
            workspace=lambda node, target: self._way.operand_size(kernel, arguments(node)),
            packing=self._packing,
            bias=True,
            factors=True,
            pieces=lambda node, target: -(-node.output.size // _FILTERS),
        )

    def _arguments(self, node: Node) -> dict[str, int | float | str]:
        usual = {**CANDIDATES[Convolution][-1].arguments(node), **self._layout.distances(node)}
        ways = [{**usual, "gathered": gathered} for gathered in (0, 1)]
        taken = min(ways, key=_cycles)
        taken["by_rows"] = int(self._packed(node) <= _READ_BY_ALL)
        return {**taken, "band": self._band(taken)}

    def _band(self, arguments: Mapping[str, int | float | str]) -> int:
        """Return how many output rows are taken at a time."""
        one, two = (
            self._way.operand_size("convolution_single_bfloat16", {**arguments, "band": rows})
            for rows in (1, 2)
        )
        fitting = 1 + (_BAND_FLOATS - one) // max(1, two - one)
        return max(1, min(fitting, _integer(arguments, "output_height")))

    def _packed(self, node: Node) -> int:
        """Return the floats of packed filters, two numbers each."""
        return node.inputs[1].size // 2

    def _packing(self, node: Node) -> Packing:
        op = node.op
        if isinstance(op, Convolution):
            gathered = bool(self._arguments(node)["gathered"])
            taps, groups = math.prod(op.window.kernel), op.groups
            channels, filters = op.channels // groups, op.filters // groups
        else:
            gathered, taps, groups = True, 1, 1
            channels, filters = node.inputs[1].shape
        together = taps if gathered else 1
        arguments = {
            "taps": taps,
            "channels": channels,
            "filters": filters,
            "groups": groups,
            "rotated": 0,
            "run_taps": together,
            "run_slots": round_up(together * channels, _LINE) // 2,
        }
        kernel = "pack_filters_single_bfloat16"
        return Packing(
            1,
            arguments,
            kernel,
            self._way.operand_size(kernel, arguments),
            pieces=lambda target: groups * target.pieces_of("pack_filters_bfloat16", filters),
        )


def _pieces(node: Node) -> int:
    """Return the output rows of all panels of filters, which threads may share out."""
    op = node.op
    assert isinstance(op, Convolution)
    return rows_of_cells(node.output) * op.groups * -(-op.filters // op.groups // _PANEL)


def _integer(arguments: Mapping[str, int | float | str], name: str) -> int:
    value = arguments[name]
    assert isinstance(value, int)
    return value


def _cycles(arguments: Mapping[str, int | float | str]) -> float:
    """Predict what a convolution of one sample takes."""
    a = {name: value for name, value in arguments.items() if isinstance(value, int)}
    groups = a["groups"]
    channels, filters = a["channels"] // groups, a["filters"] // groups
    taps = a["kernel_depth"] * a["kernel_height"] * a["kernel_width"]
    rows = a["output_depth"] * a["output_height"]
    cells = rows * a["output_width"]
    read = a["kernel_depth"] * a["output_depth"] * a["stride_height"] * a["output_height"]
    if a["gathered"]:
        tiles, chunks = -(-cells // _CELLS), -(-taps * channels // _LINE)
        copied = cells * (taps // a["kernel_width"]) * -(-a["kernel_width"] * channels // LANES)
        stored = _ROUNDED * read * a["width"] * channels / LANES + _COPIED * copied
    else:
        tiles, chunks = rows * -(-a["output_width"] // _CELLS), taps * -(-channels // _LINE)
        stored = _ROUNDED * read * a["width"] * round_up(channels, _LINE) / LANES
    blocks = tiles * -(-filters // _FILTERS)
    return _CALL + groups * (stored + blocks * (_TILE_PRODUCT * chunks + _TILE_END))


def _float32_cycles(node: Node, usual: Candidate) -> float:
    """Predict what the usual kernel of a convolution takes, in products of vectors."""
    counted = (usual.kernel, usual.arguments(node), LANES)
    multiplied = products(*counted)
    assert multiplied is not None
    return _FLOAT32 * (multiplied + additions(*counted)) / LANES / reached(usual.kernel)
