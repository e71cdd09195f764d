"""What one instruction of a plan computes and moves in a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernelet.plan.accounts import ACCOUNTS, additions, products
from kernelet.plan.instruction import Instruction, Operand, Space
from kernelet.plan.step import Step
from kernelet.program import Value

if TYPE_CHECKING:
    from kernelet.plan.planner import Plan

FLOAT_BYTES = 4
OUTSIDE = "outside"


class Move(msgspec.Struct, frozen=True):
    """One operand that is read or written.

    Attributes
    ----------
    value : Value or None
        None for what comes from outside, goes there, or is the same value of every group.
    place : str
        A space, or `OUTSIDE`.
    bytes : int
        In a step.
    """

    value: Value | None
    place: str
    bytes: int


class Work:
    """What one instruction computes and moves in a step.

    Attributes
    ----------
    multiply_adds : int
        By the definition of its operations.
    other : int
        Other operations on a number, those of transforms among them.
    multiplications : int
        Multiply-adds that the kernel does.
    numbers : str
        Kind of number that it multiplies.
    read, written : list of Move
    """

    def __init__(self, plan: Plan, instruction: Instruction) -> None:
        self._plan = plan
        self._blocks = -(-plan.batch_size // plan.block)
        self.read: list[Move] = []
        self.written: list[Move] = []
        self.multiply_adds = self.other = 0
        self.numbers = ACCOUNTS[instruction.kernel].numbers
        for step in instruction.steps:
            times = plan.batch_size if step.batched else 1
            self.multiply_adds += times * sum(node.cost.multiply_adds for node in step.nodes)
            self.other += times * sum(node.cost.other for node in step.nodes)
            self._move(step, instruction.operands)
        if not instruction.steps:
            self._sum_groups(instruction)
        counted = (instruction.kernel, instruction.arguments, plan.target.lanes)
        self.other += self._blocks * additions(*counted)
        done = products(*counted)
        self.multiplications = self.multiply_adds if done is None else self._blocks * done

    @property
    def bytes(self) -> int:
        """Bytes read and written."""
        return sum(move.bytes for move in (*self.read, *self.written))

    def _move(self, step: Step, operands: tuple[Operand, ...]) -> None:
        """Count the operands of a step: its inputs, then its outputs."""
        blocks = self._blocks if step.batched else 1

        def of(value: Value, operand: Operand, times: int = blocks) -> Move:
            return self._of(value, operand, times if value.batched or not step.whole_batch else 1)

        inputs = [(v, o) for v, o in zip(step.inputs, operands, strict=False) if v is not None]
        outputs = list(zip(step.outputs, operands[len(step.inputs) :], strict=False))
        samples = FLOAT_BYTES * self._plan.batch_size
        self.read += [of(value, operand) for value, operand in inputs]
        # A slice of a sum stays in the cache from block to block.
        written = 1 if step.reduces and step.slices else blocks
        self.written += [of(value, operand, written) for value, operand in outputs]
        if step.reduces and not step.slices:
            self.read += [of(value, operand) for value, operand in outputs]
        if not inputs:
            self.read.append(Move(None, OUTSIDE, samples * step.outputs[0].size))
        if not outputs:
            self.written.append(Move(None, OUTSIDE, samples * inputs[0][0].size))

    def _of(self, value: Value, operand: Operand, times: int) -> Move:
        floats = self._plan.storage.floats(value) if value.batched else value.size
        return Move(value, operand.space.value, times * FLOAT_BYTES * floats)

    def _sum_groups(self, instruction: Instruction) -> None:
        groups, size = self._plan.groups, FLOAT_BYTES * instruction.count
        self.other = groups * instruction.count
        self.read = [Move(None, Space.PARTIAL.value, groups * size)]
        self.written = [Move(None, Space.SHARED.value, size)]
