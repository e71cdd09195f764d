"""What a page needs to compute any number of a network's maps: stages, weights, maps read."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.explain.receptive_field import ReceptiveFields
from kernelet.model.base import Model
from kernelet.model.graph import Graph
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.normalization import Normalize
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Concatenate, Reshape
from kernelet.ops.softmax import Softmax
from kernelet.program import Node, Shape
from kernelet.text import byte_size

FloatArray = NDArray[np.float32]

# Operations that read more of a call than the number at their own place: they need all of it.
_READ_MANY = (
    Convolution,
    ConvolutionInputGradient,
    MatrixProduct,
    MaxPool,
    AveragePool,
    Softmax,
)
_WINDOWS = (Convolution, ConvolutionInputGradient, MaxPool, AveragePool)


class CellData(msgspec.Struct):
    """The calls of a network as a page computes them.

    Attributes
    ----------
    calls : list of dict
        Plain data for JSON, one a call of the graph.
    closed : dict of int to str
        For the calls whose numbers the page cannot compute, why.
    size : int
        Bytes of weights and maps, as text.
    """

    calls: list[dict[str, Any]] = msgspec.field(default_factory=list)
    closed: dict[int, str] = msgspec.field(default_factory=dict)
    size: int = 0


def cell_data(
    model: Model, names: Sequence[str], maps: Mapping[str, FloatArray], limit: int
) -> CellData:
    """Collect what a page needs to compute any number of any layer.

    Parameters
    ----------
    model : Model
        With one picture as its input.
    names : sequence of str
        Of the calls.
    maps : mapping of str to ndarray of float32
        What each call makes of the picture, the input included, without a batch.
    limit : int
        Most bytes of weights and maps; layers for which they do not suffice stay closed.

    Returns
    -------
    CellData
    """
    graph = model.graph
    lowered = [lower_call(graph, number) for number in range(len(graph.calls))]
    fields = ReceptiveFields(graph)
    data = CellData()
    stored: set[int] = set()
    for number, (call, one) in enumerate(zip(graph.calls, lowered, strict=True)):
        data.calls.append(
            {
                "name": names[number],
                "shape": list(call.shape),
                "reads": list(call.inputs),
                "field": _field(fields, number),
                "stages": [],
            }
        )
        needed = _needed(graph, lowered, number) - stored
        texts = {k: _numbers(maps[names[k]]) for k in needed}
        cost = sum(len(text) for pair in texts.values() for text in pair.values())
        cost += sum(_text_size(model.weights[name]) for name in one.weights.values())
        reason = _obstacle(one, call.shape) if call.inputs else ""
        if any(k in data.closed and k not in stored for k in call.inputs) and not _reads_many(one):
            reason = "It reads a layer whose numbers are not in this page."
        if not reason and data.size + cost > limit:
            reason = (
                f"Its numbers would take {byte_size(cost)} of this page; in Python,"
                " kernelet.explain.output_cell shows them."
            )
        if reason:
            data.closed[number] = reason
            continue
        for k, text in texts.items():
            data.calls[k] |= text
        stored |= needed
        data.size += cost
        data.calls[number]["stages"] = _stages(one, model)
    return data


def _needed(graph: Graph, lowered: Sequence[LoweredCall], number: int) -> set[int]:
    """Return the calls whose numbers must be in the page for those of a call to be computed.

    Numbers that are made of the picture's one by one are computed from these.
    """
    found: set[int] = set()
    for k in graph.calls[number].inputs:
        if not graph.calls[k].inputs:
            found.add(k)
        elif _reads_many(lowered[number]):
            origin = _origin(graph, lowered, k)
            found.add(k if origin is None else origin)
    return found


def _origin(graph: Graph, lowered: Sequence[LoweredCall], number: int) -> int | None:
    """Return the input that a call makes its numbers of, one of one; None where there is none."""
    while graph.calls[number].inputs:
        if _reads_many(lowered[number]) or len(graph.calls[number].inputs) > 1:
            return None
        (number,) = graph.calls[number].inputs
    return number


def _reads_many(call: LoweredCall) -> bool:
    return any(isinstance(node.op, _READ_MANY) for node in call.nodes)


def _obstacle(call: LoweredCall, shape: Shape) -> str:
    """Return why a page cannot show how a call computes its numbers, or nothing."""
    if len(shape) not in (1, 3):
        return "It makes neither maps nor a row of numbers."
    for node in call.nodes:
        if isinstance(node.op, _WINDOWS) and len(node.op.window.axes) != 2:
            return "Its window does not slide over pictures."
    return ""


def _field(fields: ReceptiveFields, number: int) -> list[list[int]] | None:
    """Return first pixel, distance and length of the receptive fields along both axes."""
    shape = fields.graph.calls[number].shape
    if len(shape) != 3 or len(fields.input_shape) != 3:
        return None
    rows, columns, _ = shape
    first, last = fields.box(number, (0, 0)), fields.box(number, (rows - 1, columns - 1))
    found = []
    for (start, end), (final, _), count in zip(first, last, (rows, columns), strict=True):
        step, rest = divmod(final - start, max(1, count - 1))
        if rest:
            return None  # where transposed convolutions enlarge, fields are not equally far apart
        found.append([start, step, end - start])
    return found


def _stages(call: LoweredCall, model: Model) -> list[dict[str, Any]]:
    """Return the operations of a call as plain data; sums of several inputs are one."""
    stages: list[dict[str, Any]] = []
    for node in call.nodes:
        if isinstance(node.op, Add) and stages:
            continue
        weights = [model.weights[call.weights[v]] for v in node.inputs if v in call.weights]
        shape = list(node.output.shape)
        stages.append({**_stage(node, [_text(array) for array in weights]), "shape": shape})
    return stages


def _stage(node: Node, weights: Sequence[str]) -> dict[str, Any]:
    op = node.op
    match op:
        case Convolution() | ConvolutionInputGradient():
            kind = "convolution" if isinstance(op, Convolution) else "transposed"
            sizes = {"channels": op.channels, "filters": op.filters, "groups": op.groups}
            return {"op": kind, **_window(op), **sizes, "weights": weights[0]}
        case MaxPool() | AveragePool():
            return {"op": "maximum" if isinstance(op, MaxPool) else "average", **_window(op)}
        case MatrixProduct():
            return {"op": "dense", "weights": weights[0]}
        case BiasAdd():
            return {"op": "bias", "values": weights[0]}
        case Activate():
            return {"op": "activation", "kind": op.kind, "slope": op.slope}
        case Normalize():
            given = ["mean", "variance", *["gamma"] * op.scale, *["beta"] * op.center]
            named = dict(zip(given, weights, strict=True))
            return {"op": "normalization", "epsilon": op.epsilon, **named}
        case Rescale():
            return {"op": "rescaling", "scale": list(op.scale), "offset": list(op.offset)}
        case Reshape():
            return {"op": "reshape"}
        case Softmax():
            return {"op": "softmax"}
        case Concatenate():
            return {"op": "concatenation"}
        case Add():
            return {"op": "sum"}
        case _:
            raise AssertionError(f"layers lower to no {op.name} outside training")


def _window(
    op: Convolution | ConvolutionInputGradient | MaxPool | AveragePool,
) -> dict[str, list[int]]:
    axes = op.window.axes
    return {
        "kernel": [axis.kernel for axis in axes],
        "stride": [axis.stride for axis in axes],
        "dilation": [axis.dilation for axis in axes],
        "before": [axis.before for axis in axes],
    }


def _numbers(array: FloatArray) -> dict[str, str]:
    """Return numbers as text, those of a picture in a quarter of the space."""
    if array.min() >= 0 and array.max() <= 255 and np.array_equal(array, np.floor(array)):
        return {"pixels": base64.b64encode(array.astype(np.uint8).tobytes()).decode()}
    return {"data": _text(array)}


def _text_size(array: NDArray[Any]) -> int:
    return -(-4 * array.size // 3) * 4


def _text(array: NDArray[Any]) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
