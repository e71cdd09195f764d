"""Plan → description: names, work and bytes of every instruction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.reduction import SampleShare
from kernelet.plan.accounts import reached
from kernelet.plan.description import (
    FORWARD,
    GRADIENTS,
    UPDATE,
    PlanDescription,
    StepDescription,
)
from kernelet.plan.instruction import Instruction, PlannedPhase, Space
from kernelet.plan.rates import Rates
from kernelet.plan.reuse import Reuse
from kernelet.plan.schedule import PhaseKind
from kernelet.plan.step import Step
from kernelet.plan.work import FLOAT_BYTES, Work
from kernelet.program import Node, Program, Shape, Value

if TYPE_CHECKING:
    from kernelet.plan.planner import Plan

# Seconds to find the operands of an instruction and to call its kernel.
_CALL = 30e-9


class Describer:
    """Describes the instructions of one plan."""

    def __init__(self, plan: Plan, rates: Rates) -> None:
        self.plan = plan
        self.rates = rates
        self.blocks = -(-plan.batch_size // plan.block)
        self.parts = _Parts(plan)
        self.works = [[Work(plan, one) for one in phase.instructions] for phase in plan.phases]
        self.reuse = Reuse(plan, self.works, rates.threads)

    def describe(self) -> PlanDescription:
        """Return the description."""
        steps = tuple(
            self._step(number, index)
            for number, phase in enumerate(self.plan.phases)
            for index in range(len(phase.instructions))
        )
        return PlanDescription(
            batch_size=self.plan.batch_size,
            block=self.plan.block,
            blocks=self.blocks,
            storage="single samples" if self.plan.block == 1 else "blocks",
            phases=len(self.plan.phases),
            memory=self.plan.memory(self.rates.threads, self.plan.target),
            scratch=FLOAT_BYTES * self.plan.scratch,
            rates=self.rates,
            steps=steps,
            waiting=sum(
                self._waiting(phase, [step.predicted for step in steps if step.phase == number])
                for number, phase in enumerate(self.plan.phases)
                if not phase.once
            ),
        )

    def _step(self, number: int, index: int) -> StepDescription:
        phase, done = self.plan.phases[number], self.works[number][index]
        instruction = phase.instructions[index]
        memory = self._seconds(done, self.reuse.distances(number, index))
        rates = self.rates.multiply_adds
        multiplied = done.multiplications / rates.get(done.numbers, rates["float32"])
        compute = multiplied + done.other / rates["float32"]
        in_blocks = phase.kind not in (PhaseKind.TASKS, PhaseKind.RANGE)
        calls = instruction.slices * (self.blocks if in_blocks else 1)
        return StepDescription(
            phase=number,
            division=phase.kind.value,
            once=phase.once,
            part=self.parts.of(instruction),
            layer=_layer(instruction),
            kernel=instruction.kernel,
            operations=_operations(instruction),
            shape=_shape(instruction),
            multiply_adds=done.multiply_adds,
            multiplications=done.multiplications,
            other=done.other,
            read=sum(move.bytes for move in done.read),
            written=sum(move.bytes for move in done.written),
            reads=tuple(dict.fromkeys(move.place for move in done.read)),
            writes=tuple(dict.fromkeys(move.place for move in done.written)),
            workspace=FLOAT_BYTES * max((step.workspace for step in instruction.steps), default=0),
            compute_bound=compute,
            memory_bound=memory,
            predicted=max(compute, memory) / reached(instruction.kernel)
            + calls * _CALL / self.rates.threads,
        )

    def _waiting(self, phase: PlannedPhase, steps: list[float]) -> float:
        """Return what a thread waits on average at the end of a phase."""
        together = sum(steps)
        threads = self.rates.threads
        if phase.kind in (PhaseKind.TASKS, PhaseKind.SLICES):
            shares = zip(steps, (one.slices for one in phase.instructions), strict=True)
            tasks = [threads * seconds / n for seconds, n in shares for _ in range(n)]
            longest = _longest(tasks, threads)
        elif phase.kind is PhaseKind.RANGE:
            longest = together
        else:
            divided = self._shares(phase)
            longest = together * threads * math.ceil(divided / threads) / divided
        return longest - together + self.rates.barrier

    def _shares(self, phase: PlannedPhase) -> int:
        """Return into how many shares threads divide a phase of blocks, or of their pieces."""
        groups = math.ceil(self.blocks / math.ceil(self.blocks / self.plan.groups))
        if phase.kind is PhaseKind.BLOCKS:
            return groups
        instruction = phase.instructions[0]
        sums = any(operand.space is Space.PARTIAL for operand in instruction.operands)
        parts = groups if sums else self.blocks
        wanted = math.ceil(2 * self.rates.threads / parts)
        return parts * max(1, min(instruction.count, wanted))

    def _seconds(self, work: Work, distances: list[float]) -> float:
        """Return how long an instruction's bytes take from where each operand is found."""
        return sum(
            move.bytes / self.rates.level(distance).rate
            for move, distance in zip((*work.read, *work.written), distances, strict=True)
        )


def _longest(tasks: list[float], threads: int) -> float:
    """Return when the last thread ends, if whoever is free takes the next task."""
    ends = [0.0] * threads
    for seconds in tasks:
        ends[ends.index(min(ends))] += seconds
    return max(ends)


class _Parts:
    """Which part of a step an instruction belongs to.

    What depends on the share of each sample in the loss, where differentiation begins, is a
    gradient as long as samples have a part in it, and the update behind that.
    """

    def __init__(self, plan: Plan) -> None:
        self._updated = set(plan.program.updates.values())
        self._backward = _backward(plan.program)
        self._packed_for: dict[Value, Step] = {}
        for phase in plan.phases:
            for instruction in phase.instructions:
                for step in instruction.steps:
                    for value in step.values:
                        self._packed_for.setdefault(value, step)

    def of(self, instruction: Instruction) -> str:
        """Return the part."""
        if not instruction.steps:
            return GRADIENTS
        step = instruction.steps[0]
        if step.kernel.startswith(("pack_filters", "pack_inputs")):
            step = self._packed_for.get(step.outputs[0], step)
        if self._updated.intersection(step.outputs):
            return UPDATE
        if not self._backward.intersection(step.outputs):
            return FORWARD
        return GRADIENTS if step.batched or _begins(step.nodes) else UPDATE


def _begins(nodes: Iterable[Node]) -> bool:
    return any(isinstance(node.op, SampleShare) for node in nodes)


def _backward(program: Program) -> set[Value]:
    found: set[Value] = set()
    for node in program.nodes:
        if isinstance(node.op, SampleShare) or found.intersection(node.inputs):
            found.update(node.outputs)
    return found


def _nodes(instruction: Instruction) -> list[Node]:
    return [node for step in instruction.steps for node in step.nodes]


def _layer(instruction: Instruction) -> str:
    """Return the layers that an instruction works for, or what it handles."""
    layers = list(dict.fromkeys(node.layer for node in _nodes(instruction) if node.layer))
    if layers:
        return ", ".join(layers)
    if not instruction.steps:
        return "sums of groups"
    count = len(instruction.steps)
    if count > 1:
        return f"{count} weights"
    step = instruction.steps[0]
    if len(step.values) > 1 and step.kernel == "global_norm":
        return f"{len(step.values)} gradients"
    return (*step.values, *step.outputs)[0].name


def _operations(instruction: Instruction) -> tuple[str, ...]:
    """Return what an instruction does; for one that moves numbers, that first."""
    if not instruction.steps:
        return ("sum",)
    step = instruction.steps[0]
    names = [_operation(node) for node in step.nodes]
    moves = step.kernel.startswith(("pack_", "unpack_"))
    return (step.kernel.replace("_", " "), *names) if moves or not names else tuple(names)


def _operation(node: Node) -> str:
    match node.op:
        case Activate():
            return node.op.kind
        case BiasAdd():
            return "bias"
        case Rescale():
            return "rescaling"
        case _:
            return node.op.name.replace("_", " ")


def _result(step: Step) -> Value:
    """Return the first output, as its operation defines it where it is stored in another form."""
    stored = step.outputs[0]
    return next((n.output for n in step.nodes if n.output.index == stored.index), stored)


def _shape(instruction: Instruction) -> Shape:
    if not instruction.steps:
        return (instruction.count,)
    outputs = [_result(step) for step in instruction.steps if step.outputs]
    if len(outputs) == 1:
        return outputs[0].shape
    if outputs:
        return (sum(value.size for value in outputs),)
    return instruction.steps[0].values[0].shape
