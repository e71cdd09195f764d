"""What is timed: an executor with weights of its own, and rounds of steps on some samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from kernelet.executors.base import Run
from kernelet.executors.native import NativeExecutor
from kernelet.training.arrays import Samples
from kernelet.training.execution import Machine
from kernelet.training.programs import input_shapes, prediction_program
from kernelet.weights import Weights

if TYPE_CHECKING:
    from kernelet.model import Model

# Long against a barrier and against waking threads.
_ROUND_SECONDS = 0.06
# Different samples, so that reading them is part of what is timed.
_BATCHES = 8
_MOST_SAMPLE_BYTES = 64 << 20


def measured_executor(model: Model, settings: Machine, *, training: bool) -> NativeExecutor:
    """Return an executor of training steps or predictions that leaves the model as it is."""
    program = model.trainer.training_program() if training else prediction_program(model.graph)
    weights = Weights(p for p in program.parameters if p.role != "slot")
    for name in weights:
        weights[name][...] = model.weights[name]
    slots = Weights(p for p in program.parameters if p.role == "slot")
    return NativeExecutor(
        program,
        settings.batch_size,
        weights.state(slots),
        threads=settings.threads,
        precision=settings.precision,
    )


def usual_precision(*, training: bool) -> str:
    """Return the precision that `kernelet.Model.fit`, or `predict`, takes by default."""
    return "auto" if training else "float32"


def sample_count(model: Model, batch_size: int) -> int:
    """Return how many samples to take: whole batches, of no more than a few megabytes."""
    floats = sum(math.prod(shape) for shape in input_shapes(model.graph))
    most = _MOST_SAMPLE_BYTES // (4 * max(1, floats) * batch_size)
    return batch_size * max(1, min(_BATCHES, most))


def steps_a_round(seconds: float) -> int:
    """Return how many steps of some seconds make a round."""
    return max(1, round(_ROUND_SECONDS / max(seconds, 1e-6)))


def some_steps(executor: NativeExecutor, samples: Samples, steps: int) -> Run:
    """Return a run over samples, again and again."""
    rows = np.arange(steps * executor.batch_size, dtype=np.int64) % len(samples)
    outputs = {
        name: np.empty((len(rows), *value.shape), np.float32)
        for name, value in executor.program.outputs.items()
        if value.batched
    }
    # A rate of zero leaves the weights where they are, however many steps are timed.
    return Run(samples.arrays, rows, outputs, np.zeros(steps, np.float32))
