"""Running one operation by its reference and by the kernels of an instruction set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet import _engine
from kernelet.executors.base import Run, State
from kernelet.executors.native import TARGET, NativeExecutor
from kernelet.executors.reference import evaluate
from kernelet.ops.losses import SquaredErrorGradient
from kernelet.ops.normalization import MovingAverage
from kernelet.ops.reduction import SampleShare
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.gradients import differentiate
from kernelet.plan.single import SingleSamples
from kernelet.plan.storage import SampleBlocks, Storage, sums_over_batch
from kernelet.program import Array, Op, Program, ProgramBuilder, StepContext, Value
from levels import LEVELS as LEVELS

Numbers = NDArray[np.floating[Any]]


# A copy that may be an update: the moving average that keeps nothing of what was there.
COPY = MovingAverage(0.0)


@dataclass(frozen=True)
class Shared:
    """An operand that all samples share; any other has the batch as its first axis."""

    numbers: Numbers


@dataclass(frozen=True)
class Gradient:
    """An operand with zeros in the lanes past the batch, as gradients have and inputs have not."""

    numbers: Numbers


Operand = Numbers | Shared | Gradient


class StoppedError(Exception):
    """A kernel ended the run before its step was done."""


@dataclass(frozen=True)
class Step:
    """What kernels and references may know of their step."""

    number: int = 1
    learning_rate: float = 0.0
    seed: int = 0
    epoch: int = 0


def array_of(operand: Operand) -> Numbers:
    """Return the numbers of an operand."""
    return operand.numbers if isinstance(operand, Shared | Gradient) else operand


def _samples(operands: Sequence[Operand]) -> int:
    batches = {len(array_of(x)) for x in operands if not isinstance(x, Shared)}
    assert len(batches) <= 1
    return batches.pop() if batches else 1


def expected(op: Op, *operands: Operand, step: Step | None = None) -> tuple[Numbers, ...]:
    """Compute an operation by its float64 reference."""
    step = step or Step()
    samples = np.arange(_samples(operands))
    context = StepContext(samples, step.seed, step.epoch, step.number, step.learning_rate)
    return op.reference(context, *(np.asarray(array_of(x), np.float64) for x in operands))


def declare(build: ProgramBuilder, index: int, operand: Operand) -> Value:
    """Declare what an operand comes from: a parameter, an input, or a gradient of the input."""
    if isinstance(operand, Shared):
        return build.parameter(f"x{index}", operand.numbers.shape, "statistic", trainable=False)
    shape = array_of(operand).shape[1:]
    value = build.input(f"x{index}", shape)
    if not isinstance(operand, Gradient):
        return value
    # Lanes past the batch repeat a sample in an input, but are zero in the gradient of a loss,
    # which `_inputs` weights to be the numbers themselves.
    share = build.add(SampleShare(), build.input(f"weight{index}", ()))
    return build.add(SquaredErrorGradient(), share, value, build.input(f"zero{index}", shape))


def _inputs(operands: Sequence[Operand]) -> dict[str, Numbers]:
    samples = _samples(operands)
    # The engine learns from an input how many samples a step has.
    inputs: dict[str, Numbers] = {"batch": np.zeros((samples, 1), np.float32)}
    for k, operand in enumerate(operands):
        if isinstance(operand, Shared):
            continue
        array = np.asarray(array_of(operand), np.float32).reshape(samples, -1)
        inputs[f"x{k}"] = array
        if isinstance(operand, Gradient):
            inputs[f"weight{k}"] = np.full((samples, 1), samples * array.shape[1] / 2, np.float32)
            inputs[f"zero{k}"] = np.zeros_like(array)
    return inputs


def _program(op: Op, operands: Sequence[Operand]) -> Program:
    build = ProgramBuilder()
    build.input("batch", ())
    build.add(op, *(declare(build, k, operand) for k, operand in enumerate(operands)))
    for k, value in enumerate(build.nodes[-1].outputs):
        if value.batched:
            build.outputs[f"y{k}"] = value
        else:
            target = build.parameter(f"y{k}", value.shape, "statistic", trainable=False)
            build.updates[target] = build.add(COPY, target, value)
    return build.finish()


def _state(program: Program, operands: Sequence[Operand]) -> State:
    offsets: dict[str, int] = {}
    size = 0
    for parameter in program.parameters:
        offsets[parameter.name] = size
        size += -(-parameter.value.size // _engine.ALIGNMENT) * _engine.ALIGNMENT
    state = State(np.zeros(size, np.float32), np.zeros(0, np.float32), offsets)
    for parameter in program.parameters:
        if parameter.name.startswith("x"):
            operand = operands[int(parameter.name[1:])]
            assert isinstance(operand, Shared)
            state.view(parameter)[...] = operand.numbers
    return state


def storages(op: Op, *operands: Operand) -> list[Storage]:
    """Return every way in which the engine can store the operands of an operation."""
    program = _program(op, operands)
    alone = not sums_over_batch(program)
    return [
        storage
        for spread in (False, True)
        for storage in (
            SampleBlocks(TARGET, spread=spread, alone=alone),
            SingleSamples(program, TARGET.lanes, spread=spread),
        )
    ]


def single_samples(op: Op, *operands: Operand, way: Bfloat16, spread: bool = False) -> Storage:
    """Return the storage of the operands one by one that multiplies in bfloat16."""
    return SingleSamples(_program(op, operands), TARGET.lanes, spread=spread, bfloat16=way)


def native(
    op: Op,
    *operands: Operand,
    isa: str,
    step: Step | None = None,
    threads: int = 1,
    storage: Storage | None = None,
) -> tuple[Numbers, ...]:
    """Compute an operation by the kernels of an instruction set."""
    step = step or Step()
    samples = _samples(operands)
    program = _program(op, operands)
    state = _state(program, operands)
    outputs = {
        name: np.full((samples, *value.shape), np.nan, np.float32)
        for name, value in program.outputs.items()
    }
    run = Run(
        _inputs(operands),
        np.arange(samples),
        outputs=outputs,
        learning_rates=np.array([step.learning_rate], np.float32),
        first_step=step.number - 1,
        seed=step.seed,
        epoch=step.epoch,
    )
    executor = NativeExecutor(
        program, samples, state, isa=isa, threads=threads, storage=storage or SampleBlocks(TARGET)
    )
    if executor.run(run).steps < 1:
        raise StoppedError
    results = {p.name: state.view(p).copy() for p in program.parameters} | outputs
    count = sum(name.startswith("y") for name in results)
    return tuple(results[f"y{k}"] for k in range(count))


def assert_equal(op: Op, *operands: Operand, isa: str, step: Step | None = None) -> None:
    """Check that kernels and reference agree to the last bit, on whole numbers."""
    wanted = expected(op, *operands, step=step)
    for storage in storages(op, *operands):
        got = native(op, *operands, isa=isa, step=step, storage=storage)
        for have, want in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(have, want)


def assert_close(
    op: Op, *operands: Operand, isa: str, step: Step | None = None, tolerance: float = 1e-5
) -> None:
    """Check that kernels are within a relative error of the reference, as vectors."""
    wanted = expected(op, *operands, step=step)
    for storage in storages(op, *operands):
        got = native(op, *operands, isa=isa, step=step, storage=storage)
        for have, want in zip(got, wanted, strict=True):
            assert have.shape == want.shape
            np.testing.assert_array_equal(np.isnan(have), np.isnan(want))
            error = np.linalg.norm(np.nan_to_num(have - want))
            assert error <= tolerance * np.linalg.norm(np.nan_to_num(want)), f"{op}: {error}"


def gradients(
    op: Op, *operands: Operand, wanted: Sequence[int], upstream: Numbers
) -> list[Numbers]:
    """Compute, in float64, what the gradient rule of an operation makes of an upstream gradient."""
    build = ProgramBuilder()
    values = [declare(build, k, operand) for k, operand in enumerate(operands)]
    output = build.add(op, *values)
    seed = build.input("upstream", output.shape)
    results = differentiate(build, output, seed, [values[k] for k in wanted])
    build.outputs.update({f"gradient{k}": result for k, result in enumerate(results)})
    arrays = [*(array_of(x) for x in operands), upstream]
    known: dict[Value, Array] = {
        value: array.astype(np.float64)
        for value, array in zip([*values, seed], arrays, strict=True)
    }
    computed = evaluate(build.finish(), known, StepContext(np.arange(_samples(operands))))
    return [computed[result] for result in results]


def moved(operand: Operand, direction: Numbers) -> Operand:
    """Return an operand with something added to it, in float64."""
    numbers = np.asarray(array_of(operand), np.float64) + direction
    return Shared(numbers) if isinstance(operand, Shared) else numbers


def assert_gradients(op: Op, *operands: Operand, wanted: Sequence[int]) -> None:
    """Check the gradient rule of an operation by central differences of its reference."""
    generator = np.random.default_rng(11)
    upstream = generator.standard_normal(expected(op, *operands)[0].shape)
    results = gradients(op, *operands, wanted=wanted, upstream=upstream)
    for k, gradient in zip(wanted, results, strict=True):
        for _ in range(3):
            direction = generator.standard_normal(gradient.shape)
            ends = []
            for distance in (1e-6, -1e-6):
                changed = [
                    *operands[:k],
                    moved(operands[k], distance * direction),
                    *operands[k + 1 :],
                ]
                ends.append((expected(op, *changed)[0] * upstream).sum())
            slope = (ends[0] - ends[1]) / 2e-6
            np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-5)
