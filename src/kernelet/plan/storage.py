"""How the samples of a batch are stored, and which way suits a program and a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from kernelet.ops.shape import Reshape
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import Candidate, Packed, Target, round_up
from kernelet.plan.division import groups
from kernelet.plan.packing import pack_arguments
from kernelet.plan.rates import BARRIER, MULTIPLY_ADDS, WAKING
from kernelet.plan.selection import select
from kernelet.plan.single import SingleSamples
from kernelet.plan.single_costs import PredictionCosts, TrainingCosts
from kernelet.program import Node, Program, Value

# In multiply-adds that a core does in the meantime: a barrier between two steps, and waking a
# thread that then meets barriers.
_BARRIER = round(BARRIER * MULTIPLY_ADDS)
_WAKING = round(WAKING * MULTIPLY_ADDS)
# The part that is lost of what sharing a block would save, to steps that one thread does while the
# others wait.
_ALONE = 0.4


class Storage(Protocol):
    """Where the numbers of a batch lie.

    Attributes
    ----------
    block : int
        Samples that are stored, and run, together.
    spread : bool
        Whether threads share each block, with a barrier behind every step.
    """

    block: int
    spread: bool

    def stored(self, program: Program) -> Program:
        """Return a program with the steps that the storage needs besides its own."""

    def floats(self, value: Value) -> int:
        """Return the floats that a batched value takes in a block."""

    def keeps_place(self, node: Node) -> bool:
        """Return whether a node leaves every number where it is."""

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""

    def is_row(self, value: Value) -> bool:
        """Return whether an input or output is a row of the caller's array where it lies."""

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with what follows it."""

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""


class SampleBlocks:
    """Storage of as many samples a block as there are lanes, side by side.

    Parameters
    ----------
    target : Target
    bfloat16 : Bfloat16, optional
        How to multiply in bfloat16; without it, all is float32.
    spread : bool
        Whether threads share each block, instead of taking blocks of their own.
    alone : bool
        Whether other batches of the same program may come as single samples.
    """

    def __init__(
        self,
        target: Target,
        bfloat16: Bfloat16 | None = None,
        *,
        spread: bool = False,
        alone: bool = False,
    ) -> None:
        self.block = target.lanes
        self._alone = alone
        self.spread = spread
        self._bfloat16 = bfloat16

    def stored(self, program: Program) -> Program:
        """Return the program as it is."""
        return program

    def floats(self, value: Value) -> int:
        """Return the floats that a batched value takes in a block."""
        return value.size * self.block

    def keeps_place(self, node: Node) -> bool:
        """Return whether a node leaves every number where it is."""
        return isinstance(node.op, Reshape)

    def candidate(self, node: Node) -> Candidate:
        """Return the kernel of a node."""
        return (self._bfloat16 and self._bfloat16.candidate(node)) or select(
            node, alone=self._alone
        )

    def is_row(self, value: Value) -> bool:
        """Return False: samples are brought side by side."""
        return False

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with the augmentation and rescaling behind it."""
        return Packed("pack_samples", *pack_arguments(chain, index, value.shape))

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""
        return Packed("unpack_samples", {"output": index, "size": value.size})


@dataclass(frozen=True)
class Arrangement:
    """How a program is run.

    Attributes
    ----------
    storage : Storage
        Of batched values.
    threads : int
        That are worth waking.
    """

    storage: Storage
    threads: int


def arrange(
    program: Program,
    batch_size: int,
    threads: int,
    target: Target,
    bfloat16: Bfloat16 | None = None,
) -> Arrangement:
    """Return how a batch is predicted to take the least time.

    Parameters
    ----------
    program : Program
    batch_size : int
        Samples a step.
    threads : int
        That may run it.
    target : Target
    bfloat16 : Bfloat16, optional
        How to multiply in bfloat16; only blocks of samples do.

    Returns
    -------
    Arrangement
        In float32, predictions have the same bits with any of them, and sums over the batch with
        any number of threads.
    """
    if sums_over_batch(program):
        return _arrange_sums(program, batch_size, threads, target, bfloat16)
    blocks = SampleBlocks(target, bfloat16, alone=True)
    costs = PredictionCosts.of(program, target.lanes)
    full = -(-batch_size // target.lanes)
    choices: list[tuple[float, Arrangement]] = [
        (_waited(n) + -(-full // n) * target.lanes * costs.in_blocks, Arrangement(blocks, n))
        for n in {1, min(threads, full)}
    ]
    if batch_size < 2 * target.lanes * threads:
        for n in {1, threads}:
            choices += _single_choices(program, costs, batch_size, n, target)
    return min(choices, key=lambda choice: choice[0])[1]


def sums_over_batch(program: Program) -> bool:
    """Return whether samples have a part in each other's results, or in those of all."""
    return any(
        not value.batched and any(read.batched for read in node.inputs)
        for node in program.nodes
        for value in node.outputs
    )


def _arrange_sums(
    program: Program,
    batch_size: int,
    threads: int,
    target: Target,
    bfloat16: Bfloat16 | None,
) -> Arrangement:
    """Return how to run what sums over the batch.

    Threads decide nothing but whether they share blocks: another storage would sum in another
    order.
    """

    def stored(*, spread: bool) -> Storage:
        if alone:
            return SingleSamples(
                program, target.lanes, spread=spread, batch_size=batch_size, threads=threads
            )
        return SampleBlocks(target, bfloat16, spread=spread)

    costs = TrainingCosts.of(program, target.lanes, bfloat16)
    full = round_up(batch_size, target.lanes)
    alone = batch_size * costs.single < full * costs.in_blocks
    shared = stored(spread=True)
    blocks = -(-batch_size // shared.block)
    # A thread without a group would only keep the others waiting at barriers.
    apart = min(threads, groups(batch_size, shared.block, _sums(program, shared)))
    if _spreading_pays(program, shared, blocks, threads, apart, target):
        return Arrangement(shared, threads)
    return Arrangement(stored(spread=False), apart)


def _sums(program: Program, storage: Storage) -> int:
    """Return the floats that groups of blocks sum over the batch, each for itself."""
    return sum(
        value.size
        for node in storage.stored(program).nodes
        if any(read.batched for read in node.inputs)
        for value in node.outputs
        if not value.batched and not storage.candidate(node).whole_batch
    )


def _spreading_pays(
    program: Program, storage: Storage, blocks: int, threads: int, apart: int, target: Target
) -> bool:
    """Return whether threads that share blocks take less time than `apart` of them that do not."""
    turns = -(-blocks // apart)
    alone = shared = 0.0
    for node in storage.stored(program).nodes:
        work = storage.block * node.cost.multiply_adds
        if work and any(value.batched for value in node.inputs):
            candidate = storage.candidate(node)
            if candidate.whole_batch:
                continue
            divided = candidate.pieces(node, target) > 1
            shared += work * (blocks / threads if divided else turns)
            alone += work * turns
    barriers = _BARRIER * len(program.nodes)
    return shared + _ALONE * (alone - shared) + barriers < alone


def _waited(threads: int) -> int:
    return _WAKING if threads > 1 else 0


def _single_choices(
    program: Program, costs: PredictionCosts, batch_size: int, threads: int, target: Target
) -> list[tuple[float, Arrangement]]:
    """Return the ways to run single samples, with their predicted times."""

    def stored(*, spread: bool) -> SingleSamples:
        return SingleSamples(
            program, target.lanes, spread=spread, batch_size=batch_size, threads=threads
        )

    apart = -(-batch_size // threads) * costs.single
    ways: list[tuple[float, int, bool]] = [(_waited(threads) + apart, threads, False)]
    if threads > 1:
        shared = batch_size * costs.single / threads + len(program.nodes) * _BARRIER
        ways.append((_waited(threads) + shared, threads, True))
    return [
        (time, Arrangement(stored(spread=spread), n))
        for time, n, spread in ways
    ]
