"""The native executor: plans a program and runs it in the C++ engine."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet import _engine
from kernelet.executors.aligned import result_array
from kernelet.executors.base import Executor, OneStep, Results, Run, State
from kernelet.executors.native_processor import BFLOAT16_INSTRUCTIONS
from kernelet.executors.timing import Timing
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import Arguments, Target
from kernelet.plan.instruction import Instruction
from kernelet.plan.planner import Plan, make_plan
from kernelet.plan.storage import Storage, arrange
from kernelet.program import Program

TARGET = Target(
    lanes=_engine.LANES, alignment=_engine.ALIGNMENT, pieces=MappingProxyType(_engine.piece_sizes())
)


def _engine_arguments(arguments: Arguments) -> dict[str, object]:
    """Return arguments with names of activations replaced by the engine's numbers."""
    return {
        name: _engine.activation_names().index(value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _operand_size(kernel: str, arguments: Arguments) -> int:
    return _engine.bfloat16_operand_size(kernel, _engine_arguments(arguments))


def bfloat16(precision: str, isa: str) -> Bfloat16 | None:
    """Return how an instruction set multiplies in bfloat16, where a precision lets it.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        "auto" takes bfloat16 where there are instructions for it.
    isa : str
    """
    instructions = isa in BFLOAT16_INSTRUCTIONS
    if precision == "float32" or (precision == "auto" and not instructions):
        return None
    return Bfloat16(isa.startswith("amx"), instructions, _operand_size)


def _add(engine: _engine.Plan, instruction: Instruction) -> None:
    operands = [(_engine.Space[o.space.name], o.offset) for o in instruction.operands]
    engine.add_instruction(
        instruction.kernel,
        operands,
        _engine_arguments(instruction.arguments),
        instruction.count,
        instruction.slices,
    )


def engine_plan(plan: Plan, isa: str) -> _engine.Plan:
    """Return a plan as the engine runs it."""
    engine = _engine.Plan(isa)
    for phase in plan.phases:
        engine.add_phase(_engine.PhaseKind[phase.kind.name], phase.once)
        for instruction in phase.instructions:
            _add(engine, instruction)
    engine.finish(
        scratch=plan.scratch,
        batch=plan.batch,
        shared=plan.shared,
        partial=plan.partial,
        batch_size=plan.batch_size,
        block_size=plan.block,
        groups=plan.groups,
        constants=list(plan.constants),
        results=list(plan.results.values()),
        once_reads=list(plan.once_reads),
    )
    return engine


def planned(
    program: Program,
    batch_size: int,
    offsets: Mapping[str, int],
    threads: int | None = None,
    precision: str = "float32",
) -> Plan:
    """Return the plan that `NativeExecutor` will run, without making an executor.

    Parameters
    ----------
    program, batch_size, threads, precision
        As for `NativeExecutor`.
    offsets : mapping of str to int
        Where each parameter begins.
    """
    pairs = bfloat16(precision, _engine.resolve_isa(None))
    return _plan(program, batch_size, tuple(offsets.items()), _workers(threads), pairs)


# A training is planned to tell of its memory, to be measured, and to be run; the parts of a report
# between make a dozen plans more.
@functools.lru_cache(maxsize=32)
def _plan(
    program: Program,
    batch_size: int,
    offsets: tuple[tuple[str, int], ...],
    threads: int,
    pairs: Bfloat16 | None,
) -> Plan:
    arranged = arrange(program, batch_size, threads, TARGET, pairs)
    return make_plan(program, batch_size, dict(offsets), TARGET, arranged.storage, arranged.threads)


def planned_memory(
    program: Program,
    batch_size: int,
    offsets: Mapping[str, int],
    threads: int | None = None,
    precision: str = "float32",
) -> int:
    """Return what `NativeExecutor.memory` will say; arguments as for `planned`."""
    plan = planned(program, batch_size, offsets, threads, precision)
    return plan.memory(plan.threads, TARGET)


def _workers(threads: int | None) -> int:
    """Return how many threads there may be."""
    if threads is None:
        return _engine.usable_threads()
    _engine.check_threads(threads)
    return threads


class NativeExecutor(Executor):
    """Runs a program with the kernels of one instruction set.

    Parameters
    ----------
    program : Program
        What to run.
    batch_size : int
        Samples a step.
    state : State
        Flat float32 arrays, updated in place; every parameter begins at a multiple of
        ``_engine.ALIGNMENT`` floats and the arrays end at one.
    isa : str, optional
        Instruction set; by default what KERNELET_ISA names or the best the processor has.
    threads : int, optional
        By default as many as the process may use.
    storage : Storage, optional
        Of batched values; by default the one that is predicted to be the fastest.
    precision : {"auto", "float32", "bfloat16"}
        Of what convolutions and dense layers multiply; sums are float32. Of no effect where a
        storage is given.

    Raises
    ------
    ConfigurationError
        If the instruction set is unknown or the processor lacks it.
    """

    def __init__(
        self,
        program: Program,
        batch_size: int,
        state: State,
        *,
        isa: str | None = None,
        threads: int | None = None,
        storage: Storage | None = None,
        precision: str = "float32",
    ) -> None:
        self.program = program
        self.batch_size = batch_size
        self.state = state
        workers = _workers(threads)
        self.isa = _engine.resolve_isa(isa)
        if storage is None:
            offsets = tuple(state.offsets.items())
            pairs = bfloat16(precision, self.isa)
            self.plan = _plan(program, batch_size, offsets, workers, pairs)
        else:
            self.plan = make_plan(program, batch_size, state.offsets, TARGET, storage, workers)
        self.threads = self.plan.threads
        self._engine = engine_plan(self.plan, self.isa)
        self._seen_version: int | None = None
        self._batched = [name for name, value in program.outputs.items() if value.batched]

    def run(self, run: Run) -> Results:
        return self._run(run, None)

    def timed(self, run: Run) -> Timing:
        """Run, and return how long each instruction took and each thread waited.

        Reading the clock after every instruction takes some 30 ns each.
        """
        times = np.zeros((self.threads, self._engine.time_count), np.int64)
        began = time.perf_counter()
        results = self._run(run, times)
        elapsed = time.perf_counter() - began
        seconds = times.astype(np.float64) / 1e9
        instructions = sum(len(phase.instructions) for phase in self.plan.phases)
        return Timing(
            steps=results.steps,
            elapsed=elapsed,
            instructions=seconds[:, :instructions],
            waiting=seconds[:, instructions:],
        )

    def _run(self, run: Run, times: NDArray[np.int64] | None) -> Results:
        steps = self.steps(run)
        rates = run.learning_rates
        version = self.state.version()
        # Before the run as well, lest an interrupt between it and what follows hides a change.
        self._note_updates()
        results = np.zeros((steps, len(self.plan.results)), np.float32)
        done = self._engine.run(
            parameters=self.state.parameters,
            slots=self.state.slots,
            inputs=[np.ascontiguousarray(run.inputs[name]) for name in self.program.inputs],
            outputs=[run.outputs[name] for name in self._batched],
            order=np.ascontiguousarray(run.order, np.int64),
            learning_rates=np.zeros(steps, np.float32) if rates is None else rates,
            results=results,
            first_step=run.first_step,
            position=run.position,
            seed=run.seed,
            epoch=run.epoch,
            threads=self.threads,
            times=times,
            parameters_unchanged=version is not None and version == self._seen_version,
        )
        self._seen_version = version
        self._note_updates()
        columns = {name: results[:, k] for k, name in enumerate(self.plan.results)}
        return Results(done, columns)

    def one_step(self, samples: int) -> OneStep:
        if self.program.updates or self.plan.results:
            return super().one_step(samples)
        # What all calls have in common takes three microseconds, a fifth of a small network.
        order = np.arange(samples, dtype=np.int64)
        rates, results = np.zeros(1, np.float32), np.zeros((1, 0), np.float32)
        shapes = list(self._output_shapes(samples).values())
        state, engine, threads = self.state, self._engine, self.threads
        keys = (0, 0, 0, 0)

        def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
            version = state.version()
            outputs = [result_array(shape) for shape in shapes]
            unchanged = version is not None and version == self._seen_version
            read = (state.parameters, state.slots, arrays)
            engine.run(*read, outputs, order, rates, results, *keys, threads, None, unchanged)
            self._seen_version = version
            return outputs

        return run

    def _note_updates(self) -> None:
        if self.program.updates:
            self.state.changed()

    def memory(self) -> int:
        return self._engine.memory(self.threads)
