"""How the samples of a batch are stored, and which way suits a program and a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from kernelet.ops.shape import Reshape
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import Candidate, Packed, Target
from kernelet.plan.packing import pack_arguments
from kernelet.plan.rates import BARRIER
from kernelet.plan.selection import select
from kernelet.plan.single import SingleSamples
from kernelet.plan.step_times import StepTimes
from kernelet.program import Node, Program, Value

# Threads for which the storage of a training step is chosen, whatever number runs it, because the
# bits of its results depend on the storage.
_USUAL_THREADS = 2
# The part that is lost of what sharing a block would save in training, to steps that one thread
# does while the others wait.
_ALONE = 0.4
# Single samples must be predicted to take less than that part of the time of blocks: where both
# were predicted alike, blocks took 3 to 10 % less on Zen 4.
_MUCH_LESS = 0.95
# How much longer steps of predictions count where threads read what others wrote: shared blocks
# that were predicted to save 5 % took up to 23 % longer on Zen 4.
_PASSED_ON = 1.1
# What waking threads counts in predictions. Those in a row, where it matters, meet threads that
# still wait for work; after a pause, LeNet-5 on two pictures took 6 to 14 µs longer, of 150. Of 193
# networks drawn at random, predictions took 3 % more than by the best way on average; with all that
# waking takes, and as much lost by sharing as in training, 10 %.
_WAKING = 5e-6


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
    lasting : bool
        Whether weights never change, as in predictions.
    blocks : int
        Of a batch: kernels that take all of them at once take less time for each.
    """

    def __init__(
        self,
        target: Target,
        bfloat16: Bfloat16 | None = None,
        *,
        spread: bool = False,
        alone: bool = False,
        lasting: bool = False,
        blocks: int = 1,
    ) -> None:
        self.block = target.lanes
        self._lasting = lasting
        self._blocks = blocks
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
        paired = self._bfloat16 and self._bfloat16.candidate(
            node, lasting=self._lasting, blocks=self._blocks
        )
        return paired or select(node, alone=self._alone, lasting=self._lasting)

    def is_row(self, value: Value) -> bool:
        """Return False: samples are brought side by side."""
        return False

    def pack(self, chain: list[Node], index: int, value: Value) -> Packed:
        """Return how an input is loaded, with the augmentation and rescaling behind it."""
        return Packed("pack_samples", *pack_arguments(chain, index, value.shape))

    def unpack(self, index: int, value: Value) -> Packed:
        """Return how an output is stored."""
        return Packed("unpack_samples", {"output": index, "size": value.size})


class Arrangement(msgspec.Struct, frozen=True):
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
        How to multiply in bfloat16; single samples do in predictions only.

    Returns
    -------
    Arrangement
        In float32, predictions have the same bits with any of them, and sums over the batch with
        any number of threads.
    """
    if sums_over_batch(program):
        return _arrange_sums(program, batch_size, threads, target, bfloat16)
    choices = [
        *_block_choices(program, batch_size, threads, target, bfloat16),
        *_single_choices(program, batch_size, threads, target, bfloat16),
    ]
    return min(choices, key=lambda choice: choice[0])[1]()


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
    blocks = -(-batch_size // target.lanes)

    def stored(*, spread: bool) -> Storage:
        if alone:
            return SingleSamples(
                program, target.lanes, spread=spread, batch_size=batch_size, threads=threads
            )
        return SampleBlocks(target, bfloat16, spread=spread, blocks=blocks)

    ways = (
        SampleBlocks(target, bfloat16, blocks=blocks),
        SingleSamples(program, target.lanes, spread=False, batch_size=batch_size),
    )
    tiles = bfloat16 is not None and bfloat16.tiles
    in_blocks, single = (
        StepTimes(program, way, target, batch_size, training=True, tiles=tiles) for way in ways
    )
    of_blocks, of_single = (
        _sharing(way, _USUAL_THREADS, _ALONE).seconds for way in (in_blocks, single)
    )
    alone = of_single < _MUCH_LESS * of_blocks
    best = _sharing(single if alone else in_blocks, threads, _ALONE)
    return Arrangement(stored(spread=best.spread), best.threads)


class _Sharing(msgspec.Struct, frozen=True):
    """How threads share blocks that sum over the batch, with its predicted seconds."""

    seconds: float
    spread: bool
    threads: int


def _sharing(times: StepTimes, threads: int, lost: float = 0.0) -> _Sharing:
    """Return whether threads should share blocks, or take groups of blocks of their own.

    A part of what sharing would save is `lost`.
    """
    # A thread without a group would only keep the others waiting at barriers.
    apart = min(threads, times.groups)
    turns = -(-times.blocks // apart)
    alone = shared = 0.0
    for one in times.steps:
        own = one.seconds * turns / times.blocks
        divided = one.seconds / threads
        alone += divided if one.step.whole_batch else own
        shared += divided if one.step.whole_batch or one.step.pieces > 1 else own
    shared += lost * (alone - shared) + BARRIER * len(times.steps)
    if threads > 1 and shared < alone:
        return _Sharing(shared, True, threads)
    return _Sharing(alone, False, apart)


# Predicted seconds, and what makes the arrangement if it is chosen.
Choice = tuple[float, Callable[[], Arrangement]]


def _waited(threads: int) -> float:
    return _WAKING if threads > 1 else 0.0


def _block_choices(
    program: Program, batch_size: int, threads: int, target: Target, bfloat16: Bfloat16 | None
) -> list[Choice]:
    """Return the ways to run blocks of samples, with their predicted times."""

    def stored(*, spread: bool) -> SampleBlocks:
        return SampleBlocks(target, bfloat16, spread=spread, alone=True, lasting=True)

    tiles = bfloat16 is not None and bfloat16.tiles
    alone = stored(spread=False)
    times = StepTimes(program, alone, target, batch_size, training=False, tiles=tiles)
    choices: list[Choice] = [(times.seconds, lambda: Arrangement(alone, 1))]
    if threads > 1:
        best = _sharing(times, threads)
        seconds = _waited(best.threads) + best.seconds * (_PASSED_ON if best.spread else 1.0)
        choices.append((seconds, lambda: Arrangement(stored(spread=best.spread), best.threads)))
    return choices


def _single_choices(
    program: Program, batch_size: int, threads: int, target: Target, bfloat16: Bfloat16 | None
) -> list[Choice]:
    """Return the ways to run single samples, with their predicted times."""

    def arranged(threads: int, *, spread: bool) -> Arrangement:
        storage = SingleSamples(
            program,
            target.lanes,
            spread=spread,
            batch_size=batch_size,
            threads=threads,
            bfloat16=bfloat16,
            lasting=True,
        )
        return Arrangement(storage, threads)

    alone = arranged(1, spread=False)
    tiles = bfloat16 is not None and bfloat16.tiles
    times = StepTimes(program, alone.storage, target, batch_size, training=False, tiles=tiles)
    choices: list[Choice] = [(times.seconds, lambda: alone)]
    if threads > 1:
        apart = _waited(threads) + times.shared_by(threads)
        choices.append((apart, lambda: arranged(threads, spread=False)))
        divided = _waited(threads) + times.seconds / threads + len(times.steps) * BARRIER
        choices.append((divided, lambda: arranged(threads, spread=True)))
    return choices
