"""The JSON object in a model's file: the network as data, and what belongs to it."""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from kernelet.errors import KerneletError, ModelFileError
from kernelet.layers.base import Layer, from_config
from kernelet.layers.input import InputLayer
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.model import Model, Sequential
from kernelet.model.graph import Graph
from kernelet.program import Parameter

FORMAT_VERSION = 1
# Far above any real network; bounds the time that a hostile file can take.
MAXIMUM_CALLS = 2000
MAXIMUM_SIZE = 1 << 40


class LayerRecord(msgspec.Struct, frozen=True):
    """A layer: its class, its name and its configuration."""

    kind: str
    name: str
    config: dict[str, Any]


class CallRecord(msgspec.Struct, frozen=True):
    """One use of a layer: its number, and the numbers of the calls whose outputs it reads."""

    layer: int
    inputs: list[int]


class NetworkRecord(msgspec.Struct, frozen=True):
    """A network: its layers, how they are called, and where data enter and leave."""

    kind: Literal["sequential", "model"]
    name: str
    layers: list[LayerRecord]
    calls: list[CallRecord]
    inputs: list[int]
    outputs: list[int]


class Document(msgspec.Struct, frozen=True):
    """Everything in a model's file besides the weights.

    Attributes
    ----------
    format_version : int
        `FORMAT_VERSION` of the kernelet that wrote it.
    kernelet_version : str
        That kernelet.
    network : NetworkRecord
    class_names : list of str or None
    preprocessing, training : dict
        Plain data; see `Model`.
    sha256 : str
        Of the weights; see `Weights.sha256`.
    """

    format_version: int
    kernelet_version: str
    network: NetworkRecord
    class_names: list[str] | None
    preprocessing: dict[str, Any]
    training: dict[str, Any]
    sha256: str


def record_network(model: Model) -> NetworkRecord:
    """Return a model's graph as plain data."""
    graph = model.graph
    numbers = {name: k for k, name in enumerate(graph.layers)}
    return NetworkRecord(
        kind="sequential" if isinstance(model, Sequential) else "model",
        name=model.name,
        layers=[
            LayerRecord(type(layer).__name__, name, layer.config())
            for name, layer in graph.layers.items()
        ],
        calls=[CallRecord(numbers[call.name], list(call.inputs)) for call in graph.calls],
        inputs=list(graph.inputs),
        outputs=list(graph.outputs),
    )


class _Version(msgspec.Struct, frozen=True):
    format_version: int
    kernelet_version: str


def decode(text: bytes) -> Document:
    """Return the document in a JSON text.

    Raises
    ------
    ModelFileError
        If it is none, or of a newer format.
    """
    try:
        version = msgspec.json.decode(text, type=_Version)
        if version.format_version > FORMAT_VERSION:
            raise ModelFileError(
                f"the file has format {version.format_version} and needs kernelet"
                f" {version.kernelet_version!r} or later; this one reads formats up to"
                f" {FORMAT_VERSION}. Upgrade with: pip install --upgrade kernelet"
            )
        if version.format_version < 1:
            raise ModelFileError(f"there is no format {version.format_version}.")
        return msgspec.json.decode(text, type=Document)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ModelFileError(f"its description of the network is damaged: {error}") from None


def restore_graph(record: NetworkRecord) -> tuple[Graph, list[Parameter]]:
    """Return the graph that a record describes, and the parameters that it needs.

    Nothing is allocated for them.

    Raises
    ------
    ModelFileError
        If a layer is unknown, an argument makes no sense, shapes do not fit, or calls do not
        form a graph.
    """
    if len(record.calls) > MAXIMUM_CALLS or len(record.layers) > MAXIMUM_CALLS:
        raise ModelFileError(f"it has more than {MAXIMUM_CALLS} layers.")
    try:
        layers = [from_config(entry.kind, entry.config, entry.name) for entry in record.layers]
        tensors = _replay(record, layers)
        graph = Graph.between(_pick(tensors, record.inputs), _pick(tensors, record.outputs))
        parameters = graph.parameters()
    except ModelFileError:
        raise
    except (KerneletError, RecursionError, OverflowError) as error:
        raise ModelFileError(f"its network makes no sense: {error}") from None
    if record.kind == "sequential" and not graph.is_chain():
        raise ModelFileError("its network is called sequential and has branches.")
    return graph, parameters


def _pick(tensors: list[SymbolicTensor], numbers: list[int]) -> list[SymbolicTensor]:
    if not numbers or not all(0 <= k < len(tensors) for k in numbers):
        raise ModelFileError(f"inputs and outputs name calls that do not exist: {numbers[:5]}.")
    return [tensors[k] for k in numbers]


def _replay(record: NetworkRecord, layers: list[Layer]) -> list[SymbolicTensor]:
    """Call the layers as recorded."""
    tensors: list[SymbolicTensor] = []
    for number, call in enumerate(record.calls):
        if not 0 <= call.layer < len(layers):
            raise ModelFileError(f"call {number} names layer {call.layer}, which does not exist.")
        layer = layers[call.layer]
        if not all(0 <= k < number for k in call.inputs):
            raise ModelFileError(
                f"call {number} ({layer.name!r}) reads a call that does not come before it: the"
                " graph has a cycle."
            )
        if isinstance(layer, InputLayer) == bool(call.inputs):
            raise ModelFileError(f"call {number} ({layer.name!r}) has a wrong number of inputs.")
        read = [tensors[k] for k in call.inputs]
        if isinstance(layer, InputLayer):
            tensors.append(SymbolicTensor(layer.shape, layer, ()))
        else:
            tensors.append(layer(read if layer.arity is None or len(read) > 1 else read[0]))
        if math.prod(tensors[-1].sample_shape) > MAXIMUM_SIZE:
            raise ModelFileError(f"its layer {layer.name!r} makes more than 2⁴⁰ numbers a sample.")
    return tensors
