"""The boxes of a network's diagram: layers with those that only rework their maps."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from kernelet.explain.lowered_call import lower_call
from kernelet.explain.summary import LayerSummary
from kernelet.layers.activation import Activation
from kernelet.layers.base import Layer
from kernelet.model.graph import Graph
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.program import Shape

Kind = Literal["input", "convolution", "pooling", "dense", "other"]

_KINDS: tuple[tuple[Kind, tuple[type, ...]], ...] = (
    ("convolution", (Convolution, ConvolutionInputGradient)),
    ("pooling", (MaxPool, AveragePool)),
    ("dense", (MatrixProduct,)),
)


class Stage(msgspec.Struct, frozen=True):
    """A layer, and behind it those that leave the size of its maps.

    Attributes
    ----------
    name : str
        Of the layer.
    kind : {"input", "convolution", "pooling", "dense", "other"}
        By what computes.
    shape : tuple of int
        Of the output, without the batch.
    notes : tuple of str
        Its class and window, then what reworks its maps.
    reads : tuple of int
        Numbers of the stages that it reads.
    layers : tuple of LayerSummary
        The layer, and those behind it.
    """

    name: str
    kind: Kind
    shape: Shape
    notes: tuple[str, ...]
    reads: tuple[int, ...]
    layers: tuple[LayerSummary, ...]

    @property
    def description(self) -> str:
        """What each layer holds and computes, a line a layer."""
        return "\n".join(map(_described, self.layers))


def stages(graph: Graph, rows: tuple[LayerSummary, ...]) -> list[Stage]:
    """Return the boxes of a diagram, each after those it reads.

    Parameters
    ----------
    graph : Graph
    rows : tuple of LayerSummary
        One a call.

    Examples
    --------
    >>> from kernelet.explain.summary import summarize
    >>> from kernelet.layers import Activation, Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((8, 8, 1)), Conv2D(2, 3), Activation("relu")])
    >>> [stage.notes for stage in stages(model.graph, summarize(model).layers)]
    [('Input',), ('Conv2D 3×3', 'relu')]
    """
    readers = Counter(k for call in graph.calls for k in call.inputs)
    kinds = [_kind(graph, number) for number in range(len(graph.calls))]
    groups: list[list[int]] = []
    group_of: dict[int, int] = {}
    for number, call in enumerate(graph.calls):
        if _reworks(graph, number, kinds[number]) and readers[call.inputs[0]] == 1:
            group_of[number] = group_of[call.inputs[0]]
            groups[group_of[number]].append(number)
        else:
            group_of[number] = len(groups)
            groups.append([number])
    made = []
    for numbers in groups:
        first = graph.calls[numbers[0]]
        made.append(
            Stage(
                name=first.name,
                kind=kinds[numbers[0]],
                shape=first.shape,
                notes=(*_notes(first.layer), *_reworking(graph, numbers[1:])),
                reads=tuple(group_of[k] for k in first.inputs),
                layers=tuple(rows[k] for k in numbers),
            )
        )
    return made


def _kind(graph: Graph, number: int) -> Kind:
    if not graph.calls[number].inputs:
        return "input"
    ops = [node.op for node in lower_call(graph, number).nodes]
    return next((kind for kind, of in _KINDS if any(isinstance(op, of) for op in ops)), "other")


def _reworks(graph: Graph, number: int, kind: Kind) -> bool:
    """Return whether a call leaves the size of the one thing it reads."""
    call = graph.calls[number]
    return kind == "other" and [graph.calls[k].shape for k in call.inputs] == [call.shape]


def _notes(layer: Layer) -> list[str]:
    """Return class and window of a layer, its stride and its activation."""
    window = getattr(layer, "kernel_size", getattr(layer, "pool_size", None))
    name = type(layer).__name__.removesuffix("Layer")
    if window is None:
        return [name, *_activation(layer)]
    strides = getattr(layer, "strides", None)
    notes = [f"{name} {_sizes(window)}"]
    usual = window if hasattr(layer, "pool_size") else (1,) * len(window)
    if strides is not None and tuple(strides) != tuple(usual):
        notes.append(f"stride {_step(strides)}")
    dilation = getattr(layer, "dilation_rate", (1,))
    if set(dilation) != {1}:
        notes.append(f"dilation {_step(dilation)}")
    if getattr(layer, "groups", 1) > 1:
        notes.append(f"{layer.groups} groups")
    return [*notes, *_activation(layer)]


def _sizes(lengths: tuple[int, ...]) -> str:
    return "×".join(map(str, lengths))


def _step(lengths: tuple[int, ...]) -> str:
    return str(lengths[0]) if len(set(lengths)) == 1 else _sizes(lengths)


def _activation(layer: Layer) -> list[str]:
    name = layer.config().get("activation")
    return [str(name)] if name is not None else []


def _reworking(graph: Graph, numbers: list[int]) -> list[str]:
    layers = (graph.calls[number].layer for number in numbers)
    return [
        note
        for layer in layers
        for note in (
            _activation(layer) if isinstance(layer, Activation) else [type(layer).__name__]
        )
    ]


def _described(layer: LayerSummary) -> str:
    parts = [layer.arithmetic] if layer.arithmetic else []
    for count, noun in (
        (layer.weights, "weights"),
        (layer.biases, "biases"),
        (layer.multiply_adds, "multiply-adds"),
    ):
        if count:
            parts.append(f"{count:,} {noun}")
    size = "×".join(map(str, layer.shape))
    return f"{layer.title}: {'; '.join((size, *parts))}"
