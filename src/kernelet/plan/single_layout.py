"""Where the numbers of a single sample lie: cells in row-major order, channels padded to lanes.

Few channels need no padding where all that reads and writes them can do without
(`tight_cells.py`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape
from kernelet.plan.candidate import round_up
from kernelet.plan.tight_cells import tight_values
from kernelet.program import Node, Program, Value

# They read any distance between the cells of their first operand, so that few channels need not be
# padded; the products also any number of channels a cell, so that a reshaped value may lie as what
# was reshaped.
_CONVOLUTIONS = (Convolution, ConvolutionInputGradient, ConvolutionFilterGradient)
_POOLINGS = (MaxPool, AveragePool)
_PRODUCTS = (MatrixProduct, OuterProductSum)
# They write cells at any distance as well.
_RETURNING = (Convolution, ConvolutionInputGradient, *_POOLINGS)


class Form(msgspec.Struct, frozen=True):
    """How a value lies in memory.

    Attributes
    ----------
    cells, channels : int
    cell_floats : int
        Floats from one cell to the next.
    """

    cells: int
    channels: int
    cell_floats: int

    def same_places(self, other: Form) -> bool:
        """Return whether every number of a value lies where it would in another form."""
        if self.channels == other.channels:
            return self.cell_floats == other.cell_floats or self.cells == other.cells == 1
        return self._contiguous and other._contiguous

    @property
    def _contiguous(self) -> bool:
        return self.cells == 1 or self.channels == self.cell_floats


class SingleLayout:
    """Places of the values of a program within one sample.

    Parameters
    ----------
    program : Program
    lanes : int
        Floats that the channels of a cell are padded to a multiple of.
    elements : set of Value
        Those of which each element is a cell.
    in_place : bool
        Whether what convolutions and poolings return lies as it does in the caller's arrays,
        without padding.
    """

    def __init__(
        self, program: Program, lanes: int, elements: frozenset[Value], *, in_place: bool = False
    ) -> None:
        self.lanes = lanes
        self.elements = elements
        self._tight = tight_values(program, elements)
        self._readers = program.consumers()
        self._kept = set(program.outputs.values())
        self._forms: dict[Value, Form] = {}
        self._returned = frozenset(_of_windows(program) if in_place else ())
        for value in program.inputs.values():
            self._place_input(value)
        for node in program.nodes:
            if isinstance(node.op, Reshape):
                self._place_reshaped(node)
            else:
                for value in node.outputs:
                    self._forms.setdefault(value, self._written(node, value))

    def form(self, value: Value) -> Form:
        """Return how a value lies in memory."""
        return self._forms[value]

    def cells(self, value: Value) -> dict[str, int]:
        """Return cells, channels, and the floats between cells, as they lie in memory."""
        form = self.form(value)
        return {
            "cells": form.cells,
            "channels": form.channels,
            "cell_floats": form.cell_floats,
        }

    def distances(self, node: Node) -> dict[str, int]:
        """Return the floats between the cells of a node's first operand and of its output."""
        return {
            "cell_floats": self.form(node.inputs[0]).cell_floats,
            "output_floats": self.form(node.output).cell_floats,
        }

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        form = self.form(value)
        return round_up(form.cells * form.cell_floats, self.lanes)

    def groups(self, value: Value) -> int:
        """Return the groups of channels of a value, all cells together."""
        return self.floats(value) // self.lanes

    def moves(self, node: Node) -> bool:
        """Return whether a reshape must bring numbers to other places.

        What follows the number of an element is zero, whatever may pad the cells of other values.
        """
        stays = self.form(node.inputs[0]).same_places(self.form(node.output))
        return self._changes_kind(node) or not stays

    def _usual(self, value: Value) -> Form:
        if value in self.elements:
            return Form(value.size, 1, self.lanes)
        channels = value.shape[-1] if value.shape else 1
        tight = value in self._returned or value in self._tight
        return Form(
            value.size // channels, channels, channels if tight else round_up(channels, self.lanes)
        )

    def _written(self, node: Node, value: Value) -> Form:
        """Return the form of a result: the one it is reshaped to, if its kernel writes any."""
        writes_any = isinstance(node.op, MatrixProduct) and node.op.transposed
        match self._readers.get(value, []):
            case [Node(op=Reshape()) as reader] if writes_any and value not in self._kept:
                elements = value in self.elements or self._changes_kind(reader)
                return self._usual(value if elements else reader.output)
        return self._usual(value)

    def _place_input(self, value: Value) -> None:
        """Place an input, without padding where only kernels read it that do not ask for any."""
        loaded = [value]
        # Loading takes in what directly follows, up to a value that somebody else wants too.
        while (
            loaded[-1] not in self._kept
            and len(readers := self._readers.get(loaded[-1], [])) == 1
            and isinstance(readers[0].op, RandomFlip | RandomShift | Rescale)
        ):
            loaded.append(readers[0].output)
        form = self._usual(loaded[-1])
        tight = Form(form.cells, form.channels, form.channels)
        if self._read_anywhere(loaded[-1], tight):
            form = tight
        self._forms.update((one, form) for one in loaded)

    def _place_reshaped(self, node: Node) -> None:
        before, usual = self.form(node.inputs[0]), self._usual(node.output)
        stays = not self._changes_kind(node) and self._read_anywhere(node.output, before)
        self._forms[node.output] = usual if before.same_places(usual) or not stays else before

    def _changes_kind(self, node: Node) -> bool:
        return (node.inputs[0] in self.elements) != (node.output in self.elements)

    def _read_anywhere(self, value: Value, form: Form) -> bool:
        """Return whether all that reads a value finds its cells where they are in a form."""

        def finds(reader: Node) -> bool:
            windowed = (*_CONVOLUTIONS, *_POOLINGS)
            if isinstance(reader.op, windowed) and form.channels != value.shape[-1]:
                return False
            return isinstance(reader.op, (*windowed, *_PRODUCTS)) and value not in reader.inputs[1:]

        return all(
            isinstance(reader.op, Reshape) or finds(reader)
            for reader in self._readers.get(value, [])
        )


def _of_windows(program: Program) -> Iterator[Value]:
    """Yield outputs of convolutions and poolings, and what becomes of them in the same step."""
    readers = program.consumers()
    writers = {node.output: node for node in program.nodes}
    for output in program.outputs.values():
        chain = [output]
        while (node := writers.get(chain[-1])) and isinstance(node.op, BiasAdd | Activate):
            chain.append(node.inputs[0])
        alone = all(len(readers.get(value, [])) == 1 for value in chain[1:])
        if alone and node and isinstance(node.op, _RETURNING):
            yield from chain
