"""What all layers share: configuration, weights and being called."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from inspect import isabstract
from typing import Any, ClassVar, overload

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet import initializers
from kernelet.errors import ConfigurationError, ShapeError, UsageError
from kernelet.layers.keywords import ChecksKeywords
from kernelet.layers.naming import check_name
from kernelet.layers.problems import LayerShapeError, explained
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.program import ProgramBuilder, Role, Shape, Value
from kernelet.weights import Weights

# The only way from a class name in a file to a class: nothing is imported by name.
REGISTRY: dict[str, type[Layer]] = {}

# Said by the constructor alone: `name` is kept with the network's graph, and the shape of the
# input by an InputLayer of its own.
_NOT_CONFIGURATION = ("name", "input_shape")


@dataclass(eq=False)
class Layer(ChecksKeywords, ABC):
    """Configuration of one layer; `lower` turns it into operations.

    Parameters
    ----------
    name : str, optional
        Unique within a model; by default the class in snake case with a number.
    trainable : bool
        Whether gradient descent may change its weights.
    input_shape : tuple of int, optional
        Of one sample; on the first layer of a `Sequential` it stands for an `Input`.

    Notes
    -----
    The first value of a weight ``w`` comes from the layer's attribute ``w_initializer``.
    """

    name: str | None = field(default=None, kw_only=True)
    trainable: bool = field(default=True, kw_only=True)
    input_shape: tuple[int, ...] | None = field(default=None, kw_only=True)

    rank: ClassVar[int | None] = None
    """Dimensions of the input without the batch, where only one number of them makes sense."""
    arity: ClassVar[int | None] = 1
    """Number of inputs; None for two or more."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        if self.name is not None:
            check_name(self.name)
        self.given_name = self.name
        self._weights: Weights | None = None
        self._output: SymbolicTensor | None = None
        for argument in fields(self):
            setattr(self, argument.name, _plain(getattr(self, argument.name)))
        self.validate()

    def validate(self) -> None:
        """Raise ConfigurationError for arguments that make no sense; bring others to one form."""

    @abstractmethod
    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        """Append the layer's operations to a program.

        Parameters
        ----------
        build : ProgramBuilder
            Its ``layer`` is this layer's name.
        inputs : sequence of Value
            What the layer reads.
        training : bool
            Whether batch statistics, dropout and augmentation are on.

        Raises
        ------
        LayerShapeError
            If the inputs do not fit.
        """

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        """Return the output size as a sum to check by hand, or nothing where it is plain."""
        return ""

    def weight(
        self, build: ProgramBuilder, weight: str, shape: Shape, role: Role = "weight"
    ) -> Value:
        """Return a parameter of this layer, the same one in every call of a shared layer."""
        value = build.parameter(
            f"{build.layer}/{weight}", shape, role, self.trainable and role == "weight"
        )
        if value.shape != shape:
            raise LayerShapeError(
                f"{weight} has shape {value.shape} from an earlier call, and this input needs"
                f" {shape}",
                ["a layer of its own for this input"],
            )
        return value

    # -- configuration ---------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data, ready for JSON."""
        return {
            f.name: msgspec.to_builtins(getattr(self, f.name))
            for f in fields(self)
            if f.name not in _NOT_CONFIGURATION
        }

    def __repr__(self) -> str:
        values = (
            (f.name, getattr(self, f.name), f.default)
            for f in fields(self)
            if f.name not in _NOT_CONFIGURATION
        )
        shown = [f"{name}={value!r}" for name, value, default in values if value != default]
        if self.name is not None:
            shown.append(f"name={self.name!r}")
        return f"{type(self).__name__}({', '.join(shown)})"

    # -- weights ---------------------------------------------------------------------------------

    def bind(self, weights: Weights, name: str, output: SymbolicTensor | None = None) -> None:
        """Make the layer's weights views into a model's buffer, under a name.

        Parameters
        ----------
        weights : Weights
            Of the model, or of the layer alone.
        name : str
            The layer's in the model.
        output : SymbolicTensor, optional
            What the model's graph has the layer return; of several models the first one's stays.
        """
        self._weights, self.name = weights, name
        self._output = self._output or output

    @property
    def output(self) -> SymbolicTensor:
        """What the layer returns in the graph of the first model that it is part of.

        Raises
        ------
        UsageError
            If it is part of none, or of one whose input shape is not known yet.
        """
        if self._output is None:
            raise UsageError(
                f"{type(self).__name__} has no input and output before it is part of a model with"
                " a known input shape."
            )
        return self._output

    @property
    def input(self) -> SymbolicTensor | list[SymbolicTensor]:
        """What the layer reads there: a list where it takes several inputs.

        Raises
        ------
        UsageError
            As `output`.
        """
        read = self.output.parents or (self.output,)
        return read[0] if len(read) == 1 else list(read)

    @property
    def built(self) -> bool:
        """Whether the shapes of the weights are known."""
        return self._weights is not None

    @property
    def bound_weights(self) -> Weights | None:
        """The buffer that holds the layer's weights, once they exist."""
        return self._weights

    @property
    def weight_names(self) -> tuple[str, ...]:
        """Names of the layer's weights, ``<layer>/<weight>``, in Keras' order."""
        if self._weights is None:
            return ()
        prefix = f"{self.name}/"
        return tuple(name for name in self._weights if name.startswith(prefix))

    def __getattr__(self, attribute: str) -> NDArray[np.float32]:
        """Return a weight, such as ``layer.kernel``, as a view."""
        weights: Weights | None = self.__dict__.get("_weights")
        if weights is not None and f"{self.name}/{attribute}" in weights:
            return weights[f"{self.name}/{attribute}"]
        hint = "" if weights or attribute.startswith("_") else " before its first call"
        raise AttributeError(f"{type(self).__name__} has no attribute {attribute!r}{hint}")

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return copies of the weights in Keras' order and layout."""
        weights = self._weights
        return [] if weights is None else [weights[name].copy() for name in self.weight_names]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Overwrite the weights with arrays in Keras' order and layout.

        Raises
        ------
        UsageError
            If the layer has no weights yet.
        ShapeError
            If the number of arrays or a shape differs.
        """
        if self._weights is None:
            raise UsageError(
                f"{type(self).__name__} has no weights before it is part of a model with a known"
                " input shape or was called once."
            )
        assign_all(self._weights, self.weight_names, weights)

    # -- calling ---------------------------------------------------------------------------------

    @overload
    def __call__(
        self, inputs: SymbolicTensor | list[SymbolicTensor] | tuple[SymbolicTensor, ...]
    ) -> SymbolicTensor: ...
    @overload
    def __call__(self, inputs: ArrayLike, training: bool = False) -> NDArray[np.float32]: ...
    def __call__(self, inputs: Any, training: bool = False) -> SymbolicTensor | NDArray[np.float32]:
        """Extend a graph, or run the layer on an array whose first axis is the batch."""
        several = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if any(isinstance(one, SymbolicTensor) for one in several):
            return self._symbolic_call(several)
        from kernelet.layers.execution import run_layer

        return run_layer(self, several if self.arity is None else [inputs], training)

    def _symbolic_call(self, inputs: Sequence[SymbolicTensor]) -> SymbolicTensor:
        for one in inputs:
            if not isinstance(one, SymbolicTensor):
                raise UsageError(
                    f"{type(self).__name__} was called on symbolic tensors and a"
                    f" {type(one).__name__} at once; wrap constants in an Input."
                )
        if self.input_shape is not None and inputs[0].sample_shape != tuple(self.input_shape):
            raise ShapeError(
                f"{type(self).__name__} was made with input_shape={tuple(self.input_shape)} and"
                f" called on {inputs[0].sample_shape}; leave input_shape out."
            )
        return SymbolicTensor(self.output_shape(inputs), self, tuple(inputs))

    def output_shape(self, inputs: Sequence[SymbolicTensor]) -> Shape:
        """Return the shape of a sample's output, or raise a ShapeError that explains."""
        try:
            return self.shape_of(inputs)
        except LayerShapeError as problem:
            raise explained(self, inputs, problem) from None

    def shape_of(self, inputs: Sequence[SymbolicTensor]) -> Shape:
        """Return the shape of a sample's output, or raise a LayerShapeError."""
        build = ProgramBuilder()
        values = [build.input(f"input{k}", one.sample_shape) for k, one in enumerate(inputs)]
        self.check_inputs([value.shape for value in values])
        return self.lower(build, values, training=False).shape

    def check_inputs(self, shapes: Sequence[Shape]) -> None:
        """Raise LayerShapeError for a wrong number of inputs or of dimensions."""
        if self.arity is None and len(shapes) < 2:
            raise LayerShapeError("needs a list of at least two inputs, got one")
        if self.arity is not None and len(shapes) != self.arity:
            raise LayerShapeError(
                f"takes one input, got {len(shapes)}", ["Concatenate or Add in front of it"]
            )
        for shape in shapes:
            if self.rank is not None and len(shape) != self.rank:
                expected = RANKS[self.rank]
                repairs = _RANK_REPAIRS.get((self.rank, len(shape)), ())
                if len(shape) == self.rank + 1 > 2 and not repairs:
                    repairs = (f"Input({shape[1:]}), which leaves the batch out",)
                raise LayerShapeError(f"needs {expected}, got {shape_text(shape)}", repairs)


def _plain(value: Any) -> Any:
    """Return numbers of NumPy as Python's, also in tuples: arguments are stored as JSON."""
    if isinstance(value, np.generic):
        return value.item()
    return tuple(map(_plain, value)) if type(value) in (list, tuple) else value


RANKS = {
    1: "one row of numbers a sample",
    2: "sequences of (length, channels)",
    3: "pictures of (height, width, channels)",
    4: "volumes of (depth, height, width, channels)",
}
_RANK_REPAIRS = {
    (1, 2): ("a Flatten or GlobalAveragePooling1D layer in front of it",),
    (1, 3): ("a Flatten or GlobalAveragePooling2D layer in front of it",),
    (1, 4): ("a Flatten or GlobalAveragePooling3D layer in front of it",),
    (2, 1): ("x[..., numpy.newaxis] for sequences of one channel",),
    (3, 2): ("x[..., numpy.newaxis] for grey pictures", "a Reshape layer in front of it"),
    (3, 1): ("a Reshape layer in front of it",),
    (4, 3): ("x[..., numpy.newaxis] for volumes of one channel", "a Reshape layer in front of it"),
}


def shape_text(shape: Shape) -> str:
    """Return a shape as users write it, a single number bare.

    Examples
    --------
    >>> shape_text((28, 28, 1)), shape_text((10,))
    ('(28, 28, 1)', '10 numbers')
    """
    return f"{shape[0]} numbers" if len(shape) == 1 else str(tuple(shape))


def assign_all(weights: Weights, names: Sequence[str], arrays: Sequence[ArrayLike]) -> None:
    """Overwrite weights by name, or none of them where one does not fit.

    Raises
    ------
    ShapeError
        If the number of arrays or a shape differs.
    """
    if not isinstance(arrays, Iterable):
        raise UsageError(f"weights are a list of arrays, not {type(arrays).__name__}.")
    values = [np.asarray(array, dtype=np.float32) for array in arrays]
    if len(values) != len(names):
        raise ShapeError(f"expected {len(names)} arrays ({', '.join(names)}), got {len(values)}.")
    for name, value in zip(names, values, strict=True):
        if value.shape != weights[name].shape:
            raise ShapeError(
                f"{name} has shape {weights[name].shape}; got an array of shape {value.shape}."
            )
    for name, value in zip(names, values, strict=True):
        weights.assign(name, value)


def initialize(
    weights: Weights, layers: Sequence[tuple[str, Layer]], seed: int, keep: Sequence[Layer] = ()
) -> None:
    """Fill a buffer with first values, or with those that ``keep`` layers already hold.

    Parameters
    ----------
    weights : Weights
        Of the model.
    layers : sequence of (str, Layer)
        Names and layers.
    seed : int
        Of the model.
    keep : sequence of Layer
        Layers that were built before and bring their values along.
    """
    by_name = dict(layers)
    for key, entry in enumerate(weights.entries):
        layer_name, weight = entry.name.rsplit("/", 1)
        layer = by_name[layer_name]
        if layer in keep:
            weights.assign(entry.name, getattr(layer, weight))
            continue
        initializer = initializers.get(getattr(layer, f"{weight}_initializer"))
        weights.assign(entry.name, initializer(entry.shape, seed, key))


def from_config(class_name: str, config: dict[str, Any], name: str) -> Layer:
    """Return a layer from plain data.

    Raises
    ------
    ConfigurationError
        If the class is unknown or the data do not fit it.
    """
    cls = REGISTRY.get(class_name)
    if cls is None or isabstract(cls):
        raise ConfigurationError(f"there is no layer {class_name!r}.")
    known = {f.name for f in fields(cls)} - set(_NOT_CONFIGURATION)
    unknown = sorted(set(config) - known)
    if unknown:
        raise ConfigurationError(f"{class_name} {name!r} has no argument {unknown[0]!r}.")
    try:
        layer: Layer = msgspec.convert({**config, "name": name}, cls)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{class_name} {name!r}: {error}") from None
    return layer
