"""How much memory a thread goes through between two uses of a value, and so which one serves it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelet.plan.instruction import PlannedPhase, Space
from kernelet.plan.schedule import PhaseKind
from kernelet.plan.work import FLOAT_BYTES, OUTSIDE, Move, Work
from kernelet.program import Value

if TYPE_CHECKING:
    from kernelet.plan.planner import Plan

_EVERYTHING = "everything"


class Reuse:
    """Distances in bytes between uses, for steps that follow each other.

    From the use of a number to its next use by another kernel, a thread goes through what the first
    kernel moves, and all kernels in between. It takes its blocks through a phase one after the
    other: a value that was used in the same phase before, it used for the same block; one from an
    earlier phase, half of its blocks ago on average.

    Parameters
    ----------
    plan : Plan
    works : sequence of sequences of Work
        Of the instructions of each phase.
    threads : int
    """

    def __init__(self, plan: Plan, works: Sequence[Sequence[Work]], threads: int) -> None:
        self._blocks = -(-plan.batch_size // plan.block)
        self._threads = threads
        self._used: dict[Value, float] = {}
        self._position = 0.0
        self._distances: dict[tuple[int, int], list[float]] = {}
        self._most = _footprints(plan, self._blocks, threads)
        # The first step finds what it would find after another one.
        for _ in range(2):
            for number, (phase, instructions) in enumerate(zip(plan.phases, works, strict=True)):
                self._pass(number, phase, instructions)

    def distances(self, phase: int, instruction: int) -> list[float]:
        """Return the distance of each read, and behind these of each written operand."""
        return self._distances[phase, instruction]

    def _pass(self, number: int, phase: PlannedPhase, instructions: Sequence[Work]) -> None:
        together = sum(work.bytes for work in instructions) / self._threads
        in_blocks = phase.kind is PhaseKind.BLOCKS
        turns = max(1.0, self._blocks / self._threads) if in_blocks else 1.0
        turn = together / turns
        position = self._position + (together - turn) / 2
        for index, work in enumerate(instructions):
            moves = (*work.read, *work.written)
            self._distances[number, index] = [
                self._distance(move, work, position, turn if turns > 1 else math.inf)
                for move in moves
            ]
            self._used.update((m.value, position) for m in moves if m.value is not None)
            position += work.bytes / self._threads / turns
        self._position += together

    def _distance(self, move: Move, work: Work, position: float, turn: float) -> float:
        if move.place == OUTSIDE:
            return math.inf
        if move.value is None:
            return work.bytes / self._threads
        since = position - self._used.get(move.value, -math.inf)
        # What all blocks share was used for the block before.
        distance = since if move.value.batched else min(since, turn)
        return min(distance, self._most.get(move.place, self._most[_EVERYTHING]))


def _footprints(plan: Plan, blocks: int, threads: int) -> dict[str, float]:
    """Return the bytes that a thread uses of its own arena, and of everything, again and again."""
    inputs = plan.batch_size * sum(value.size for value in plan.program.inputs.values())
    parameters = sum(parameter.value.size for parameter in plan.program.parameters)
    arenas = plan.batch * blocks + plan.partial * plan.groups + plan.shared
    everything = plan.scratch + (arenas + parameters + inputs) / threads
    return {
        Space.SCRATCH.value: FLOAT_BYTES * plan.scratch,
        Space.CONSTANTS.value: FLOAT_BYTES * len(plan.constants),
        _EVERYTHING: FLOAT_BYTES * everything,
    }
