"""The model: a graph of layers with the weights they share one buffer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet import initializers
from kernelet.activations import suggestion
from kernelet.errors import ShapeError, UsageError
from kernelet.layers.base import Layer, assign_all, initialize, shape_text
from kernelet.layers.execution import BATCH, run_forward, sample_shape
from kernelet.layers.numeric import numeric
from kernelet.layers.problems import repair_line
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.model.array_repairs import array_repairs
from kernelet.model.graph import Graph
from kernelet.model.trainable import Trainable
from kernelet.program import ProgramBuilder, Shape, Value
from kernelet.weights import Weights

Tensors = SymbolicTensor | Sequence[SymbolicTensor]


def _several(tensors: Tensors) -> list[SymbolicTensor]:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]  # type: ignore[list-item]


def _common_buffer(layers: Sequence[tuple[str, Layer]]) -> Weights | None:
    """Return the buffer that already holds all these layers under these names."""
    buffers = {id(layer.bound_weights): layer.bound_weights for _, layer in layers}
    if len(buffers) != 1 or any(layer.name != name for name, layer in layers):
        return None
    return next(iter(buffers.values()))


def _check_shape(name: str, array: NDArray[Any], expected: Shape) -> None:
    shape = sample_shape(array, "a model")
    if shape != expected:
        raise ShapeError(
            f"input {name!r} takes {shape_text(expected)} a sample, got {shape_text(shape)}."
            + repair_line(array_repairs("x", array.shape, expected))
        )


def lower_model(
    model: Model, build: ProgramBuilder, inputs: Mapping[str, Value], training: bool
) -> list[Value]:
    """Append a model's operations to a program.

    Parameters
    ----------
    model : Model
    build : ProgramBuilder
        Gets the parameters too, and, in training, the updates of running averages.
    inputs : mapping of str to Value
        By the model's input names, ``model.graph.input_names``.
    training : bool
        Whether batch statistics, dropout and augmentation are on.

    Returns
    -------
    list of Value
        The outputs. The values before a final softmax are the inputs of the node that made it.
    """
    return model.graph.lower(build, inputs, training)


class Model(Trainable):
    """A network with any number of branches, inputs and outputs.

    Parameters
    ----------
    inputs, outputs : SymbolicTensor or sequence of SymbolicTensor
        Made by `Input` and by calling layers on it.
    name : str, optional
        For `summary`.
    seed : int, optional
        Key of the first weights; by default that of `kernelet.utils.set_random_seed`, or 0.

    Attributes
    ----------
    graph : Graph
        The layers and what each reads.
    weights : Weights
        All weights and statistics in one buffer. Layers that belong to another model already
        are shared with it where all of them live in its one buffer; otherwise this model starts
        from a copy of their values, and the layers are its own from then on.
    class_names : tuple of str or None
        What the outputs of a classifier stand for.
    preprocessing, training_record : dict
        Plain data kept in the model's file: how pictures were prepared; how it was trained.

    Examples
    --------
    >>> from kernelet.layers import Dense, Flatten, Input
    >>> x = Input((28, 28, 1))
    >>> model = Model(x, Dense(10, activation="softmax")(Flatten()(x)))
    >>> model.output_shape, model.count_params()
    ((None, 10), 7850)
    """

    def __init__(
        self, inputs: Tensors, outputs: Tensors, name: str | None = None, *, seed: int | None = None
    ) -> None:
        self._prepare(name, seed)
        self._adopt(Graph.between(_several(inputs), _several(outputs)))

    def _prepare(self, name: str | None, seed: int | None) -> None:
        self.name = name or type(self).__name__.lower()
        self.seed = initializers.default_seed() if seed is None else seed
        self.class_names: tuple[str, ...] | None = None
        self.preprocessing: dict[str, Any] = {}
        self.training_record: dict[str, Any] = {}
        self._graph: Graph | None = None
        self._weights: Weights | None = None

    def _adopt(self, graph: Graph) -> None:
        """Take a graph and see to it that all its layers have weights."""
        parameters = graph.parameters()
        layers = graph.layers
        owners = {parameter.name.rsplit("/", 1)[0] for parameter in parameters}
        weights = _common_buffer([(name, layers[name]) for name in layers if name in owners])
        if weights is None:
            weights = Weights(parameters)
            keep = [layers[name] for name in owners if layers[name].built]
            initialize(weights, list(layers.items()), self.seed, keep)
        weights.require(parameters)
        self._attach(graph, weights, [parameter.name for parameter in parameters])

    def _attach(self, graph: Graph, weights: Weights, names: Sequence[str]) -> None:
        outputs: dict[str, SymbolicTensor] = {}
        for call, tensor in zip(graph.calls, graph.tensors, strict=True):
            outputs.setdefault(call.name, tensor)
        for name, layer in graph.layers.items():
            layer.bind(weights, name, outputs[name])
        self._graph, self._weights, self._weight_names = graph, weights, tuple(names)

    @classmethod
    def with_weights(cls, graph: Graph, weights: Weights, name: str) -> Self:
        """Return a model around a graph and a buffer made for its parameters alone."""
        model = cls.__new__(cls)
        model._prepare(name, None)
        model._attach(graph, weights, list(weights))
        return model

    # -- what it is ------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The layers and what each reads.

        Raises
        ------
        UsageError
            If the input shape is not known yet.
        """
        if self._graph is None:
            raise UsageError(
                "the shape of the model's input is not known yet: begin it with Input(shape), or"
                " call build, fit or predict."
            )
        return self._graph

    @property
    def weights(self) -> Weights:
        """All weights and statistics in one buffer."""
        self.graph  # noqa: B018 - says what is missing
        assert self._weights is not None
        return self._weights

    @property
    def built(self) -> bool:
        """Whether the shapes of all weights are known."""
        return self._graph is not None

    @property
    def layers(self) -> list[Layer]:
        """The layers, each once, in the order of their first call."""
        return list(self.graph.layers.values())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or by position in `layers`.

        Raises
        ------
        UsageError
            If there is no such layer, or neither or both of name and index are given.
        """
        if (name is None) == (index is None):
            raise UsageError("get_layer takes either a name or an index.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise UsageError(f"there are {len(self.layers)} layers, no layer {index}.")
            return self.layers[index]
        known = self.graph.layers
        if name not in known:
            guess = suggestion(str(name), known)
            raise UsageError(f"there is no layer {name!r}.{guess} Known: {', '.join(known)}.")
        return known[str(name)]

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that data enter by."""
        return [self.graph.tensors[k] for k in self.graph.inputs]

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic tensors that results leave by."""
        return [self.graph.tensors[k] for k in self.graph.outputs]

    @property
    def input(self) -> SymbolicTensor | list[SymbolicTensor]:
        """The symbolic tensor that data enter by; a list where there are several."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output(self) -> SymbolicTensor | list[SymbolicTensor]:
        """The symbolic tensor that the result leaves by; a list where there are several."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input_shape(self) -> Any:
        """Shape of the input with None for the batch; a list where there are several."""
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        """Shape of the output with None for the batch; a list where there are several."""
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def trainable(self) -> bool:
        """Whether any layer may be trained; setting it sets every layer."""
        return any(layer.trainable for layer in self.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.layers:
            layer.trainable = bool(value)

    # -- weights ---------------------------------------------------------------------------------

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Names of the weights, ``<layer>/<weight>``, in Keras' order."""
        self.graph  # noqa: B018 - says what is missing
        return self._weight_names

    def count_params(self) -> int:
        """Return the number of weights and statistics."""
        return sum(self.weights[name].size for name in self.weight_names)

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return copies of all weights in Keras' order and layout."""
        return [self.weights[name].copy() for name in self.weight_names]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Overwrite all weights with arrays in Keras' order and layout, or none of them.

        Raises
        ------
        ShapeError
            If the number of arrays or a shape differs.
        """
        assign_all(self.weights, self.weight_names, weights)

    # -- running ---------------------------------------------------------------------------------

    def named_inputs(self, x: Any) -> dict[str, NDArray[Any]]:
        """Return arrays by input name from one array, a sequence of them, or a dictionary.

        Raises
        ------
        UsageError, ShapeError
            If an input is missing, unknown, or of another shape than the model was made for.
        """
        self.build_for(x)
        names = self.graph.input_names
        if isinstance(x, Mapping):
            given = dict(x)
        elif len(names) > 1:
            if not isinstance(x, list | tuple) or len(x) != len(names):
                raise UsageError(
                    f"the model has {len(names)} inputs ({', '.join(names)}); give a list of"
                    " arrays in that order or a dictionary."
                )
            given = dict(zip(names, x, strict=True))
        else:
            given = {names[0]: x}
        if set(given) != set(names):
            raise UsageError(
                f"expected inputs named {', '.join(names)}, got {', '.join(map(str, given))}."
            )
        arrays = {name: numeric(name, given[name]) for name in names}
        for name, k in zip(names, self.graph.inputs, strict=True):
            _check_shape(name, arrays[name], self.graph.calls[k].shape)
        if len({len(array) for array in arrays.values()}) > 1:
            counts = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
            raise ShapeError(f"all inputs must have as many samples as each other, got {counts}.")
        return arrays

    def build_for(self, x: Any) -> None:
        """Learn the input shape from data where it is not known yet."""

    @overload
    def __call__(self, x: SymbolicTensor) -> SymbolicTensor: ...
    @overload
    def __call__(self, x: Any, training: bool = False) -> Any: ...
    def __call__(self, x: Any, training: bool = False) -> Any:
        """Run on arrays, or extend a graph; weights are shared with what it is part of then.

        Returns
        -------
        ndarray of float32, or list of them where the model has several outputs
        """
        if not training and self._predictor is not None:
            prepared = self._predictor.prepared(x, BATCH, None, "cpu", "float32")
            if prepared is not None:
                return prepared(x)
        several = list(x) if isinstance(x, list | tuple) else [x]
        if several and all(isinstance(one, SymbolicTensor) for one in several):
            tensors = self._replayed(several)
            return tensors[0] if len(tensors) == 1 else tensors
        arrays = self.named_inputs(x)
        if not training:
            return self.predict(arrays if len(arrays) > 1 else next(iter(arrays.values())), BATCH)

        def lowering(build: ProgramBuilder, values: list[Value]) -> list[Value]:
            return self.graph.lower(build, build.inputs, training)

        results = run_forward(lowering, arrays, self.weights, self.seed)
        return results[0] if len(results) == 1 else results

    def _replayed(self, tensors: Sequence[SymbolicTensor]) -> list[SymbolicTensor]:
        return self.graph.replay(tensors)

    # -- what the parts above do with it ---------------------------------------------------------

    def summary(self) -> None:
        """Print each layer's output with its arithmetic, its weights and multiply-adds."""
        from kernelet.explain.summary import summarize

        print(summarize(self).to_text())

    def save(self, path: str | Path, overwrite: bool = True) -> None:
        """Write the model to a file; see `kernelet.load_model`.

        Parameters
        ----------
        path : str or Path
            Usually ``*.safetensors``, which it is, whatever the name.
        overwrite : bool
            Whether an existing file may be replaced.

        Raises
        ------
        UsageError
            If the file exists and may not be replaced, or cannot be written.
        """
        from kernelet.interchange.safetensors import save_model

        save_model(self, path, overwrite=overwrite)
