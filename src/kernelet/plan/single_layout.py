"""Where the numbers of a single sample lie: cells in row-major order, channels padded to lanes."""

from __future__ import annotations

from kernelet.ops.arithmetic import Rescale
from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.shape import Reshape
from kernelet.plan.candidate import round_up
from kernelet.program import Node, Program, Value

# They read any distance between cells, so that few channels need not be padded.
_READ_ANY_CELLS = (Convolution, MatrixProduct)


class SingleLayout:
    """Places of the values of a program within one sample.

    Parameters
    ----------
    program : Program
    lanes : int
        Floats that the channels of a cell are padded to a multiple of.
    """

    def __init__(self, program: Program, lanes: int) -> None:
        self.lanes = lanes
        self._origins = _origins(program)
        self._unpadded = _unpadded(program, self._origins)

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        cells = self.cells(value)
        return cells["cells"] * cells["cell_floats"]

    def cells(self, value: Value) -> dict[str, int]:
        """Return cells, channels, and the floats between cells, as they lie in memory."""
        origin = self._origins.get(value, value)
        unpadded = origin in self._unpadded
        # Where a reshape has moved the padding, its readers see the cells of what was reshaped.
        whole = unpadded or _same_padding(origin, value, self.lanes)
        cells, channels = _form(value if whole else origin)
        floats = channels if unpadded else round_up(channels, self.lanes)
        return {"cells": cells, "channels": channels, "cell_floats": floats}

    def groups(self, value: Value) -> int:
        """Return the groups of channels of a value, all cells together."""
        return self.floats(value) // self.lanes


def keeps_place(node: Node, program: Program, lanes: int) -> bool:
    """Return whether a reshape leaves every number where its readers look for it."""
    if not isinstance(node.op, Reshape):
        return False
    if _same_padding(_origins(program)[node.output], node.output, lanes):
        return True
    readers = program.consumers().get(node.output, [])
    return all(isinstance(reader.op, MatrixProduct) for reader in readers)


def _same_padding(origin: Value, value: Value, lanes: int) -> bool:
    """Return whether a reshaped value lies in memory as one of its shape would."""
    before, after = _form(origin)[1], _form(value)[1]
    return before == after or (before % lanes == 0 and after % lanes == 0)


def _form(value: Value) -> tuple[int, int]:
    """Return cells and channels."""
    channels = value.shape[-1] if value.shape else 1
    return value.size // channels, channels


def _origins(program: Program) -> dict[Value, Value]:
    """Return, for each reshaped value, the one whose memory it shares."""
    origins: dict[Value, Value] = {}
    for node in program.nodes:
        if isinstance(node.op, Reshape):
            origins[node.output] = origins.get(node.inputs[0], node.inputs[0])
    return origins


def _unpadded(program: Program, origins: dict[Value, Value]) -> set[Value]:
    """Return the loaded inputs that only kernels read for which cells may lie anywhere."""
    readers, kept = program.consumers(), set(program.outputs.values())
    found: set[Value] = set()
    for value in program.inputs.values():
        loaded = value
        # Loading takes in the rescalings behind it, up to a value that somebody else wants too.
        while (
            loaded not in kept
            and len(readers.get(loaded, [])) == 1
            and isinstance(readers[loaded][0].op, Rescale)
        ):
            loaded = readers[loaded][0].output
        shared = [loaded, *(alias for alias, origin in origins.items() if origin == loaded)]
        using = [reader for one in shared for reader in readers.get(one, [])]
        if all(isinstance(reader.op, (*_READ_ANY_CELLS, Reshape)) for reader in using):
            found.add(loaded)
    return found
