"""Program → plan: kernels in phases, every operand at a fixed place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kernelet.plan.candidate import Packing, Target, round_up
from kernelet.plan.division import divided, fitting, groups
from kernelet.plan.fusion import Fusion
from kernelet.plan.instruction import Instruction, Operand, PlannedPhase, Space
from kernelet.plan.memory import Lifetime, Stack, pack
from kernelet.plan.merging import joined, merged
from kernelet.plan.schedule import Phase, PhaseKind, Scheduler, spread
from kernelet.plan.step import Step
from kernelet.plan.storage import SampleBlocks, Storage
from kernelet.program import Program, Type, Value

if TYPE_CHECKING:
    from kernelet.plan.description import PlanDescription
    from kernelet.plan.rates import Rates


class Plan(msgspec.Struct, frozen=True):
    """Everything the engine needs to run a program for one batch size.

    Attributes
    ----------
    program : Program
        What is planned.
    batch_size, block, groups : int
        Samples a step and a block, and groups of blocks whose sums are kept apart.
    phases : tuple of PlannedPhase
        In order.
    scratch, batch, shared, partial : int
        Floats of the arenas: a thread's, a block's, the plan's, a group's.
    constants : tuple of float
        Fixed numbers.
    results : dict of str to int
        Where the program's single-number outputs lie among the shared values.
    once_reads : tuple of (int, int)
        Offsets and sizes of the parameters that phases to run once depend on.
    storage : Storage
        Of batched values.
    target : Target
        The engine that it is for.
    threads : int
        That are worth waking for it; the results are the same with any number.
    """

    program: Program
    batch_size: int
    block: int
    groups: int
    phases: tuple[PlannedPhase, ...]
    scratch: int
    batch: int
    shared: int
    partial: int
    constants: tuple[float, ...]
    results: dict[str, int]
    once_reads: tuple[tuple[int, int], ...]
    storage: Storage
    target: Target
    threads: int

    def describe(self, rates: Rates | None = None) -> PlanDescription:
        """Return what each step does, and what it is predicted to take.

        Parameters
        ----------
        rates : Rates, optional
            Of the machine and the threads; by default built-in ones for the plan's threads.
        """
        from kernelet.plan.describing import Describer
        from kernelet.plan.rates import built_in_rates

        return Describer(self, rates or built_in_rates(self.threads)).describe()

    def memory(self, threads: int, target: Target) -> int:
        """Return the bytes that the engine's arenas will take, before any of them exists."""
        blocks = -(-self.batch_size // self.block)
        arenas = (
            (self.scratch, threads),
            (self.batch, blocks),
            (self.shared, 1),
            (self.partial, self.groups),
        )
        seen = sum(size for _, size in self.once_reads)
        arenas_floats = sum(round_up(size, target.alignment) * count for size, count in arenas)
        return 4 * (arenas_floats + seen)


class Planner:
    """Makes the plan of one program for one batch size; see `make_plan`."""

    def __init__(
        self,
        program: Program,
        batch_size: int,
        offsets: Mapping[str, int],
        target: Target,
        storage: Storage,
        threads: int = 1,
    ) -> None:
        self.threads = threads
        self.program = storage.stored(program)
        self.batch_size = batch_size
        self.target = target
        self.storage = storage
        self.fusion = Fusion(self.program, target, storage)
        self.places: dict[Value, Operand] = {}
        self.partials: dict[Value, Operand] = {}
        self.shared = Stack(target.alignment)
        self.partial = Stack(target.alignment)
        self.constants: list[float] = []
        for parameter in self.program.parameters:
            space = Space.SLOTS if parameter.role == "slot" else Space.PARAMETERS
            self.places[parameter.value] = Operand(space, offsets[parameter.name])
        self._place_rows()
        self.targets = {new: old for old, new in self.program.updates.items()}

    def plan(self) -> Plan:
        """Return the plan."""
        phases = Scheduler(self._sliced(self._packed(self.fusion.steps())), self.targets).phases()
        if self.storage.spread:
            phases = spread(phases)
        self._place_gradients(phases)
        self._place_shared(phases)
        batch = self._place_batch(phases)
        constant = {p.value for p in self.program.parameters if p.value not in self.program.updates}
        planned: list[PlannedPhase] = []
        once_reads: dict[Value, None] = {}
        scratch = 0
        for phase in phases:
            workspaces, size = self._place_scratch(phase)
            scratch = max(scratch, size)
            instructions = tuple(
                self._instruction(step, workspaces.get(k)) for k, step in enumerate(phase.steps)
            )
            if phase.kind is PhaseKind.RANGE:
                instructions = merged(instructions)
            once = phase.kind in (PhaseKind.TASKS, PhaseKind.RANGE) and all(
                constant.issuperset(step.values) for step in phase.steps
            )
            if once:
                once_reads.update((value, None) for step in phase.steps for value in step.values)
                constant.update(value for step in phase.steps for value in step.outputs)
            planned.append(PlannedPhase(phase.kind, once, instructions))
            if phase.sums:
                planned.append(self._sums(phase))
        return Plan(
            program=self.program,
            batch_size=self.batch_size,
            block=self.storage.block,
            groups=groups(self.batch_size, self.storage.block, self.partial.size),
            phases=tuple(joined(planned)),
            scratch=scratch,
            batch=batch,
            shared=self.shared.size,
            partial=self.partial.size,
            constants=tuple(self.constants),
            results=self._results(),
            once_reads=self._parameters(once_reads),
            storage=self.storage,
            target=self.target,
            threads=self.threads,
        )

    def _place_rows(self) -> None:
        """Place the inputs and outputs that are rows of the caller's arrays."""
        outputs = [value for value in self.program.outputs.values() if value.batched]
        for space, values in (
            (Space.INPUTS, self.program.inputs.values()),
            (Space.OUTPUTS, outputs),
        ):
            for number, value in enumerate(values):
                if self.storage.is_row(value):
                    self.places[value] = Operand(space, number)

    def _parameters(self, values: Iterable[Value]) -> tuple[tuple[int, int], ...]:
        """Return where parameters among the values lie, and their sizes."""
        places = ((self.places[value], value.size) for value in values)
        found = {(p.offset, size) for p, size in places if p.space is Space.PARAMETERS}
        return tuple(sorted(found))

    def _packed(self, steps: list[Step]) -> list[Step]:
        """Return the steps with those that pack inputs in front of their first use."""
        packed: dict[tuple[Value, str, tuple[tuple[str, object], ...]], Value] = {}
        result: list[Step] = []
        for step in steps:
            inputs = list(step.inputs)
            for packing in step.packings:
                source = step.inputs[packing.operand]
                assert source is not None
                key = (source, packing.kernel, tuple(sorted(packing.arguments.items())))
                if key not in packed:
                    index = -1 - len(packed)
                    size = source.size if packing.size is None else packing.size
                    kind = Type((size,), source.batched)
                    packed[key] = Value(index, kind, f"{source.name} packed")
                    result.append(self._packing(packing, source, packed[key]))
                inputs[packing.operand] = packed[key]
            result.append(replace(step, inputs=tuple(inputs)))
        return result

    def _packing(self, packing: Packing, source: Value, packed: Value) -> Step:
        pieces = packing.pieces(self.target)
        return Step(
            packing.kernel,
            packing.arguments,
            (source,),
            (packed,),
            pieces=pieces,
            slices=0 if packed.batched else fitting(packed.size, pieces),
        )

    def _sliced(self, steps: list[Step]) -> list[Step]:
        """Return the steps with the number of slices of those that should be divided so."""
        return [divided(step, self.storage, self.batch_size, self.threads) for step in steps]

    def _place_gradients(self, phases: list[Phase]) -> None:
        """Give the gradients of flat weights the places of their weights, one behind another."""
        steps = [step for phase in phases for step in phase.steps]
        sums = {value: step.slices for step in steps if step.reduces for value in step.outputs}
        gradients: dict[Value, int] = {}
        for step in steps:
            if step.divisible and step.outputs[0] in self.targets:
                weight = self.places[self.targets[step.outputs[0]]]
                gradients.update((v, weight.offset) for v in step.values if v in sums)
        if gradients:
            end = max(offset + value.size for value, offset in gradients.items())
            self.shared.place("gradients", end)
            for value, offset in sorted(gradients.items(), key=lambda item: item[1]):
                self.places[value] = Operand(Space.SHARED, offset)
                if not sums[value]:
                    self._place_partial(value)

    def _place_shared(self, phases: list[Phase]) -> None:
        for step in (step for phase in phases for step in phase.steps):
            for value in step.outputs:
                if value in self.targets:
                    self.places[value] = self.places[self.targets[value]]
                elif not value.batched and value not in self.places:
                    place = self.shared.place(value, value.size)
                    self.places[value] = Operand(Space.SHARED, place)
                if step.reduces and not step.slices:
                    self._place_partial(value)

    def _place_partial(self, value: Value) -> None:
        self.partials[value] = Operand(Space.PARTIAL, self.partial.place(value, value.size))

    def _place_batch(self, phases: list[Phase]) -> int:
        """Place the batched values that outlive a phase; return the size of their arena.

        Single samples lie an odd number of cache lines apart, so that the caches can hold the same
        number of many of them.
        """
        spans: dict[Value, list[int]] = {}
        for moment, phase in enumerate(phases):
            for step in phase.steps:
                for value in (*step.values, *step.outputs):
                    if value.batched and value not in self.places:
                        spans.setdefault(value, []).append(moment)
        layout = pack(
            (
                Lifetime(value, self.storage.floats(value), moments[0], moments[-1])
                for value, moments in spans.items()
                if moments[0] != moments[-1]
            ),
            self.target.alignment,
        )
        for key, offset in layout.offsets.items():
            assert isinstance(key, Value)
            self.places[key] = Operand(Space.BATCH, offset)
        lines = -(-layout.size // self.target.alignment)
        odd = self.storage.block == 1 and lines > 0
        return (lines | 1 if odd else lines) * self.target.alignment

    def _place_scratch(self, phase: Phase) -> tuple[dict[int, Operand], int]:
        """Place what lives within a phase; return the workspaces by step and the arena's size."""
        spans: dict[Value, list[int]] = {}
        for moment, step in enumerate(phase.steps):
            for value in (*step.values, *step.outputs):
                if value.batched and value not in self.places:
                    spans.setdefault(value, []).append(moment)
        lifetimes = [
            Lifetime(value, self.storage.floats(value), moments[0], moments[-1])
            for value, moments in spans.items()
        ]
        lifetimes += [
            Lifetime(moment, step.workspace, moment, moment)
            for moment, step in enumerate(phase.steps)
            if step.workspace
        ]
        layout = pack(lifetimes, self.target.alignment)
        workspaces: dict[int, Operand] = {}
        for key, offset in layout.offsets.items():
            if isinstance(key, Value):
                self.places[key] = Operand(Space.SCRATCH, offset)
            elif isinstance(key, int):
                workspaces[key] = Operand(Space.SCRATCH, offset)
        return workspaces, layout.size

    def _instruction(self, step: Step, workspace: Operand | None) -> Instruction:
        outputs = (
            self.partials[value] if step.reduces and not step.slices else self.places[value]
            for value in step.outputs
        )
        inputs = (Operand(Space.NONE) if v is None else self.places[v] for v in step.inputs)
        operands = [*inputs, *outputs, *(self._constant(row) for row in step.constants)]
        if workspace is not None:
            operands.append(workspace)
        elements = step.outputs[0].size if step.outputs else 0
        count = round_up(elements, self.target.alignment) if step.divisible else step.pieces
        return Instruction(
            step.kernel, tuple(operands), step.arguments, count, (step,), max(1, step.slices)
        )

    def _constant(self, row: Sequence[float]) -> Operand:
        numbers = list(row)
        if not numbers:
            return Operand(Space.NONE)
        offset = len(self.constants)
        padding = round_up(len(numbers), self.target.alignment) - len(numbers)
        self.constants += numbers + [0.0] * padding
        return Operand(Space.CONSTANTS, offset)

    def _sums(self, phase: Phase) -> PlannedPhase:
        instructions = []
        for value in sorted(phase.sums, key=lambda value: self.partials[value].offset):
            count = round_up(value.size, self.target.alignment)
            operands = (self.partials[value], self.places[value])
            instructions.append(Instruction("sum_partials", operands, {}, count, ()))
        return PlannedPhase(PhaseKind.RANGE, False, merged(tuple(instructions)))

    def _results(self) -> dict[str, int]:
        results: dict[str, int] = {}
        for name, value in self.program.outputs.items():
            if not value.batched:
                place = self.places[self.fusion.resolve(value)]
                if place.space is not Space.SHARED or value.size != 1:
                    raise ValueError(f"output {name} must be one computed number")
                results[name] = place.offset
        return results


def make_plan(
    program: Program,
    batch_size: int,
    offsets: Mapping[str, int],
    target: Target,
    storage: Storage | None = None,
    threads: int = 1,
) -> Plan:
    """Plan a program.

    Parameters
    ----------
    program : Program
        What to run.
    batch_size : int
        Most samples a step.
    offsets : mapping of str to int
        Where each parameter begins in its flat array, in floats.
    target : Target
        Of the engine that will run the plan.
    storage : Storage, optional
        Of batched values; by default blocks of samples.
    threads : int
        That are worth waking, for predictions of time; nothing else depends on it.

    Returns
    -------
    Plan
    """
    stored = storage or SampleBlocks(target)
    return Planner(program, batch_size, offsets, target, stored, threads).plan()
