"""Where the numbers of a single sample lie: cells in row-major order, channels padded to lanes."""

from __future__ import annotations

from dataclasses import dataclass

from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.convolution import Convolution, ConvolutionFilterGradient
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.ops.shape import Reshape
from kernelet.plan.candidate import round_up
from kernelet.program import Node, Program, Value

# They read any distance between the cells of their first operand, so that few channels need not be
# padded, and a reshaped value may lie as what was reshaped.
_READ_ANY_CELLS = (Convolution, ConvolutionFilterGradient, MatrixProduct, OuterProductSum)


@dataclass(frozen=True)
class Form:
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
    """

    def __init__(self, program: Program, lanes: int, elements: frozenset[Value]) -> None:
        self.lanes = lanes
        self.elements = elements
        self._readers = program.consumers()
        self._kept = set(program.outputs.values())
        self._forms: dict[Value, Form] = {}
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

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        form = self.form(value)
        return form.cells * form.cell_floats

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
        return Form(value.size // channels, channels, round_up(channels, self.lanes))

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
        if self._read_anywhere(loaded[-1]):
            form = Form(form.cells, form.channels, form.channels)
        self._forms.update((one, form) for one in loaded)

    def _place_reshaped(self, node: Node) -> None:
        before, usual = self.form(node.inputs[0]), self._usual(node.output)
        stays = not self._changes_kind(node) and self._read_anywhere(node.output)
        self._forms[node.output] = usual if before.same_places(usual) or not stays else before

    def _changes_kind(self, node: Node) -> bool:
        return (node.inputs[0] in self.elements) != (node.output in self.elements)

    def _read_anywhere(self, value: Value) -> bool:
        """Return whether all that reads a value finds its cells wherever they are."""
        return all(
            isinstance(reader.op, Reshape)
            or (isinstance(reader.op, _READ_ANY_CELLS) and value not in reader.inputs[1:])
            for reader in self._readers.get(value, [])
        )
