"""The summary of a model: what each layer makes, holds, costs and sees."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from kernelet.errors import ConfigurationError
from kernelet.explain.field_size import FieldSize, field_sizes
from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.layers.naming import snake_case
from kernelet.model.base import Model
from kernelet.ops.shape import Reshape
from kernelet.program import Shape
from kernelet.training.execution import Machine
from kernelet.training.memory import training_memory
from kernelet.training.trainer import Trainer

#: Weights that are added, one for each channel; the others multiply.
BIASES = frozenset({"bias", "beta"})

_FLOAT_BYTES = 4
# Losses that an uncompiled model may be trained with, whatever its output is.
_LOSSES = ("sparse_categorical_crossentropy", "mean_squared_error")


class LayerSummary(msgspec.Struct, frozen=True):
    """One use of a layer.

    Attributes
    ----------
    name, kind : str
        Its name and class.
    shape : tuple of int
        Of the output, without the batch.
    arithmetic : str
        How the size of the output comes about; empty where it is plain.
    weights, biases, statistics : int
        Numbers that multiply (kernels, scales), that are added (biases, offsets), and that are
        measured (running means and variances); 0 where an earlier use of the layer counted them.
    multiply_adds : int
        For one sample.
    activation_bytes : int
        Of the output of one sample in float32; 0 where the layer hands on the numbers it reads,
        unchanged or in another shape.
    receptive_field : FieldSize or None
        What one cell of the output sees of the input; None for rows of numbers and several
        inputs.
    reads : tuple of str
        Names of the layers that it reads.
    """

    name: str
    kind: str
    shape: Shape
    arithmetic: str
    weights: int
    biases: int
    statistics: int
    multiply_adds: int
    activation_bytes: int
    receptive_field: FieldSize | None
    reads: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name and class; the name alone where it comes from the class."""
        own = re.fullmatch(rf"{snake_case(self.kind)}(_\d+)?", self.name) is None
        return f"{self.name} ({self.kind})" if own else self.name


class TrainingForecast(msgspec.Struct, frozen=True):
    """What training will need.

    Attributes
    ----------
    optimizer : str
        The model's, or "adam" where it is not compiled.
    batch_size : int
        Samples a step.
    memory : int
        Bytes beside the process and the data.
    """

    optimizer: str
    batch_size: int
    memory: int


class Summary(msgspec.Struct, frozen=True):
    """All layers of a model and their sums.

    Attributes
    ----------
    name : str
        Of the model.
    layers : tuple of LayerSummary
    weights, biases, statistics, multiply_adds, activation_bytes : int
        Sums; the last two for one sample.
    trainable_parameters : int
        Weights and biases that gradient descent may change.
    training : TrainingForecast or None
        None where nobody asked, or the model cannot be trained as it is, as with several outputs.
    """

    name: str
    layers: tuple[LayerSummary, ...]
    weights: int
    biases: int
    statistics: int
    trainable_parameters: int
    multiply_adds: int
    activation_bytes: int
    training: TrainingForecast | None

    @property
    def parameters(self) -> int:
        """All weights, biases and statistics."""
        return self.weights + self.biases + self.statistics

    @property
    def branches(self) -> bool:
        """Whether any layer reads something else than the layer before it."""
        previous: tuple[str, ...] = ()
        for layer in self.layers:
            if layer.reads != previous:
                return True
            previous = (layer.name,)
        return False

    def to_text(self) -> str:
        """Return a table in plain text, at most some hundred columns wide."""
        from kernelet.explain.summary_table import summary_text

        return summary_text(self)

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """Show the table in notebooks."""
        from kernelet.explain.summary_table import summary_html

        return summary_html(self)


def summarize(
    model: Model,
    batch_size: int | None = None,
    *,
    precision: str = "float32",
    threads: int | None = None,
    forecast: bool = True,
) -> Summary:
    """Return what each layer of a model makes, holds, costs and sees.

    Parameters
    ----------
    model : Model
    batch_size : int, optional
        Samples a step that the memory of training is forecast for; 32 by default, as for `fit`.
    precision, threads
        Of that training, as for `fit`.
    forecast : bool
        Whether to forecast that memory, which takes longer than all the rest.

    Returns
    -------
    Summary
        Prints as a table.

    Raises
    ------
    UsageError
        If the input shape of the model is not known yet.
    ConfigurationError
        If the batch size or the threads are no integer of at least 1, or the precision is unknown.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> _, conv = summarize(Sequential([Input((28, 28, 1)), Conv2D(6, 5)])).layers
    >>> conv.arithmetic, conv.weights, conv.biases, conv.multiply_adds
    ('28 − 5 + 1 = 24', 150, 6, 86400)
    >>> conv.activation_bytes == 4 * 24 * 24 * 6, conv.receptive_field.size
    (True, (5, 5))
    """
    machine = Machine.checked(batch_size, threads, precision=precision)
    graph = model.graph
    held = _held(model)
    fields = field_sizes(graph)
    rows = []
    for number, call in enumerate(graph.calls):
        lowered = lower_call(graph, number)
        weights, biases, statistics = held.pop(call.name, (0, 0, 0))
        row = LayerSummary(
            name=call.name,
            kind=type(call.layer).__name__,
            shape=call.shape,
            arithmetic=call.layer.arithmetic(graph.input_shapes(call)) if call.inputs else "",
            weights=weights,
            biases=biases,
            statistics=statistics,
            multiply_adds=sum(node.cost.multiply_adds for node in lowered.nodes),
            activation_bytes=_activation_bytes(lowered, is_input=not call.inputs),
            receptive_field=fields[number],
            reads=tuple(graph.calls[k].name for k in call.inputs),
        )
        rows.append(row)
    return _totalled(model, rows, _forecast(model, machine) if forecast else None)


def _totalled(
    model: Model, rows: Sequence[LayerSummary], training: TrainingForecast | None
) -> Summary:
    return Summary(
        name=model.name,
        layers=tuple(rows),
        weights=sum(row.weights for row in rows),
        biases=sum(row.biases for row in rows),
        statistics=sum(row.statistics for row in rows),
        trainable_parameters=_trainable(model),
        multiply_adds=sum(row.multiply_adds for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        training=training,
    )


def _held(model: Model) -> dict[str, tuple[int, int, int]]:
    """Return the numbers of weights, biases and statistics by layer."""
    roles = {entry.name: entry.role for entry in model.weights.entries}
    held: dict[str, list[int]] = {}
    for name in model.weight_names:
        layer, weight = name.rsplit("/", 1)
        kind = 2 if roles[name] == "statistic" else 1 if weight in BIASES else 0
        held.setdefault(layer, [0, 0, 0])[kind] += model.weights[name].size
    return {layer: (counts[0], counts[1], counts[2]) for layer, counts in held.items()}


def _trainable(model: Model) -> int:
    roles = {entry.name: entry.role for entry in model.weights.entries}
    layers = model.graph.layers
    return sum(
        model.weights[name].size
        for name in model.weight_names
        if roles[name] == "weight" and layers[name.rsplit("/", 1)[0]].trainable
    )


def _activation_bytes(call: LoweredCall, *, is_input: bool) -> int:
    computes = any(not isinstance(node.op, Reshape) for node in call.nodes)
    return _FLOAT_BYTES * call.output.size if computes or is_input else 0


def _forecast(model: Model, machine: Machine) -> TrainingForecast | None:
    for trainer in _trainers(model):
        try:
            memory = training_memory(trainer, machine)
        except ConfigurationError:
            continue
        return TrainingForecast(trainer.optimizer.name, machine.batch_size, memory)
    return None


def _trainers(model: Model) -> list[Trainer]:
    """Return the model's own trainer, or those that may suit a model that is not compiled."""
    if model.compiled:
        return [model.trainer]
    return [Trainer(model, "adam", loss) for loss in _LOSSES]
