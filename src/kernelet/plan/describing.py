"""Plan → description: names, work and bytes of every instruction."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.reduction import SampleShare
from kernelet.plan.accounts import ACCOUNTS, products
from kernelet.plan.description import (
    FORWARD,
    GRADIENTS,
    UPDATE,
    PlanDescription,
    StepDescription,
)
from kernelet.plan.fusion import Step
from kernelet.plan.instruction import Instruction, Operand, PlannedPhase, Space
from kernelet.plan.rates import Rates
from kernelet.plan.schedule import PhaseKind
from kernelet.program import Node, Program, Shape, Value

if TYPE_CHECKING:
    from kernelet.plan.planner import Plan

_FLOAT = 4
# Seconds to find the operands of an instruction and to call its kernel.
_CALL = 30e-9
_OUTSIDE = "outside"


class Describer:
    """Describes the instructions of one plan."""

    def __init__(self, plan: Plan, rates: Rates) -> None:
        self.plan = plan
        self.rates = rates
        self.blocks = -(-plan.batch_size // plan.block)
        self.parts = _Parts(plan)
        self.footprints = _footprints(plan, self.blocks)

    def describe(self) -> PlanDescription:
        """Return the description."""
        steps = tuple(
            self._step(number, phase, instruction)
            for number, phase in enumerate(self.plan.phases)
            for instruction in phase.instructions
        )
        return PlanDescription(
            batch_size=self.plan.batch_size,
            block=self.plan.block,
            blocks=self.blocks,
            storage="single samples" if self.plan.block == 1 else "blocks",
            phases=len(self.plan.phases),
            memory=self.plan.memory(self.rates.threads, self.plan.target),
            scratch=_FLOAT * self.plan.scratch,
            rates=self.rates,
            steps=steps,
            waiting=sum(
                self._waiting(phase, [step.predicted for step in steps if step.phase == number])
                for number, phase in enumerate(self.plan.phases)
                if not phase.once
            ),
        )

    def _step(self, number: int, phase: PlannedPhase, instruction: Instruction) -> StepDescription:
        done = _Work(self, instruction)
        memory = self._seconds(done.read) + self._seconds(done.written)
        rates = self.rates.multiply_adds
        compute = done.arithmetic / rates.get(done.numbers, rates["float32"])
        calls = self.blocks if phase.kind in (PhaseKind.BLOCKS, PhaseKind.PIECES) else 1
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
            read=sum(done.read.values()),
            written=sum(done.written.values()),
            reads=tuple(done.read),
            writes=tuple(done.written),
            workspace=_FLOAT * max((step.workspace for step in instruction.steps), default=0),
            compute_bound=compute,
            memory_bound=memory,
            predicted=max(compute, memory) + calls * _CALL / self.rates.threads,
        )

    def _waiting(self, phase: PlannedPhase, steps: list[float]) -> float:
        """Return what a thread waits on average at the end of a phase."""
        together = sum(steps)
        threads = self.rates.threads
        longest = together
        if phase.kind is PhaseKind.TASKS:
            longest = _longest([threads * seconds for seconds in steps], threads)
        elif phase.kind is PhaseKind.BLOCKS:
            group = math.ceil(self.blocks / self.plan.groups)
            turns = math.ceil(math.ceil(self.blocks / group) / threads)
            longest = max(1.0, threads * turns * group / self.blocks) * together
        return longest - together + self.rates.barrier

    def _seconds(self, moved: dict[str, int]) -> float:
        return sum(
            count / self.rates.level(self.footprints.get(place, math.inf)).rate
            for place, count in moved.items()
        )


def _longest(tasks: list[float], threads: int) -> float:
    """Return when the last thread ends, if whoever is free takes the next task."""
    ends = [0.0] * threads
    for seconds in tasks:
        ends[ends.index(min(ends))] += seconds
    return max(ends)


class _Work:
    """What one instruction computes and moves in a step."""

    def __init__(self, describer: Describer, instruction: Instruction) -> None:
        plan = describer.plan
        self.read: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self.multiply_adds = self.other = 0
        self.numbers = ACCOUNTS[instruction.kernel].numbers
        self._plan = plan
        batched = False
        for step in instruction.steps:
            batched = step.batched
            times = plan.batch_size if batched else 1
            for node in step.nodes:
                self.multiply_adds += times * node.cost.multiply_adds
                self.other += times * node.cost.other
            self._move(step, instruction.operands, describer.blocks)
        done = products(instruction.kernel, instruction.arguments, plan.target.lanes)
        self.multiplications = self.multiply_adds if done is None else describer.blocks * done
        if not instruction.steps:
            self._sum_groups(instruction)

    @property
    def arithmetic(self) -> int:
        """Operations on numbers, a multiply-add counted once."""
        return self.multiplications + self.other

    def _move(self, step: Step, operands: tuple[Operand, ...], blocks: int) -> None:
        """Count the operands of a step: its inputs, then its outputs."""
        inputs = [(v, o) for v, o in zip(step.inputs, operands, strict=False) if v is not None]
        outputs = list(zip(step.outputs, operands[len(step.inputs) :], strict=False))
        times = blocks if step.batched else 1
        for value, operand in inputs:
            _add(self.read, operand.space, times * self._bytes(value))
        for value, operand in outputs:
            _add(self.written, operand.space, times * self._bytes(value))
            if step.reduces:
                _add(self.read, operand.space, times * self._bytes(value))
        if not inputs:
            self.read[_OUTSIDE] = _FLOAT * self._plan.batch_size * step.outputs[0].size
        if not outputs:
            self.written[_OUTSIDE] = _FLOAT * self._plan.batch_size * inputs[0][0].size

    def _sum_groups(self, instruction: Instruction) -> None:
        groups = self._plan.groups
        self.other = groups * instruction.count
        _add(self.read, Space.PARTIAL, groups * _FLOAT * instruction.count)
        _add(self.written, Space.SHARED, _FLOAT * instruction.count)

    def _bytes(self, value: Value) -> int:
        return _FLOAT * (self._plan.storage.floats(value) if value.batched else value.size)


def _add(moved: dict[str, int], space: Space, count: int) -> None:
    moved[space.value] = moved.get(space.value, 0) + count


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
        if step.kernel.startswith("pack_filters"):
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


def _footprints(plan: Plan, blocks: int) -> dict[str, float]:
    """Return the bytes that a thread goes through in each space, which decide what cache serves.

    Between two uses of a value in scratch memory, a thread has gone through all of it.
    """
    sizes = {
        Space.SCRATCH: plan.scratch,
        Space.BATCH: plan.batch * blocks,
        Space.SHARED: plan.shared,
        Space.PARTIAL: plan.partial,
        Space.PARAMETERS: sum(p.value.size for p in plan.program.parameters if p.role != "slot"),
        Space.SLOTS: sum(p.value.size for p in plan.program.parameters if p.role == "slot"),
        Space.CONSTANTS: len(plan.constants),
        Space.NONE: 0,
    }
    return {space.value: float(_FLOAT * size) for space, size in sizes.items()}


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
    return (step.kernel.replace("_", " "), *names) if moves else tuple(names)


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


def _shape(instruction: Instruction) -> Shape:
    if not instruction.steps:
        return (instruction.count,)
    outputs = [step.outputs[0] for step in instruction.steps if step.outputs]
    if len(outputs) == 1:
        return outputs[0].shape
    if outputs:
        return (sum(value.size for value in outputs),)
    return instruction.steps[0].values[0].shape
