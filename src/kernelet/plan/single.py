"""How single samples are stored and run: a vector holds sixteen channels of one sample.

Blocks of sixteen samples leave lanes idle where there are fewer samples. Here a block is one
sample, its cells in row-major order, the channels of a cell padded to a multiple of the lanes.
"""

from __future__ import annotations

from kernelet.plan.candidate import Candidate, Packed
from kernelet.plan.packing import pack_arguments
from kernelet.plan.single_kernels import SingleKernels, has_kernel
from kernelet.plan.single_layout import SingleLayout, keeps_place
from kernelet.program import Node, Program, Value


class SingleSamples:
    """Storage of one sample a block.

    Parameters
    ----------
    program : Program
        One that `supports` holds for.
    lanes : int
        Floats that the channels of a cell are padded to a multiple of.
    spread : bool
        Whether threads share each sample, instead of taking samples of their own.
    """

    block = 1

    def __init__(self, program: Program, lanes: int, *, spread: bool) -> None:
        self.spread = spread
        self._layout = SingleLayout(program, lanes)
        self._kernels = SingleKernels(self._layout)

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        return self._layout.floats(value)

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        return self._kernels.candidate(node)

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with the rescalings behind it."""
        _, (scale, offset, _) = pack_arguments(chain, index, value.shape)
        output = chain[-1].output if chain else value
        cells = self._layout.cells(output)
        return Packed("pack_single", {"input": index, **cells}, (scale, offset), cells["cells"])

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""
        cells = self._layout.cells(value)
        return Packed("unpack_single", {"output": index, **cells}, pieces=cells["cells"])


def supports(program: Program, lanes: int) -> bool:
    """Return whether single samples can run a program: predictions by the usual operations."""
    if program.updates or not program.nodes:
        return False
    return all(
        node.output.batched and (has_kernel(node.op) or keeps_place(node, program, lanes))
        for node in program.nodes
    )
