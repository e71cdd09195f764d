"""Grad-CAM: where the maps of a layer speak for a class."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.explain.class_scores import require_classes, require_target, score_direction, scores
from kernelet.explain.feature_maps import call_names
from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.explain.one_sample import one_sample
from kernelet.explain.probabilities import class_probabilities
from kernelet.explain.receptive_field import ReceptiveFields
from kernelet.layers.execution import run_forward
from kernelet.model.base import Model
from kernelet.model.graph import Graph
from kernelet.ops.activation import Activate
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.normalization import Normalize
from kernelet.plan.gradients import differentiate
from kernelet.program import ProgramBuilder, Value

# No layer can be called so.
_DIRECTION = "direction of the score"


class GradCam(msgspec.Struct, frozen=True, eq=False):
    """Where the maps of a layer speak for a class.

    Attributes
    ----------
    layer : str
        Name of the call whose maps are weighed.
    target : int
        Number of the class.
    weights : ndarray of float32, shape (maps,)
        Mean over each map of the gradient of the class's score before softmax.
    cells : ndarray of float32, shape (rows, columns)
        Sum of the maps times their weights; 0 where it is below.
    heat : ndarray of float32, shape (height, width)
        The cells laid over the picture, each where the middle of its receptive field is, with
        straight lines in between.
    """

    layer: str
    target: int
    weights: NDArray[np.float32]
    cells: NDArray[np.float32]
    heat: NDArray[np.float32]


def grad_cam(model: Model, x: Any, target: int | None = None, layer: str | None = None) -> GradCam:
    """Weigh the maps of a layer by how much each raises the score of a class.

    Parameters
    ----------
    model : Model
        With one picture as its input and one row of outputs.
    x : array_like, shape (height, width, channels), with or without a batch of one
    target : int, optional
        Number of the class. Default: the most probable one.
    layer : str, optional
        Name of a layer or call that returns maps. Default: the last convolution, with the
        normalisation and activation that follow it.

    Returns
    -------
    GradCam

    Raises
    ------
    UsageError
        If the network has no maps, or the class or layer does not exist.
    ShapeError
        If `x` does not fit the model.

    Notes
    -----
    Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based
    localization", 2017. The gradient comes from the same rules that training uses.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Dense, GlobalAveragePooling2D, Input
    >>> from kernelet.model import Sequential
    >>> layers = [Conv2D(4, 3, name="conv"), GlobalAveragePooling2D(), Dense(2, "softmax")]
    >>> model = Sequential([Input((8, 10, 3)), *layers])
    >>> found = grad_cam(model, np.ones((8, 10, 3)))
    >>> found.layer, found.cells.shape, found.heat.shape
    ('conv', (6, 8), (8, 10))
    """
    arrays = one_sample(model, x)
    classes = require_classes(model)
    fields = ReceptiveFields(model.graph)
    number = last_maps(model.graph) if layer is None else _find(model, layer)
    if target is None:
        target = int(class_probabilities(model, next(iter(arrays.values())))[0].argmax())
    require_target(target, classes)
    outputs = model.outputs[0].sample_shape[0]
    direction = score_direction(target, outputs)[np.newaxis]

    def lowering(build: ProgramBuilder, values: list[Value]) -> list[Value]:
        inputs = dict(zip((*arrays, _DIRECTION), values, strict=True))
        seed = inputs.pop(_DIRECTION)
        calls = model.graph.lower_calls(build, inputs, training=False)
        score = scores(build, calls[model.graph.outputs[0]])
        return [calls[number], *differentiate(build, score, seed, [calls[number]])]

    maps, gradient = run_forward(lowering, {**arrays, _DIRECTION: direction}, model.weights)
    weights = gradient[0].mean(axis=(0, 1))
    cells = np.maximum(maps[0] @ weights, 0)
    names = call_names(model.graph)
    return GradCam(names[number], target, weights, cells, spread(cells, fields, number))


def spread(cells: NDArray[np.float32], fields: ReceptiveFields, number: int) -> NDArray[np.float32]:
    """Lay the cells of a map over the picture.

    Parameters
    ----------
    cells : ndarray of float32, shape (rows, columns)
    fields : ReceptiveFields
    number : int
        Of the call that makes the map.

    Returns
    -------
    ndarray of float32, shape (height, width)
    """
    height, width = fields.input_shape[:2]
    down = np.array(
        [np.interp(np.arange(height), fields.centres(number, 0), column) for column in cells.T]
    ).T
    across = [np.interp(np.arange(width), fields.centres(number, 1), row) for row in down]
    return np.array(across, np.float32)


def last_maps(graph: Graph) -> int:
    """Return the number of the call that ends the last convolution of pictures.

    Normalisation and activation layers that alone read it belong to it.

    Raises
    ------
    UsageError
        If there is none.
    """
    lowered = [lower_call(graph, number) for number in range(len(graph.calls))]
    found = [
        number
        for number, call in enumerate(lowered)
        if len(call.output.shape) == 3 and _convolves(call)
    ]
    if not found:
        raise UsageError("the network has no convolution of pictures, so it has no maps to weigh.")
    number = found[-1]
    while True:
        readers = [k for k, call in enumerate(graph.calls) if number in call.inputs]
        if len(readers) != 1 or not _goes_on(lowered[readers[0]]):
            return number
        (number,) = readers


def _convolves(call: LoweredCall) -> bool:
    return any(isinstance(node.op, Convolution | ConvolutionInputGradient) for node in call.nodes)


def _goes_on(call: LoweredCall) -> bool:
    """Return whether a call normalises or activates and nothing else."""
    return bool(call.nodes) and all(isinstance(n.op, Normalize | Activate) for n in call.nodes)


def _find(model: Model, layer: str) -> int:
    names = call_names(model.graph)
    if layer not in names:
        model.get_layer(layer.split(":")[0])
        raise UsageError(f"{layer!r} is not called that often.")
    number = names.index(layer)
    if len(model.graph.calls[number].shape) != 3:
        raise UsageError(f"{layer!r} returns {model.graph.calls[number].shape}, not maps.")
    return number
