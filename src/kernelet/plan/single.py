"""How single samples are stored and run: a vector holds sixteen channels of one sample.

Blocks of sixteen samples leave lanes idle where there are fewer samples. Here a block is one
sample, its cells in row-major order, the channels of a cell padded to a multiple of the lanes.
"""

from __future__ import annotations

from kernelet.ops.shape import Reshape
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import Candidate, Packed
from kernelet.plan.packing import augments, pack_arguments
from kernelet.plan.single_batch import WholeBatch
from kernelet.plan.single_bfloat16 import SingleBfloat16
from kernelet.plan.single_elements import by_elements
from kernelet.plan.single_kernels import SingleKernels, has_kernel
from kernelet.plan.single_layout import SingleLayout
from kernelet.program import Node, Program, Value


class SingleSamples:
    """Storage of one sample a block.

    Parameters
    ----------
    program : Program
    lanes : int
        Floats that the channels of a cell are padded to a multiple of.
    spread : bool
        Whether threads share each sample, instead of taking samples of their own.
    in_place : bool
        Whether convolutions and poolings read and write rows of the caller's arrays, which are
        float32.
    batch_size : int
        Most samples a step. Where there are several, all of them may meet many weights at once.
    threads : int
        That will share such steps.
    bfloat16 : Bfloat16, optional
        How to multiply in bfloat16; without it, all is float32.
    lasting : bool
        Whether weights last for many calls, as in predictions.
    """

    block = 1

    def __init__(
        self,
        program: Program,
        lanes: int,
        *,
        spread: bool,
        in_place: bool = False,
        batch_size: int = 1,
        threads: int = 1,
        bfloat16: Bfloat16 | None = None,
        lasting: bool = False,
    ) -> None:
        self.spread = spread
        self._program, elements = by_elements(program, has_kernel)
        self._layout = SingleLayout(self._program, lanes, elements, in_place=in_place)
        self._kernels = SingleKernels(
            self._layout,
            WholeBatch(self._layout, batch_size, threads),
            SingleBfloat16(bfloat16, self._layout) if bfloat16 else None,
            lasting=lasting,
        )
        self._in_place = in_place

    def stored(self, program: Program) -> Program:
        """Return the program with the steps between values that lie in different ways."""
        return self._program

    def floats(self, value: Value) -> int:
        """Return the floats that a value of one sample takes."""
        return self._layout.floats(value)

    def keeps_place(self, node: Node) -> bool:
        """Return whether a node leaves every number where it is."""
        return isinstance(node.op, Reshape) and not self._layout.moves(node)

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        return self._kernels.candidate(node)

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with the augmentation and rescaling behind it."""
        arguments, constants = pack_arguments(chain, index, value.shape)
        cells = self._layout.cells(chain[-1].output if chain else value)
        if augments(chain):
            augmented = {**arguments, "cell_floats": cells["cell_floats"]}
            return Packed("pack_augmented_single", augmented, constants, int(arguments["height"]))
        return Packed("pack_single", {"input": index, **cells}, constants[:2], cells["cells"])

    def is_row(self, value: Value) -> bool:
        """Return whether an input or output lies in the caller's array."""
        if not self._in_place:
            return False
        form = self._layout.form(value)
        return form.cell_floats == form.channels

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""
        cells = self._layout.cells(value)
        return Packed("unpack_single", {"output": index, **cells}, pieces=cells["cells"])
