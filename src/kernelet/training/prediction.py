"""Prediction: the forward pass over any number of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernelet.executors.base import Executor, Run
from kernelet.training import arrays
from kernelet.training.execution import Executors, Machine
from kernelet.training.programs import PREDICTION, input_shapes, prediction_program
from kernelet.training.progress import Pace

if TYPE_CHECKING:
    from kernelet.model import Model

Predictions = NDArray[np.float32]


def run_prediction(executor: Executor, samples: arrays.Samples) -> list[Predictions]:
    """Return the outputs of a prediction program for all samples, one array an output."""
    outputs = {
        name: np.empty((len(samples), *value.shape), np.float32)
        for name, value in executor.program.outputs.items()
    }
    order = np.arange(len(samples), dtype=np.int64)
    pace = Pace()
    begin = 0
    while begin < len(samples):
        left = -(-(len(samples) - begin) // executor.batch_size)
        steps = pace.steps(left)
        part = order[begin : begin + steps * executor.batch_size]
        executor.run(Run(samples.arrays, part, outputs, position=begin))
        pace.done(steps)
        begin += len(part)
    return [outputs[f"{PREDICTION}{k}"] for k in range(len(outputs))]


def predict(model: Model, x: Any, machine: Machine, executors: Executors) -> Any:
    """Return the outputs of a network; see `kernelet.Model.predict`."""
    graph = model.graph
    given = arrays.in_order(x, graph.input_names)
    samples = arrays.Samples(arrays.inputs(given, input_shapes(graph), finite=False))
    executor = executors.get(
        "prediction",
        lambda: prediction_program(graph),
        machine.at_most(len(samples)),
    )
    outputs = run_prediction(executor, samples)
    return outputs[0] if len(outputs) == 1 else outputs
