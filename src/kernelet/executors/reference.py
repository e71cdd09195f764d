"""The reference executor: every operation by its float64 definition, one step after another."""

from __future__ import annotations

import numpy as np

from kernelet.executors.base import Executor, Results, Run, State
from kernelet.ops.reduction import RequireFinite
from kernelet.program import Array, Program, StepContext, Value


def evaluate(
    program: Program, known: dict[Value, Array], context: StepContext
) -> dict[Value, Array]:
    """Compute every value of a program in float64.

    Parameters
    ----------
    program : Program
        What to compute.
    known : dict of Value to ndarray
        Inputs (batch first) and parameters.
    context : StepContext
        Keys of the random numbers, learning rate and step.

    Returns
    -------
    dict of Value to ndarray
        The known values and all others.
    """
    values = dict(known)
    for node in program.nodes:
        results = node.op.reference(context, *(values[value] for value in node.inputs))
        values.update(zip(node.outputs, results, strict=True))
    return values


class ReferenceExecutor(Executor):
    """Defines what a program means; slow, and exact to float64 where the state is float64.

    Parameters
    ----------
    program : Program
        What to run.
    batch_size : int
        Samples a step.
    state : State
        Parameters, updated in place in their own precision.
    """

    def __init__(self, program: Program, batch_size: int, state: State) -> None:
        self.program = program
        self.batch_size = batch_size
        self.state = state

    def run(self, run: Run) -> Results:
        reported: dict[str, list[float]] = {
            name: [] for name, value in self.program.outputs.items() if not value.batched
        }
        done = 0
        while done < self.steps(run):
            values = self._values(run, done)
            for name, numbers in reported.items():
                numbers.append(float(values[self.program.outputs[name]]))
            if not self._may_go_on(values):
                break
            self._update(values)
            for name, rows in run.outputs.items():
                begin = run.position + done * self.batch_size
                result = values[self.program.outputs[name]]
                rows[begin : begin + len(result)] = result.reshape(len(result), *rows.shape[1:])
            done += 1
        with np.errstate(over="ignore"):
            collected = {name: np.array(numbers, np.float32) for name, numbers in reported.items()}
        return Results(done, collected)

    def _values(self, run: Run, step: int) -> dict[Value, Array]:
        samples = run.order[step * self.batch_size : (step + 1) * self.batch_size]
        rate = 0.0 if run.learning_rates is None else float(run.learning_rates[step])
        context = StepContext(samples, run.seed, run.epoch, run.first_step + step + 1, rate)
        known: dict[Value, Array] = {}
        for name, value in self.program.inputs.items():
            rows = run.inputs[name][samples].astype(np.float64)
            known[value] = rows.reshape(len(samples), *value.shape)
        for parameter in self.program.parameters:
            known[parameter.value] = self.state.view(parameter).astype(np.float64)
        return evaluate(self.program, known, context)

    def _may_go_on(self, values: dict[Value, Array]) -> bool:
        """Return whether all numbers that must be finite are, in the precision of the state."""
        precision = self.state.parameters.dtype
        required = [n.output for n in self.program.nodes if isinstance(n.op, RequireFinite)]
        with np.errstate(over="ignore"):
            return all(bool(np.isfinite(values[v].astype(precision))) for v in required)

    def _update(self, values: dict[Value, Array]) -> None:
        self.state.changed()
        for parameter in self.program.parameters:
            if parameter.value in self.program.updates:
                new = values[self.program.updates[parameter.value]]
                self.state.view(parameter)[...] = new
        self.state.changed()

    def memory(self) -> int:
        values = {value for node in self.program.nodes for value in node.outputs}
        return sum(8 * v.size * (self.batch_size if v.batched else 1) for v in values)
