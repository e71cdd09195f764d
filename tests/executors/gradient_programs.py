"""Programs that compute gradients, run by the engine and by definition."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kernelet.executors.base import Run, State
from kernelet.executors.native import NativeExecutor
from kernelet.executors.reference import evaluate
from kernelet.plan.planner import Plan
from kernelet.plan.step import Step
from kernelet.program import Array, Program, StepContext, Value
from ops.execution import Numbers
from ops.test_bfloat16 import everywhere


def draws(program: Program, samples: int, *, whole: bool) -> dict[str, Numbers]:
    generator = np.random.default_rng(8)
    x0 = program.inputs["x0"].shape
    drawn = {}
    for name, shape in (("x", program.inputs["x"].shape), ("x0", x0)):
        numbers = generator.integers(-2, 3, (samples, *shape)).astype(np.float32)
        drawn[name] = numbers if whole else numbers + generator.standard_normal(numbers.shape)
    weight = np.full((samples, 1), samples * int(np.prod(x0)) / 2)
    return {**drawn, "weight0": weight, "zero0": np.zeros((samples, *x0))}


def run(
    program: Program,
    inputs: Mapping[str, Numbers],
    state: State,
    isa: str,
    threads: int = 1,
    *,
    spread: bool = False,
) -> tuple[dict[str, Numbers], Plan]:
    """Return the outputs and statistics of a program in bfloat16, and its plan.

    Threads share each block where it is `spread`, and take blocks of their own otherwise.
    """
    samples = len(inputs["x"])
    outputs = {
        name: np.full((samples, *value.shape), np.nan, np.float32)
        for name, value in program.outputs.items()
    }
    storage = everywhere(isa, spread=spread)
    executor = NativeExecutor(program, samples, state, isa=isa, threads=threads, storage=storage)
    rows = {name: np.asarray(x, np.float32).reshape(samples, -1) for name, x in inputs.items()}
    rates = np.zeros(1, np.float32)
    executor.run(Run(rows, np.arange(samples), outputs=outputs, learning_rates=rates))
    results = {
        parameter.name: state.view(parameter).copy()
        for parameter in program.parameters
        if parameter.role == "statistic"
    }
    return results | outputs, executor.plan


def defined(program: Program, inputs: Mapping[str, Numbers], state: State) -> dict[Value, Array]:
    """Return every value of a program in float64."""
    known: dict[Value, Array] = {
        value: np.asarray(inputs[name], np.float64).reshape(-1, *value.shape)
        for name, value in program.inputs.items()
    }
    known |= {p.value: state.view(p).astype(np.float64) for p in program.parameters}
    return evaluate(program, known, StepContext(np.arange(len(inputs["x"]))))


def results_of(program: Program, values: Mapping[Value, Array]) -> dict[str, Array]:
    """Return those values that a program returns, as `run` names them."""
    updates = {p.name: p.value for p in program.parameters if p.role == "statistic"}
    results = {name: values[program.updates[value]] for name, value in updates.items()}
    return results | {name: values[value] for name, value in program.outputs.items()}


def steps_of(plan: Plan) -> list[Step]:
    """Return the steps of a plan."""
    return [step for phase in plan.phases for one in phase.instructions for step in one.steps]
