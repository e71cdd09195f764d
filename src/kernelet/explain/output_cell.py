"""One output cell: the numbers behind one number of a feature map."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.executors.reference import evaluate
from kernelet.explain.cell_stages import Applied, FloatArray, OutputCell, Pooled, Stage, WeightedSum
from kernelet.explain.feature_maps import call_names, feature_maps
from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.explain.one_sample import one_sample
from kernelet.geometry import SlidingWindow, Window
from kernelet.layers.input import InputLayer
from kernelet.model.base import Model
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.normalization import Normalize
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Concatenate, Reshape
from kernelet.ops.softmax import Softmax
from kernelet.program import Node, Program, StepContext, Value

Position = tuple[int, ...]


def output_cell(model: Model, x: Any, layer: str, position: int | Sequence[int]) -> OutputCell:
    r"""Show how a layer computes one number of its output.

    Parameters
    ----------
    model : Model
    x : array_like, shape of the model's input, with or without a batch of one
        As for ``model.predict``.
    layer : str
        Name of a layer, or of a call of it as in `kernelet.explain.feature_maps`.
    position : int or sequence of int
        Index of the number: ``(row, column, map)`` of a picture's maps, or of a dense layer its
        number.

    Returns
    -------
    OutputCell
        Window, products, sum, bias and activation as data; `to_text` shows them. What the layer
        reads is taken from the engine (float32); the rest is computed in float64.

    Raises
    ------
    UsageError
        If there is no such layer or number, or `x` is not one sample.
    ShapeError
        If `x` does not fit the model.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((3, 3, 1)), Conv2D(1, 2, activation="relu", name="conv")])
    >>> model.set_weights([np.reshape([1, 2, 3, 4], (2, 2, 1, 1)), [-7]])
    >>> picture = np.arange(9).reshape(3, 3, 1)
    >>> cell = output_cell(model, picture, "conv", (0, 1, 0))
    >>> print(cell.to_text())
    conv (Conv2D) [0, 1, 0], from input_layer
    channel 0
      1·1 + 2·2
    + 4·3 + 5·4 = 37
    sum of products: 37
    bias: 37 + (−7) = 30
    relu(30) = 30
    >>> cell.stages[0].products[..., 0]
    array([[ 1.,  4.],
           [12., 20.]])
    """
    arrays = one_sample(model, x)
    names = call_names(model.graph)
    number = _find(model, layer, names)
    call = model.graph.calls[number]
    index = (position,) if isinstance(position, int) else tuple(position)
    _check_position(layer, index, call.shape)
    reads = [names[k] for k in call.inputs]
    maps = feature_maps(model, arrays, [name.split(":")[0] for name in reads])
    lowered = lower_call(model.graph, number)
    known = {
        value: maps[name].astype(np.float64)
        for value, name in zip(lowered.inputs, reads, strict=True)
    }
    known |= {v: model.weights[n].astype(np.float64) for v, n in lowered.weights.items()}
    stages = cell_stages(lowered, known, index)
    kind = type(call.layer).__name__
    return OutputCell(layer, kind, index, tuple(reads), stages, stages[-1].value)


def cell_stages(
    call: LoweredCall, known: dict[Value, FloatArray], position: Position
) -> tuple[Stage, ...]:
    """Return how one number comes about from what a call reads.

    Parameters
    ----------
    call : LoweredCall
    known : dict of Value to ndarray of float64
        Inputs (with a batch of one) and weights.
    position : tuple of int
        Of the number in the output.
    """
    program = Program({}, {}, (), call.nodes, {})
    values = evaluate(program, known, StepContext(np.zeros(1, np.int64)))
    # A reshape alone puts a number elsewhere.
    positions: dict[Value, Position] = {call.output: position}
    for node in reversed(call.nodes):
        positions[node.inputs[0]] = _before(node, positions[node.output])
    stages = (_stage(node, values, positions[node.output]) for node in call.nodes)
    unchanged = Applied("copy", {}, float(values[call.output][0][position]))
    return tuple(stage for stage in stages if stage is not None) or (unchanged,)


def _before(node: Node, position: Position) -> Position:
    if not isinstance(node.op, Reshape):
        return position
    flat = np.ravel_multi_index(position, node.output.shape)
    return tuple(int(k) for k in np.unravel_index(flat, node.inputs[0].shape))


def _stage(node: Node, values: dict[Value, FloatArray], position: Position) -> Stage | None:
    """Return what an operation does for one number; None where it leaves it alone."""
    result = float(values[node.output][0][position])
    inputs = [values[v][0] if v.batched else values[v] for v in node.inputs]
    match node.op:
        case Convolution() | ConvolutionInputGradient() | MatrixProduct():
            return _weighted_sum(node.op, inputs[0], inputs[1], position)
        case MaxPool() | AveragePool():
            return _pooled(node.op, inputs[0], position)
        case Reshape():
            return None
        case Concatenate():
            return Applied("copy", {}, result)
        case _:
            return Applied(*_applied(node, inputs, position), result)


def _applied(
    node: Node, inputs: list[FloatArray], position: Position
) -> tuple[str, dict[str, float]]:
    """Return what kind of operation makes one number of others, and these."""
    channel = position[-1]
    x = float(inputs[0][position])
    match node.op:
        case BiasAdd():
            return "bias", {"x": x, "bias": float(inputs[1][channel])}
        case Add():
            return "sum", {"x": x, "y": float(inputs[1][position])}
        case Activate():
            return node.op.kind, {"x": x}
        case Softmax():
            scores = inputs[0][position[:-1]]
            largest = float(scores.max())
            total = float(np.exp(scores - largest).sum())
            return "softmax", {"x": x, "largest": largest, "total": total}
        case Rescale():
            scale, offset = (
                float(constants[channel % len(constants)])
                for constants in (node.op.scale, node.op.offset)
            )
            return "rescaling", {"x": x, "scale": scale, "offset": offset}
        case Normalize():
            numbers = {"x": x, "epsilon": node.op.epsilon}
            learned = ["gamma"] * node.op.scale + ["beta"] * node.op.center
            for name, array in zip(["mean", "variance", *learned], inputs[1:], strict=True):
                numbers[name] = float(array[channel])
            return "normalization", numbers
        case _:
            return node.op.name, {"x": x}


def _weighted_sum(
    op: Convolution | ConvolutionInputGradient | MatrixProduct,
    x: FloatArray,
    weights: FloatArray,
    position: Position,
) -> WeightedSum:
    *cell, out = position
    if isinstance(op, MatrixProduct):
        products = x * weights[:, out]
        inside: NDArray[np.bool_] = np.ones((), np.bool_)
        return WeightedSum(x, weights[:, out], products, inside, (), 0, float(products.sum()))
    if isinstance(op, Convolution):
        group = out // (op.filters // op.groups)
        used, first = weights[..., out], group * (op.channels // op.groups)
        places = [_covered(axis, k) for axis, k in zip(op.window.axes, cell, strict=True)]
    else:
        own, seen = op.channels // op.groups, op.filters // op.groups
        first = out // own * seen
        used = weights[..., out % own, first : first + seen]
        places = [_covering(axis, k) for axis, k in zip(op.window.axes, cell, strict=True)]
    values, inside = _gather(x[..., first : first + used.shape[-1]], places)
    products = values * used
    corner = _corner(op.window, cell) if isinstance(op, Convolution) else ()
    return WeightedSum(values, used, products, inside, corner, first, float(products.sum()))


def _pooled(op: MaxPool | AveragePool, x: FloatArray, position: Position) -> Pooled:
    *cell, channel = position
    places = [_covered(axis, k) for axis, k in zip(op.window.axes, cell, strict=True)]
    values, inside = _gather(x[..., channel], places)
    corner = _corner(op.window, cell)
    if isinstance(op, AveragePool):
        mean = float(values.sum() / inside.sum())
        return Pooled("average", values, inside, corner, None, mean)
    best = int(np.where(inside, values, -np.inf).argmax())
    winner = tuple(int(k) for k in np.unravel_index(best, values.shape))
    return Pooled("maximum", values, inside, corner, winner, float(values[winner]))


def _corner(window: SlidingWindow, cell: Sequence[int]) -> Position:
    return tuple(k * axis.stride - axis.before for k, axis in zip(cell, window.axes, strict=True))


def _covered(axis: Window, index: int) -> list[int]:
    """Return the input cell under each kernel cell, −1 where there is none."""
    start = index * axis.stride - axis.before
    places = [start + k * axis.dilation for k in range(axis.kernel)]
    return [place if 0 <= place < axis.length else -1 for place in places]


def _covering(axis: Window, index: int) -> list[int]:
    """Return, for each kernel cell, the window position that puts it there, −1 for none."""
    shifts = [index + axis.before - k * axis.dilation for k in range(axis.kernel)]
    places = [shift // axis.stride if shift % axis.stride == 0 else -1 for shift in shifts]
    return [place if 0 <= place < axis.output else -1 for place in places]


def _gather(x: FloatArray, places: list[list[int]]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the values at places along each axis, 0 where there is none, and which exist."""
    grid = np.ix_(*places)
    inside = np.ones([len(axis) for axis in places], np.bool_)
    for axis in grid:
        inside = inside & (axis >= 0)
    values = x[grid].copy()
    values[~inside] = 0
    return values, inside


def _find(model: Model, layer: str, names: list[str]) -> int:
    """Return the number of a call that computes something."""
    if layer not in names:
        model.get_layer(layer.split(":")[0])
        raise UsageError(f"{layer!r} is not called that often.")
    number = names.index(layer)
    if isinstance(model.graph.calls[number].layer, InputLayer):
        raise UsageError(f"{layer!r} is an input: its numbers are given, not computed.")
    return number


def _check_position(layer: str, position: Position, shape: tuple[int, ...]) -> None:
    if len(position) == len(shape) and all(
        0 <= k < n for k, n in itertools.zip_longest(position, shape)
    ):
        return
    last = ", ".join(str(n - 1) for n in shape)
    raise UsageError(
        f"the output of {layer!r} has the positions {[0] * len(shape)} to [{last}];"
        f" got {list(position)}."
    )
