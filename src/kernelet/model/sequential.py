"""A model whose layers follow one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from kernelet.activations import ActivationFunction
from kernelet.errors import UsageError
from kernelet.layers.base import Layer
from kernelet.layers.execution import sample_shape
from kernelet.layers.input import Input, InputLayer
from kernelet.layers.numeric import numeric
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.model.base import Model
from kernelet.model.graph import Graph
from kernelet.weights import Weights


class Sequential(Model):
    """Layers one after another.

    Parameters
    ----------
    layers : iterable of Layer, Model or SymbolicTensor, optional
        An `Input` may come first; without one, the first data tell the input shape.
    name : str, optional
        For `summary`.
    seed : int, optional
        Key of the first weights; by default that of `kernelet.utils.set_random_seed`, or 0.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Dense, Flatten, Input
    >>> model = Sequential([Input((28, 28, 1)), Conv2D(6, 5), Flatten(), Dense(10)])
    >>> model.output_shape
    (None, 10)
    """

    def __init__(
        self,
        layers: Iterable[Layer | Model | SymbolicTensor] = (),
        name: str | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        self._prepare(name, seed)
        self._stack: list[Layer | Model] = []
        self._start: SymbolicTensor | None = None
        self._end: SymbolicTensor | None = None
        if not isinstance(layers, Iterable):
            raise UsageError(
                f"Sequential takes a list of layers; got one {type(layers).__name__}."
                "\n  Try square brackets around it."
            )
        for layer in layers:
            self._append(layer)
        self._rebuild()

    @classmethod
    def with_weights(cls, graph: Graph, weights: Weights, name: str) -> Self:
        model = super().with_weights(graph, weights, name)
        model._start, model._end = graph.tensors[0], graph.tensors[-1]
        model._stack = [call.layer for call in graph.calls[1:]]
        return model

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order; as in Keras, the `Input` is not one of them."""
        return [layer for layer in super().layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer | Model | SymbolicTensor) -> None:
        """Append a layer, a model, or, first of all, an `Input`.

        Raises
        ------
        ShapeError
            If it does not fit what comes before.
        """
        self._append(layer)
        self._rebuild()

    def pop(self) -> Layer | Model:
        """Remove the last layer and return it.

        Raises
        ------
        UsageError
            If there is none.
        """
        if not self._stack:
            raise UsageError("there is no layer to remove.")
        removed = self._stack.pop()
        self._graph = None
        self._end = self._start
        for layer in self._stack:
            self._extend(layer)
        self._rebuild()
        return removed

    def _append(self, layer: Layer | Model | SymbolicTensor) -> None:
        if isinstance(layer, SymbolicTensor):
            layer = layer.layer
        if not isinstance(layer, Layer | Model):
            raise UsageError(f"Sequential takes layers, models and Input; got {_described(layer)}")
        if isinstance(layer, InputLayer):
            self._begin(SymbolicTensor(layer.shape, layer, ()))
            return
        if self._start is None and not self._stack:
            self._begin_with(layer)
        self._extend(layer)
        self._stack.append(layer)

    def _begin(self, start: SymbolicTensor) -> None:
        if self._stack or self._start is not None:
            raise UsageError("Input comes first in a Sequential, and once.")
        self._start = self._end = start

    def _begin_with(self, layer: Layer | Model) -> None:
        """Begin with the input shape that the first layer knows, if any."""
        if isinstance(layer, Model):
            if layer.built:
                self._begin(Input(layer.inputs[0].sample_shape))
        elif layer.input_shape is not None:
            self._begin(Input(layer.input_shape))

    def _extend(self, layer: Layer | Model) -> None:
        if self._end is not None:
            self._end = layer(self._end)

    def _rebuild(self) -> None:
        if self._start is not None and self._end is not None and self._stack:
            self._adopt(Graph.between([self._start], [self._end]))

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Make the weights for an input shape, whose first entry is the batch, as in Keras.

        Raises
        ------
        ShapeError
            If the layers do not fit the shape.
        """
        if self._start is not None:
            return
        sizes = tuple(n for n in tuple(input_shape)[1:] if n is not None)
        if len(sizes) != len(tuple(input_shape)) - 1:
            raise UsageError(f"only the batch may be None in an input shape, got {input_shape}.")
        self._start = self._end = Input(sizes)
        for layer in self._stack:
            self._extend(layer)
        self._rebuild()

    def build_for(self, x: Any) -> None:
        if self._graph is None and not isinstance(x, Mapping):
            self.build((None, *sample_shape(numeric("x", x), "a model")))

    def _replayed(self, tensors: Sequence[SymbolicTensor]) -> list[SymbolicTensor]:
        if self._graph is None and len(tensors) == 1:
            self.build(tensors[0].shape)
        return super()._replayed(tensors)


def _described(given: object) -> str:
    """Return what something is that is no layer, and what was meant perhaps."""
    if isinstance(given, type):
        return f"the class {given.__name__}. Did you forget its parentheses?"
    if isinstance(given, str):
        return f"the text {given!r}. Try Activation({given!r}), if that is meant."
    if isinstance(given, ActivationFunction):
        return f"the function {given.name!r}. Try Activation({given.name!r})."
    return f"{type(given).__name__}."
