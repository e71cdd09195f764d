"""Losses by Keras' names: how labels become targets, and what is minimised."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.errors import ConfigurationError, DataError
from kernelet.executors.reference import evaluate
from kernelet.layers.keywords import ChecksKeywords
from kernelet.layers.problems import repair_line
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    OneHot,
    SoftmaxCrossEntropy,
    SquaredError,
)
from kernelet.ops.softmax import Softmax
from kernelet.program import Node, Op, ProgramBuilder, Shape, StepContext, Value
from kernelet.training.label_repairs import LabelKind, repairs_of_classes, repairs_of_shares
from kernelet.training.last_layer import require_logits, require_probabilities
from kernelet.training.names import lookup

# Sums of float32 shares may miss 1 by so much.
_ROUNDING = 1e-3


def producer(build: ProgramBuilder, value: Value) -> Node | None:
    """Return the operation that made a value, None for inputs and parameters."""
    return next((node for node in build.nodes if value in node.outputs), None)


def before_activation(build: ProgramBuilder, prediction: Value, activation: Op) -> Value | None:
    """Return what an activation was applied to, None where the prediction is not its result."""
    node = producer(build, prediction)
    return node.inputs[0] if node is not None and node.op == activation else None


def _require_classes(labels: NDArray[Any], classes: int) -> None:
    """Raise DataError unless every label is the number of a class."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes) | (labels != np.floor(labels)))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"y[{row}] is {labels[row]:g}, and the network has {classes} outputs: labels must be "
            f"0 to {classes - 1}; {wrong.size:,} of {len(labels):,} are not."
            + repair_line(repairs_of_classes(labels, classes))
        )


def _require_shares(labels: NDArray[Any], loss: str) -> None:
    """Raise DataError unless numbers of yes and no are from 0 to 1."""
    inside = ((labels >= 0) & (labels <= 1)).reshape(len(labels), -1)
    if not inside.all():
        row = int(np.flatnonzero(~inside.all(axis=1))[0])
        value = labels[row].ravel()[~inside[row]][0]
        raise DataError(
            f"y[{row}] holds {value:g}: the loss {loss} needs numbers from 0 to 1."
            + repair_line(repairs_of_shares(labels))
        )


def _require_one_class(labels: NDArray[Any]) -> None:
    """Raise DataError unless each label shares out at most 1 over the classes."""
    negative: NDArray[np.bool_] = np.any(labels < 0, axis=1)
    wrong = np.flatnonzero(negative | (labels.sum(axis=1, dtype=np.float64) > 1 + _ROUNDING))
    if wrong.size:
        row = int(wrong[0])
        problem = "holds numbers below 0" if negative[row] else f"adds up to {labels[row].sum():g}"
        raise DataError(
            f"y[{row}] {problem}: each label is one class, whose numbers add up to 1;"
            f" {wrong.size:,} of {len(labels):,} labels are not."
            + repair_line(
                [
                    'the loss "binary_crossentropy" behind a sigmoid for several classes at once',
                    "y / y.sum(axis=1, keepdims=True) for counts",
                ]
            )
        )


class Loss(ChecksKeywords, ABC):
    """What training minimises: one number a sample, averaged over the batch."""

    name: str
    labels: ClassVar[LabelKind] = "other"
    """Whether a label is the number of a class, one number a class, or like a prediction."""

    @property
    def sparse(self) -> bool:
        """Whether a label is the number of a class."""
        return self.labels == "sparse"

    def label_shape(self, prediction: Shape) -> Shape:
        """Return the shape of one sample's label."""
        return () if self.sparse else prediction

    def targets(self, build: ProgramBuilder, labels: Value, prediction: Value) -> Value:
        """Emit what turns labels into targets of the prediction's shape."""
        return build.add(OneHot(prediction.shape[-1]), labels) if self.sparse else labels

    @abstractmethod
    def per_sample(self, build: ProgramBuilder, prediction: Value, targets: Value) -> Value:
        """Emit the loss of each sample, of shape ()."""

    def check_prediction(self, shape: Shape) -> None:
        """Raise ConfigurationError for a network whose output the loss cannot take."""
        if not math.prod(shape):
            raise ConfigurationError(f"the network's output of shape {shape} holds no number.")

    def check_network(self, build: ProgramBuilder, prediction: Value) -> None:
        """Raise ConfigurationError for a network that ends in what the loss does not take."""

    def check_labels(self, labels: NDArray[Any], prediction: Shape) -> None:
        """Raise DataError for labels that make no sense; their shape is right already."""
        if self.sparse:
            _require_classes(labels, prediction[-1])

    def __call__(self, y_true: ArrayLike, y_pred: ArrayLike) -> float:
        """Return the mean loss of predictions, computed in float64.

        Parameters
        ----------
        y_true : array_like, shape (samples, ...)
            Labels.
        y_pred : array_like, shape (samples, ...)
            Predictions.
        """
        predicted = np.asarray(y_pred, np.float64)
        shape = predicted.shape[1:]
        self.check_prediction(shape)
        labels = np.asarray(y_true, np.float64).reshape(len(predicted), *self.label_shape(shape))
        self.check_labels(labels, shape)
        build = ProgramBuilder()
        prediction = build.input("prediction", shape)
        y = build.input("y", self.label_shape(shape))
        result = self.per_sample(build, prediction, self.targets(build, y, prediction))
        build.outputs["loss"] = result
        context = StepContext(np.arange(len(predicted)), 0, 0, 1, 0.0)
        values = evaluate(build.finish(), {prediction: predicted, y: labels}, context)
        return float(values[result].mean())


def _require_smoothing(value: float) -> None:
    if not (math.isfinite(value) and 0 <= value < 1):
        raise ConfigurationError(f"label_smoothing must be at least 0 and below 1, not {value!r}.")


def _smoothed(build: ProgramBuilder, targets: Value, smoothing: float, classes: int) -> Value:
    """Emit targets of which a share is spread evenly over all classes."""
    if not smoothing:
        return targets
    return build.add(Rescale((1 - smoothing,), (smoothing / classes,)), targets)


class _Categorical(Loss):
    """Cross-entropy of one class among several."""

    from_logits: bool
    label_smoothing: float

    def check_prediction(self, shape: Shape) -> None:
        if len(shape) != 1 or shape[0] < 2:
            raise ConfigurationError(
                f"the loss {self.name} needs one number for each of at least two classes, and the "
                f"network's output has shape {shape}. End the network with Dense(classes), or use "
                'the loss "binary_crossentropy" for a single number.'
            )

    def check_network(self, build: ProgramBuilder, prediction: Value) -> None:
        if self.from_logits:
            require_logits(build, prediction, self.name, "softmax")
        else:
            require_probabilities(build, prediction, self.name, "softmax")

    def per_sample(self, build: ProgramBuilder, prediction: Value, targets: Value) -> Value:
        smoothed = _smoothed(build, targets, self.label_smoothing, prediction.shape[-1])
        if self.from_logits:
            return build.add(SoftmaxCrossEntropy(), prediction, smoothed)
        # The cross-entropy of a softmax is exact from the logits, where its own is clipped.
        logits = before_activation(build, prediction, Softmax())
        if logits is not None and len(logits.shape) == 1:
            return build.add(SoftmaxCrossEntropy(), logits, smoothed)
        return build.add(CategoricalCrossEntropy(), prediction, smoothed)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(_Categorical):
    """Cross-entropy of a class given by its number.

    Attributes
    ----------
    from_logits : bool
        Whether predictions come before the softmax.
    label_smoothing : float
        Share of every target that is spread evenly over all classes.
    name : str
        For messages.

    Examples
    --------
    >>> round(SparseCategoricalCrossentropy()([1], [[0.25, 0.75]]), 4)
    0.2877
    """

    from_logits: bool = False
    label_smoothing: float = field(default=0.0, kw_only=True)
    name: str = field(default="sparse_categorical_crossentropy", kw_only=True)
    labels: ClassVar[LabelKind] = "sparse"

    def __post_init__(self) -> None:
        _require_smoothing(self.label_smoothing)


@dataclass(frozen=True)
class CategoricalCrossentropy(_Categorical):
    """Cross-entropy of a class given as one number a class, for example 1 at it and 0 elsewhere.

    Attributes
    ----------
    from_logits : bool
        Whether predictions come before the softmax.
    label_smoothing : float
        Share of every target that is spread evenly over all classes.
    name : str
        For messages.

    Examples
    --------
    >>> round(CategoricalCrossentropy()([[0, 1]], [[0.25, 0.75]]), 4)
    0.2877
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    name: str = field(default="categorical_crossentropy", kw_only=True)
    labels: ClassVar[LabelKind] = "categorical"

    def __post_init__(self) -> None:
        _require_smoothing(self.label_smoothing)

    def check_labels(self, labels: NDArray[Any], prediction: Shape) -> None:
        _require_one_class(labels)


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """Mean cross-entropy of numbers that are each yes (1) or no (0).

    Attributes
    ----------
    from_logits : bool
        Whether predictions come before the sigmoid.
    label_smoothing : float
        Share of every target that is moved to one half.
    name : str
        For messages.

    Examples
    --------
    >>> round(BinaryCrossentropy()([[1]], [[0.75]]), 4)
    0.2877
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    name: str = field(default="binary_crossentropy", kw_only=True)

    def __post_init__(self) -> None:
        _require_smoothing(self.label_smoothing)

    def check_labels(self, labels: NDArray[Any], prediction: Shape) -> None:
        _require_shares(labels, self.name)

    def check_network(self, build: ProgramBuilder, prediction: Value) -> None:
        if self.from_logits:
            require_logits(build, prediction, self.name, "sigmoid")
        else:
            require_probabilities(build, prediction, self.name, "sigmoid")

    def per_sample(self, build: ProgramBuilder, prediction: Value, targets: Value) -> Value:
        smoothed = _smoothed(build, targets, self.label_smoothing, 2)
        if self.from_logits:
            return build.add(BinaryCrossEntropy(True), prediction, smoothed)
        logits = before_activation(build, prediction, Activate("sigmoid"))
        if logits is not None:
            return build.add(BinaryCrossEntropy(True), logits, smoothed)
        return build.add(BinaryCrossEntropy(False), prediction, smoothed)


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """Mean of the squared differences.

    Examples
    --------
    >>> MeanSquaredError()([[1, 2]], [[1, 4]])
    2.0
    """

    name: str = field(default="mean_squared_error", kw_only=True)

    def per_sample(self, build: ProgramBuilder, prediction: Value, targets: Value) -> Value:
        return build.add(SquaredError(), prediction, targets)


LOSSES: dict[str, type[Loss]] = {
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
}


def get(loss: str | Loss) -> Loss:
    """Return a loss from its name, or the loss itself.

    Raises
    ------
    ConfigurationError
        If there is no loss of that name.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    """
    if isinstance(loss, Loss):
        return loss
    return lookup("loss", loss, LOSSES)()
