"""Prediction: the forward pass over any number of samples, and few of them again and again."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernelet.executors.aligned import result_array
from kernelet.executors.base import Executor, Run
from kernelet.training import arrays
from kernelet.training.execution import Executors, Machine
from kernelet.training.programs import PREDICTION, input_shapes, prediction_program
from kernelet.training.progress import Pace

if TYPE_CHECKING:
    from kernelet.model import Model
    from kernelet.model.graph import Graph
    from kernelet.weights import Weights

Predictions = NDArray[np.float32]

# Each keeps an executor; calls of ever new sizes must not fill the memory.
_MOST_PREPARED = 8


def run_prediction(executor: Executor, samples: arrays.Samples) -> list[Predictions]:
    """Return the outputs of a prediction program for all samples, one array an output."""
    outputs = {
        name: result_array((len(samples), *value.shape))
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


class PreparedPrediction:
    """Prediction of arrays of a shape and type that was checked before, in one step.

    Parameters
    ----------
    executor : Executor
        Of a prediction program with one input.
    samples : int
        Rows of the arrays, no more than a step takes.
    """

    def __init__(self, executor: Executor, samples: int) -> None:
        self._step = executor.one_step(samples)

    def __call__(self, x: NDArray[Any]) -> Any:
        """Return the output of the network, or a list of them where there are several."""
        return _unpacked(self._step([x]))


class Predictor:
    """Predictions of one model.

    Checking arguments and arrays takes as long as a small network does. So calls that are like an
    earlier one find what is left to do prepared.

    Parameters
    ----------
    model : Model
        Its weights are read where they are.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._executors: Executors | None = None
        self._prepared: dict[Hashable, PreparedPrediction] = {}
        self._graph: Graph | None = None
        self._weights: Weights | None = None

    def prepared(self, x: Any, *machine: Any) -> PreparedPrediction | None:
        """Return the call that was prepared for arrays like this one, if there is.

        Parameters
        ----------
        x : array_like
        *machine
            Arguments of `Machine.checked`, all of them, as the user gave them.
        """
        if type(x) is not np.ndarray or not x.flags.c_contiguous:
            return None
        if not self._prepared or not self._current():
            return None
        try:
            return self._prepared.get(_likeness(x, machine))
        except TypeError:  # an argument that cannot be a key is a wrong one, as the checks will say
            return None

    def predict(self, x: Any, *machine: Any) -> Any:
        """Return the outputs of the network; arguments as for `prepared`."""
        prepared = self.prepared(x, *machine)
        if prepared is not None:
            return prepared(x)
        checked = Machine.checked(*machine)
        self._model.build_for(x)
        graph = self._model.graph
        given = arrays.in_order(x, graph.input_names)
        samples = arrays.Samples(arrays.inputs(given, input_shapes(graph), finite=False))
        sized = checked.at_most(len(samples))
        if self._executors is None:
            self._executors = Executors(self._model)
        executor = self._executors.get("prediction", lambda: prediction_program(graph), sized)
        outputs = run_prediction(executor, samples)
        if len(samples.arrays) == 1 and len(samples) == sized.batch_size:
            (array,) = samples.arrays.values()
            if array is given:
                self._prepare(executor, _likeness(array, machine), len(array))
        return _unpacked(outputs)

    def _prepare(self, executor: Executor, likeness: Hashable, samples: int) -> None:
        if not self._current() or len(self._prepared) == _MOST_PREPARED:
            self._prepared.clear()
            self._graph, self._weights = self._model.graph, self._model.weights
        self._prepared[likeness] = PreparedPrediction(executor, samples)

    def _current(self) -> bool:
        """Return whether the model is still the one that calls were prepared for."""
        model = self._model
        return model.graph is self._graph and model.weights is self._weights


def _likeness(x: NDArray[Any], machine: tuple[Any, ...]) -> Hashable:
    """Return what calls have in common that the same prepared call serves."""
    # True is not one: 1 == True, but no number of samples.
    return (x.shape, x.dtype, machine, tuple(map(type, machine)))


def _unpacked(outputs: list[Predictions]) -> Any:
    return outputs[0] if len(outputs) == 1 else outputs
