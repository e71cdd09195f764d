"""Range phases and their instructions made one, where threads divide them alike."""

from __future__ import annotations

from msgspec.structs import replace

from kernelet.plan.instruction import Instruction, Operand, PlannedPhase, Space
from kernelet.plan.schedule import PhaseKind


def _follows(first: Instruction, second: Instruction) -> bool:
    """Return whether an instruction does to the next elements what another does."""
    if (first.kernel, first.arguments) != (second.kernel, second.arguments):
        return False
    moved = [
        b == Operand(a.space, a.offset + first.count)
        for a, b in zip(first.operands, second.operands, strict=True)
    ]
    # An operand that does not move along is a single number that all elements share.
    stays = [a == b for a, b in zip(first.operands, second.operands, strict=True)]
    return moved[0] and all(m or s for m, s in zip(moved, stays, strict=True))


def merged(instructions: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
    """Return range instructions with those on neighbouring memory made one."""
    result: list[Instruction] = []
    for instruction in instructions:
        if result and _follows(result[-1], instruction):
            last = result[-1]
            count = last.count + instruction.count
            result[-1] = replace(last, count=count, steps=(*last.steps, *instruction.steps))
        else:
            result.append(instruction)
    return tuple(result)


def _shares_division(writer: Instruction, reader: Instruction) -> bool:
    """Return whether a thread reads only what it has itself written."""
    for written in writer.operands:
        for read in reader.operands:
            if written.space is not read.space or read.space is Space.NONE:
                continue
            overlap = (
                written.offset < read.offset + reader.count
                and read.offset < written.offset + writer.count
            )
            if overlap and (written.offset != read.offset or writer.count != reader.count):
                return False
    return True


def joined(phases: list[PlannedPhase]) -> list[PlannedPhase]:
    """Return the phases with range phases made one where no barrier is needed between them."""
    result: list[PlannedPhase] = []
    for phase in phases:
        last = result[-1] if result else None
        if (
            last is not None
            and last.kind is phase.kind is PhaseKind.RANGE
            and last.once == phase.once
            and all(_shares_division(w, r) for w in last.instructions for r in phase.instructions)
        ):
            result[-1] = replace(last, instructions=last.instructions + phase.instructions)
        else:
            result.append(phase)
    return result
