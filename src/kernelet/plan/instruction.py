"""What a plan is made of: instructions in phases, every operand at a fixed place."""

from __future__ import annotations

from enum import Enum

import msgspec

from kernelet.plan.candidate import Arguments
from kernelet.plan.schedule import PhaseKind
from kernelet.plan.step import Step


class Space(Enum):
    """Where an operand lives; the engine's plan.h describes each."""

    SCRATCH = "scratch"
    BATCH = "batch"
    SHARED = "shared"
    PARTIAL = "partial"
    PARAMETERS = "parameters"
    SLOTS = "slots"
    CONSTANTS = "constants"
    INPUTS = "inputs"
    OUTPUTS = "outputs"
    NONE = "none"


class Operand(msgspec.Struct, frozen=True):
    """A place in memory: a space and an offset in floats, or the number of a caller's array."""

    space: Space
    offset: int = 0


class Instruction(msgspec.Struct, frozen=True):
    """One kernel with its operands and arguments.

    Attributes
    ----------
    kernel : str
        Name in the engine's kernel list.
    operands : tuple of Operand
        In the kernel's order.
    arguments : mapping
        By name.
    count : int
        Elements, where threads divide them among themselves; otherwise pieces.
    steps : tuple of Step
        What it does; several where neighbouring updates were merged.
    slices : int
        Runs of pieces that threads share out in tasks and slices phases.
    """

    kernel: str
    operands: tuple[Operand, ...]
    arguments: Arguments
    count: int
    steps: tuple[Step, ...]
    slices: int = 1


class PlannedPhase(msgspec.Struct, frozen=True):
    """Instructions between two barriers.

    Those to run ``once`` depend on nothing but parameters that no step changes; the engine runs
    them again where those differ from what it found before.
    """

    kind: PhaseKind
    once: bool
    instructions: tuple[Instruction, ...]
