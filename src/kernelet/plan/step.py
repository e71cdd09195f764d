"""What a plan runs: kernels, each with what it reads and writes."""

from __future__ import annotations

from functools import cached_property

import msgspec

from kernelet.plan.candidate import Arguments, Constants, Packing
from kernelet.program import Node, Value


class Step(msgspec.Struct, frozen=True, dict=True):
    """One application of a kernel.

    Attributes
    ----------
    kernel : str
        Name in the engine's kernel list.
    arguments : mapping
        By name.
    inputs : tuple of Value or None
        Operands read; None for an absent one.
    outputs : tuple of Value
        Operands written.
    constants : sequence
        Rows of constants; an empty row is an absent operand.
    workspace : int
        Floats of scratch memory.
    divisible : bool
        Whether the elements of its shared values may be divided among threads.
    packings : tuple of Packing
        How some of its inputs are to be brought in order before.
    pieces : int
        Parts of a block's result, or of a shared one, that threads may share out.
    sliceable : bool
        Whether it may be divided by slices of its result, each over the whole batch.
    whole_batch : bool
        Whether its kernel takes all single samples of a batch at once.
    slices : int
        Runs of pieces that threads share out, of a shared step or of one over the whole batch; 0
        where a step is done a block at a time.
    nodes : tuple of Node
        The operations it does.
    """

    kernel: str
    arguments: Arguments
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value, ...]
    constants: Constants = ()
    workspace: int = 0
    divisible: bool = False
    packings: tuple[Packing, ...] = ()
    pieces: int = 1
    sliceable: bool = False
    whole_batch: bool = False
    slices: int = 0
    nodes: tuple[Node, ...] = ()

    @cached_property
    def values(self) -> tuple[Value, ...]:
        """The values it reads."""
        return tuple(value for value in self.inputs if value is not None)

    @cached_property
    def batched(self) -> bool:
        """Whether it runs on every block of the batch."""
        return not self.values or any(v.batched for v in (*self.values, *self.outputs))

    @property
    def reduces(self) -> bool:
        """Whether it sums over the batch."""
        return self.batched and bool(self.outputs) and not self.outputs[0].batched
