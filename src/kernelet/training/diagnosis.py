"""Why a loss or its gradients are not finite: the first layer to blame, and the samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from kernelet.errors import TrainingError
from kernelet.executors.base import Executor, Results, Run
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.program import Program, ProgramBuilder, Value
from kernelet.training.arrays import rows_not_finite
from kernelet.training.programs import LABELS, LOSS, NORM, WEIGHT, forward

if TYPE_CHECKING:
    from kernelet.model import Model
    from kernelet.training.progress import Position

MakeExecutor = Callable[[Program, int], Executor]


def _layers_program(model: Model) -> Program:
    """Return the forward pass of training with the output of every layer, and no update.

    Layers that the engine does while it packs an input have no output of their own.
    """
    build = ProgramBuilder()
    forward(build, model.graph, training=True)
    last: dict[str, Value] = {}
    for node in build.nodes:
        if node.output.batched and not isinstance(node.op, RandomFlip | RandomShift | Rescale):
            last[node.layer] = node.output
    build.outputs.update(last)
    build.updates.clear()
    return build.finish()


def _first_layer_not_finite(
    model: Model, make: MakeExecutor, batch: Run
) -> tuple[str, list[int], float] | None:
    """Return a layer, the positions in the batch and the largest magnitude of what it read."""
    program = _layers_program(model)
    rows = len(batch.order)
    outputs = {
        name: np.empty((rows, *value.shape), np.float32) for name, value in program.outputs.items()
    }
    inputs = {name: values for name, values in batch.inputs.items() if name not in (LABELS, WEIGHT)}
    run = Run(inputs, batch.order, outputs, seed=batch.seed, epoch=batch.epoch)
    make(program, rows).run(run)
    largest = max(float(np.abs(inputs[name][batch.order]).max()) for name in program.inputs)
    for name, values in outputs.items():
        bad = rows_not_finite(values)
        if bad:
            return name, bad, largest
        largest = float(np.abs(values).max())
    return None


def _weights_not_finite(model: Model) -> str | None:
    for name in model.weight_names:
        if not np.isfinite(model.weights[name]).all():
            return name
    return None


def _cause(model: Model, make: MakeExecutor, batch: Run) -> tuple[str, tuple[int, ...]]:
    """Return what is to blame, and the rows of the samples concerned."""
    weight = _weights_not_finite(model)
    if weight is not None:
        return (
            f"The weights {weight} hold NaN or infinite numbers.\n"
            "  Load or set weights that do not, or begin with a new model."
        ), ()
    found = _first_layer_not_finite(model, make, batch)
    if found is None:
        rows = tuple(batch.order.tolist())
        return (
            "The outputs of all layers are finite; what follows from them overflows. Samples of "
            f"the batch (rows of x): {_listed(rows)}."
        ), rows
    layer, positions, largest = found
    rows = tuple(int(batch.order[position]) for position in positions)
    return (
        f"The first layer with an output that is not finite is {layer!r}; what it read reaches "
        f"{largest:.3g}. Samples (rows of x): {_listed(rows)}."
    ), rows


def _listed(rows: tuple[int, ...], most: int = 5) -> str:
    return ", ".join(map(str, rows[:most])) + (", …" if len(rows) > most else "")


def explain_divergence(
    model: Model,
    make: MakeExecutor,
    batch_size: int,
    run: Run,
    results: Results,
    position: Position,
) -> TrainingError:
    """Return the error for a step whose loss is not finite.

    Parameters
    ----------
    model : Model
        With the weights that the step started from.
    make : callable
        Makes an executor for a program and a batch size, on the weights of the model.
    batch_size : int
        Samples a step.
    run : Run
        What it was asked to do.
    results : Results
        What it reported; the step that failed comes after those done.
    position : Position
        After the steps that were done.
    """
    begin = results.steps * batch_size
    batch = Run(run.inputs, run.order[begin : begin + batch_size], seed=run.seed, epoch=run.epoch)
    numbers = {name: float(values[results.steps]) for name, values in results.values.items()}
    name = LOSS if not math.isfinite(numbers[LOSS]) else NORM
    rates = run.learning_rates
    rate = 0.0 if rates is None else float(rates[results.steps])
    place = f"epoch {position.epoch + 1}, batch {position.step + 1}"
    cause, rows = _cause(model, make, batch)
    return TrainingError(
        f"the {name} became {numbers[name]} at step {position.iterations + 1} ({place}); the "
        "weights are those before that step.\n"
        f"  {cause}\n"
        f"  Try a learning rate below {rate:g}, for example {rate / 10:.1g}, or clip the gradients "
        "(global_clipnorm=1.0 in the optimizer), or look at those samples.",
        rows,
    )
