"""Convolutions and dense layers of single samples in bfloat16, where that is predicted to pay.

A row of a matrix tile is an output cell, a column a filter. What lies between steps stays float32:
kernels round what they read, and filters are rounded when they are packed, once for predictions.
"""

from __future__ import annotations

import math

from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.plan.accounts import additions, products, reached
from kernelet.plan.bfloat16 import CHUNK, Bfloat16
from kernelet.plan.candidate import LANES, Arguments, Candidate, Packing, Target, round_up
from kernelet.plan.candidates_convolution import is_depthwise, rows_of_cells
from kernelet.plan.candidates_single import BAND_FLOATS, READ_BY_ALL
from kernelet.plan.selection import CANDIDATES
from kernelet.plan.single_batch import single_dense_arguments
from kernelet.plan.single_layout import SingleLayout
from kernelet.plan.single_tiles import LINE, REGISTER_CELLS, tiles
from kernelet.program import Node

_CONVOLUTION = "convolution_single_bfloat16"

# Most floats of one row of output cells: a longer one should be taken in parts.
_LONGEST_ROW = 1 << 18
# Floats of packed weights that samples may read one after the other, rather than all at once.
_NEAR_WEIGHTS = 1 << 18

# How much longer kernels in float32 take on an Emerald Rapids core, which has tiles, than `reached`
# says.
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
        wanted = pays and (self._way.tiles or self._way.instructions)
        return found if self._way.everywhere or wanted else None

    def _convolution_pays(self, node: Node, usual: Candidate) -> bool:
        arguments = self._arguments(node)
        if self._workspace({**arguments, "band": 1}) > _LONGEST_ROW:
            return False
        usual_time = _float32_time(node, usual)
        return tiles(arguments).time < (_FLOAT32 if self._way.tiles else 1) * usual_time

    def _dense_pays(self, node: Node, usual: Candidate) -> bool:
        if usual.whole_batch and self._packed(node) > _NEAR_WEIGHTS:
            return False
        return node.inputs[1].size > _FEW_WEIGHTS

    def _convolution(self) -> Candidate:
        return Candidate(
            _CONVOLUTION,
            self._arguments,
            workspace=lambda node, target: self._workspace(self._arguments(node)),
            packings=self._packings,
            bias=True,
            factors=True,
            pieces=_pieces,
        )

    def _dense(self) -> Candidate:
        kernel, arguments = "dense_single_bfloat16", single_dense_arguments(self._layout)
        return Candidate(
            kernel,
            arguments,
            workspace=lambda node, target: self._way.operand_size(kernel, arguments(node)),
            packings=self._packings,
            bias=True,
            factors=True,
            pieces=lambda node, target: target.pieces_of(kernel, node.output.size),
        )

    def _workspace(self, arguments: Arguments) -> int:
        return self._way.operand_size(_CONVOLUTION, arguments)

    def _arguments(self, node: Node) -> Arguments:
        usual = {**CANDIDATES[Convolution][-1].arguments(node), **self._layout.distances(node)}
        usual["by_rows"] = int(self._packed(node) <= READ_BY_ALL)
        usual["tile_cells"] = CHUNK if self._way.tiles else REGISTER_CELLS
        ways = [{**usual, "gathered": gathered} for gathered in (0, 1)]
        taken = min(ways, key=lambda way: tiles(way).time)
        return {**taken, "band": self._band(node, taken)}

    def _band(self, node: Node, arguments: Arguments) -> int:
        """Return how many output rows are taken at a time."""
        one, two = (self._workspace({**arguments, "band": rows}) for rows in (1, 2))
        fitting = 1 + (BAND_FLOATS - one) // max(1, two - one)
        return max(1, min(fitting, _height(node)))

    def _packed(self, node: Node) -> int:
        """Return the floats of packed filters, two numbers each."""
        return node.inputs[1].size // 2

    def _packings(self, node: Node) -> tuple[Packing, ...]:
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
            "run_slots": round_up(together * channels, LINE) // 2,
        }
        kernel = "pack_filters_single_bfloat16"
        packing = Packing(
            1,
            arguments,
            kernel,
            self._way.operand_size(kernel, arguments),
            pieces=lambda target: groups * target.pieces_of("pack_filters_bfloat16", filters),
        )
        return (packing,)


def _height(node: Node) -> int:
    op = node.op
    assert isinstance(op, Convolution)
    return op.window.volume[1].output


def _pieces(node: Node, target: Target) -> int:
    """Return the output rows of all panels of filters, which threads may share out."""
    op = node.op
    assert isinstance(op, Convolution)
    panels = target.pieces_of(_CONVOLUTION, op.filters // op.groups)
    return rows_of_cells(node.output) * op.groups * panels


def _float32_time(node: Node, usual: Candidate) -> float:
    """Predict what the usual kernel of a convolution takes, in products of vectors."""
    counted = (usual.kernel, usual.arguments(node), LANES)
    multiplied = products(*counted)
    assert multiplied is not None
    return (multiplied + additions(*counted)) / LANES / reached(usual.kernel)
