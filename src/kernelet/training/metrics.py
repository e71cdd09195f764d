"""Metrics by Keras' names: one number a sample, averaged over all samples seen."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from kernelet.errors import ConfigurationError
from kernelet.layers.keywords import ChecksKeywords
from kernelet.ops import losses as loss_ops
from kernelet.ops import metrics as metric_ops
from kernelet.program import Op, ProgramBuilder, Shape, Value
from kernelet.training.losses import Loss
from kernelet.training.names import lookup


class Metric(ChecksKeywords, ABC):
    """A number for people to read; training does not follow it."""

    name: str
    direction: ClassVar[str] = "max"
    """Whether "max" or "min" is better."""

    @abstractmethod
    def op(self, prediction: Shape) -> Op:
        """Return the operation ``(prediction, targets) → number``.

        Raises
        ------
        ConfigurationError
            If the metric makes no sense for predictions of this shape.
        """

    def per_sample(self, build: ProgramBuilder, prediction: Value, targets: Value) -> Value:
        """Emit the metric of each sample, of shape ()."""
        return build.add(self.op(prediction.shape), prediction, targets)


def _require_classes(name: str, shape: Shape) -> None:
    if len(shape) != 1 or shape[0] < 2:
        raise ConfigurationError(
            f"the metric {name} needs one number for each of at least two classes, and the "
            f"network's output has shape {shape}."
        )


@dataclass(frozen=True)
class Accuracy(Metric):
    """Share of samples whose most probable class is right, or of numbers on the right side of ½.

    One number a class is compared by the largest; a single number by the threshold one half.
    """

    name: str = field(default="accuracy", kw_only=True)

    def op(self, prediction: Shape) -> Op:
        if prediction[-1:] == (1,):
            return metric_ops.BinaryAccuracy(0.5)
        _require_classes(self.name, prediction)
        return metric_ops.TopKAccuracy(1)


@dataclass(frozen=True)
class CategoricalAccuracy(Metric):
    """Share of samples whose most probable class is right, targets being one number a class."""

    name: str = field(default="categorical_accuracy", kw_only=True)

    def op(self, prediction: Shape) -> Op:
        _require_classes(self.name, prediction)
        return metric_ops.TopKAccuracy(1)


@dataclass(frozen=True)
class SparseCategoricalAccuracy(CategoricalAccuracy):
    """Share of samples whose most probable class is right, targets being class numbers."""

    name: str = field(default="sparse_categorical_accuracy", kw_only=True)


@dataclass(frozen=True)
class TopKCategoricalAccuracy(Metric):
    """Share of samples whose class is among the k most probable.

    Attributes
    ----------
    k : int
        How many classes count.
    name : str
        Key in the history.
    """

    k: int = 5
    name: str = field(default="top_k_categorical_accuracy", kw_only=True)

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigurationError(f"k must be at least 1, not {self.k!r}.")

    def op(self, prediction: Shape) -> Op:
        _require_classes(self.name, prediction)
        return metric_ops.TopKAccuracy(self.k)


@dataclass(frozen=True)
class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The same for targets that are class numbers."""

    name: str = field(default="sparse_top_k_categorical_accuracy", kw_only=True)


@dataclass(frozen=True)
class BinaryAccuracy(Metric):
    """Share of numbers on the right side of a threshold.

    Attributes
    ----------
    threshold : float
        Predictions above it mean 1; use 0 for logits.
    name : str
        Key in the history.
    """

    threshold: float = 0.5
    name: str = field(default="binary_accuracy", kw_only=True)

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise ConfigurationError(f"threshold must be a finite number, not {self.threshold!r}.")

    def op(self, prediction: Shape) -> Op:
        return metric_ops.BinaryAccuracy(self.threshold)


@dataclass(frozen=True)
class MeanSquaredError(Metric):
    """Mean of the squared differences."""

    name: str = field(default="mean_squared_error", kw_only=True)
    direction: ClassVar[str] = "min"

    def op(self, prediction: Shape) -> Op:
        return loss_ops.SquaredError()


@dataclass(frozen=True)
class MeanAbsoluteError(Metric):
    """Mean of the absolute differences."""

    name: str = field(default="mean_absolute_error", kw_only=True)
    direction: ClassVar[str] = "min"

    def op(self, prediction: Shape) -> Op:
        return metric_ops.AbsoluteError()


METRICS: dict[str, type[Metric]] = {
    "accuracy": Accuracy,
    "acc": Accuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "binary_accuracy": BinaryAccuracy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
}


def get(metric: str | Metric) -> Metric:
    """Return a metric from its name, which becomes its key in the history, or the metric itself.

    Raises
    ------
    ConfigurationError
        If there is no metric of that name.

    Examples
    --------
    >>> get("acc").name
    'acc'
    """
    if isinstance(metric, Metric):
        return metric
    kind = lookup("metric", metric, METRICS)
    return kind(name=metric)


def _check_labels(metric: Metric, loss: Loss) -> None:
    for_numbers = isinstance(metric, SparseCategoricalAccuracy | SparseTopKCategoricalAccuracy)
    for_rows = not for_numbers and isinstance(metric, CategoricalAccuracy | TopKCategoricalAccuracy)
    if for_rows if loss.sparse else for_numbers:
        raise ConfigurationError(
            f"the metric {metric.name} and the loss {loss.name} expect different labels; "
            'use the metric "accuracy", which takes either, or the one that fits the loss.'
        )


def resolve(metrics: str | Metric | Sequence[str | Metric], loss: Loss) -> tuple[Metric, ...]:
    """Return the metrics of ``compile``.

    Raises
    ------
    ConfigurationError
        If two have one name, or one does not go with the loss.
    """
    listed = [metrics] if isinstance(metrics, str | Metric) else metrics
    resolved = tuple(get(metric) for metric in listed)
    names = ["loss", *(metric.name for metric in resolved)]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two metrics are called {name!r}; give one another name.")
    for metric in resolved:
        _check_labels(metric, loss)
    return resolved
