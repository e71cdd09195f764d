"""The programs of training, evaluation and prediction, made from a network's graph."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kernelet.errors import ConfigurationError
from kernelet.model.graph import Graph
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.reduction import BatchMean, RequireFinite, SampleShare
from kernelet.ops.updates import GlobalNorm
from kernelet.plan.gradients import differentiate
from kernelet.program import Program, ProgramBuilder, Value
from kernelet.training.losses import Loss
from kernelet.training.metrics import Metric
from kernelet.training.optimizers import Optimizer

LABELS = "y"
WEIGHT = "weight"
LOSS = "loss"
NORM = "gradient norm"
PREDICTION = "prediction"


def input_name(index: int) -> str:
    """Return what a program calls the network's input of that number."""
    return f"x{index}"


class Objective(msgspec.Struct, frozen=True):
    """What a network is trained and measured by.

    Attributes
    ----------
    loss : Loss
        Minimised.
    metrics : tuple of Metric
        Reported beside the loss, under their names.
    """

    loss: Loss
    metrics: tuple[Metric, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the reported numbers, the loss first."""
        return (LOSS, *(metric.name for metric in self.metrics))


def forward(build: ProgramBuilder, graph: Graph, training: bool) -> list[Value]:
    """Declare the inputs and emit a network; return its outputs."""
    inputs = {
        name: build.input(input_name(k), graph.calls[number].shape)
        for k, (name, number) in enumerate(zip(graph.input_names, graph.inputs, strict=True))
    }
    return graph.lower(build, inputs, training)


def _single_output(graph: Graph) -> None:
    if len(graph.outputs) != 1:
        raise ConfigurationError(
            f"training and evaluation need a network with one output, this one has "
            f"{len(graph.outputs)}. Train a Model(inputs, output) that shares its layers."
        )


class _Measured(msgspec.Struct, frozen=True):
    """What training goes on from: the loss of each sample, and each sample's weight."""

    per_sample: Value
    weight: Value
    mean: Value


def _measure(
    build: ProgramBuilder, graph: Graph, objective: Objective, prediction: Value
) -> _Measured:
    """Emit loss and metrics; the weights of samples count in the loss alone, as in Keras."""
    objective.loss.check_prediction(prediction.shape)
    objective.loss.check_network(build, prediction)
    labels = build.input(LABELS, objective.loss.label_shape(prediction.shape))
    weight = build.input(WEIGHT, ())
    build.layer = LOSS
    targets = objective.loss.targets(build, labels, prediction)
    per_sample = objective.loss.per_sample(build, prediction, targets)
    mean = build.add(BatchMean(), per_sample, weight)
    if objective.metrics:
        one = build.add(Rescale((0.0,), (1.0,)), weight)
        for metric in objective.metrics:
            measured = metric.per_sample(build, prediction, targets)
            build.outputs[metric.name] = build.add(BatchMean(), measured, one)
    build.layer = ""
    return _Measured(per_sample, weight, mean)


def training_program(graph: Graph, objective: Objective, optimizer: Optimizer) -> Program:
    """Return one step of training: forward, loss, backward, update.

    Parameters
    ----------
    graph : Graph
        Of the model.
    objective : Objective
        Loss and metrics.
    optimizer : Optimizer
        Its slots become parameters ``<layer>/<weight>/<slot>``.

    Returns
    -------
    Program
        Inputs ``x0``, ``x1``, …, ``y`` and ``weight`` (of each sample); outputs: the means over
        the batch of loss and metrics, and the norm of the gradients and batch statistics. A
        step whose loss or norm is not finite changes nothing.

    Raises
    ------
    ConfigurationError
        If loss or metrics do not fit the network's output, or there are several outputs.
    """
    _single_output(graph)
    build = ProgramBuilder()
    (prediction,) = forward(build, graph, training=True)
    measured = _measure(build, graph, objective, prediction)
    build.outputs[LOSS] = build.add(RequireFinite(), measured.mean)
    statistics = _measured_statistics(build)
    trained = [p for p in build.parameters if p.role == "weight" and p.trainable]
    seed = build.add(SampleShare(), measured.weight)
    gradients = differentiate(build, measured.per_sample, seed, [p.value for p in trained])
    # A finite loss may come with gradients or statistics that are not: none may reach a weight.
    if gradients or statistics:
        norm = build.add(GlobalNorm(), *gradients, *statistics)
        build.outputs[NORM] = build.add(RequireFinite(), norm)
    optimizer.apply(build, trained, gradients)
    return build.finish()


def _measured_statistics(build: ProgramBuilder) -> list[Value]:
    """Return what running averages take in: the statistics of the batch."""
    averaged = {new: old for old, new in build.updates.items()}
    return [
        value
        for node in build.nodes
        if node.output in averaged
        for value in node.inputs
        if value != averaged[node.output]
    ]


def evaluation_program(graph: Graph, objective: Objective) -> Program:
    """Return loss and metrics of a batch, without training; inputs as for `training_program`."""
    _single_output(graph)
    build = ProgramBuilder()
    (prediction,) = forward(build, graph, training=False)
    build.outputs[LOSS] = _measure(build, graph, objective, prediction).mean
    return build.finish()


def prediction_program(graph: Graph) -> Program:
    """Return the forward pass; outputs ``prediction0``, ``prediction1``, …."""
    build = ProgramBuilder()
    for k, value in enumerate(forward(build, graph, training=False)):
        build.outputs[f"{PREDICTION}{k}"] = value
    return build.finish()


def output_shape(graph: Graph) -> tuple[int, ...]:
    """Return the shape of a sample's prediction, for a network with one output."""
    return graph.calls[graph.outputs[0]].shape


def input_shapes(graph: Graph) -> Sequence[tuple[int, ...]]:
    """Return the shape of a sample for every input of the network."""
    return [graph.calls[number].shape for number in graph.inputs]
