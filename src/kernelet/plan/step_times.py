"""What steps are predicted to take in a storage, before a plan gives their operands places.

A plan's description knows how far back each operand was used. Here an operand of a sample comes
from the cache that holds what a step has of a block; in what sums over the batch, as training does,
from the cache that holds all values of a block, which have been used once since, or of all blocks
where samples wait for each other's statistics.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from kernelet.ops.normalization import ChannelMean
from kernelet.plan.accounts import ACCOUNTS, additions, products, reached
from kernelet.plan.candidate import Target
from kernelet.plan.division import groups
from kernelet.plan.fusion import Fusion
from kernelet.plan.rates import Rates, built_in_rates
from kernelet.plan.step import Step
from kernelet.program import Program, Value

if TYPE_CHECKING:
    from kernelet.plan.storage import Storage

_FLOAT_BYTES = 4
# Seconds to call a kernel and to begin and end its loops, measured on a Zen 3 core.
_CALL = 2e-7
# How many times as fast bfloat16 is by tiles as by vectors, for blocks of samples with all that
# kernels do beside products, for single samples without that.
_TILES_OF_BLOCKS = 4
_TILES_OF_SINGLE = 12


class StepTime(msgspec.Struct, frozen=True):
    """A step with the time that one thread takes for it.

    Attributes
    ----------
    step : Step
    seconds : float
        For all blocks of a batch.
    """

    step: Step
    seconds: float


class StepTimes:
    """Predicts the steps of a program that run for every block of a batch.

    Parameters
    ----------
    program : Program
    storage : Storage
    target : Target
    batch_size : int
        Samples a step.
    training : bool
        Whether values of a block are read again once all others are there.
    tiles : bool
        Whether bfloat16 is multiplied by tiles.
    """

    def __init__(
        self,
        program: Program,
        storage: Storage,
        target: Target,
        batch_size: int,
        *,
        training: bool,
        tiles: bool = False,
    ) -> None:
        self._storage = storage
        self._batch_size = batch_size
        self._target = target
        self._tiles = tiles
        self._rates: Rates = built_in_rates(1)
        self.blocks = -(-batch_size // storage.block)
        steps = Fusion(storage.stored(program), target, storage).steps()
        batched = [step for step in steps if step.batched]
        written = [value for step in batched for value in step.outputs]
        waiting = any(isinstance(node.op, ChannelMean) for node in program.nodes)
        self._whole = self._bytes(written) * (self.blocks if waiting else 1) if training else None
        self.steps = [StepTime(step, self._seconds(step)) for step in batched]

    @property
    def seconds(self) -> float:
        """Of all steps on all blocks, by one thread."""
        return sum(step.seconds for step in self.steps)

    @property
    def groups(self) -> int:
        """Groups of blocks whose sums over the batch are kept apart."""
        sums = sum(
            value.size
            for one in self.steps
            if one.step.reduces and not one.step.whole_batch
            for value in one.step.outputs
        )
        return groups(self._batch_size, self._storage.block, sums)

    def shared_by(self, threads: int) -> float:
        """Return the seconds of threads that take blocks of their own."""
        return -(-self.blocks // threads) * self.seconds / self.blocks

    def _seconds(self, step: Step) -> float:
        arithmetic = self.blocks * self._arithmetic(step)
        own = self._bytes((*step.values, *step.outputs))
        near = self._rates.level(own if self._whole is None else self._whole)
        moved = self.blocks * own / near.rate
        shared = _FLOAT_BYTES * self._shared(step)
        # A sum is read and written.
        shared += 2 * _FLOAT_BYTES * sum(value.size for value in step.outputs if not value.batched)
        times = 1 if step.whole_batch else self.blocks
        moved += times * shared / self._rates.level(shared).rate
        return (arithmetic + moved) / reached(step.kernel) + times * _CALL

    def _shared(self, step: Step) -> int:
        """Return the floats that all blocks read; numbers in bfloat16 take half a float."""
        floats = sum(value.size for value in step.values if not value.batched)
        if ACCOUNTS[step.kernel].numbers != "bfloat16":
            return floats
        for packing in step.packings:
            packed = step.inputs[packing.operand]
            if packing.size is not None and packed is not None and not packed.batched:
                floats += packing.size - packed.size
        return floats

    def _arithmetic(self, step: Step) -> float:
        """Return the seconds that the operations on a block take."""
        counted = (step.kernel, step.arguments, self._target.lanes)
        multiplied = products(*counted)
        if multiplied is None:
            multiplied = self._storage.block * sum(n.cost.multiply_adds for n in step.nodes)
        other = self._storage.block * sum(node.cost.other for node in step.nodes)
        other += additions(*counted)
        rates, numbers = self._rates.multiply_adds, ACCOUNTS[step.kernel].numbers
        faster = 1
        if self._tiles and numbers == "bfloat16":
            faster = _TILES_OF_SINGLE if self._storage.block == 1 else _TILES_OF_BLOCKS
        return multiplied / (faster * rates[numbers]) + other / rates["float32"]

    def _bytes(self, values: Iterable[Value]) -> int:
        return _FLOAT_BYTES * sum(self._storage.floats(v) for v in values if v.batched)
