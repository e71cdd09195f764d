"""Gradients of whole networks against central differences, in float64."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from kernelet import layers, losses
from kernelet.executors.base import State
from kernelet.executors.reference import evaluate
from kernelet.layers import Input
from kernelet.losses import Loss
from kernelet.model import Model
from kernelet.optimizers import SGD
from kernelet.program import Array, StepContext
from kernelet.training.programs import Objective, training_program
from small_networks import CLASSES, full_network, plain_network

EPSILON = 1e-6


def _branched() -> Model:
    x = Input((6, 6, 2))
    left = layers.Conv2D(3, 3, padding="same", activation="tanh")(x)
    right = layers.Conv2D(3, 1, activation="silu")(x)
    joined = layers.Concatenate()([layers.Add()([left, right]), right])
    pooled = layers.AveragePooling2D()(joined)
    return Model(x, layers.Dense(CLASSES)(layers.GlobalAveragePooling2D()(pooled)), seed=2)


def _batch(model: Model, loss: Loss) -> dict[str, Array]:
    generator = np.random.default_rng(8)
    shape = model.graph.calls[model.graph.inputs[0]].shape
    labels = generator.integers(0, CLASSES, 7)
    return {
        "x0": generator.normal(size=(7, *shape)) * 50,
        "y": labels.astype(np.float64) if loss.sparse else np.eye(CLASSES)[labels],
        "weight": generator.uniform(0.5, 2, 7),
    }


class _Step:
    """Loss and update of one step of plain descent with learning rate 1, in float64."""

    def __init__(self, model: Model, loss: Loss) -> None:
        self.program = training_program(model.graph, Objective(loss), SGD(1.0))
        self.offsets = {name: model.weights.offset(name) for name in model.weights}
        batch = _batch(model, loss)
        self.inputs = {value: batch[name] for name, value in self.program.inputs.items()}

    def __call__(self, weights: Array) -> tuple[float, Array]:
        """Return the loss and the gradient, laid out as the weights."""
        state = State(weights, np.zeros(0), self.offsets)
        known = {p.value: state.view(p).astype(np.float64) for p in self.program.parameters}
        context = StepContext(np.arange(7), seed=4, epoch=0, step=1, learning_rate=1.0)
        values = evaluate(self.program, self.inputs | known, context)
        updated = State(weights.copy(), np.zeros(0), self.offsets)
        for parameter in self.program.parameters:
            if parameter.trainable and parameter.value in self.program.updates:
                new = values[self.program.updates[parameter.value]]
                updated.view(parameter)[...] = new
        return float(values[self.program.outputs["loss"]]), weights - updated.parameters


@pytest.mark.parametrize("make", [plain_network, full_network, _branched])
@pytest.mark.parametrize(
    "loss",
    [
        losses.SparseCategoricalCrossentropy(label_smoothing=0.1),
        losses.CategoricalCrossentropy(),
        losses.BinaryCrossentropy(),
        losses.MeanSquaredError(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_gradients_of_networks(make: Callable[[], Model], loss: Loss) -> None:
    model = make()
    if make is _branched and not isinstance(loss, losses.MeanSquaredError):
        loss = dataclasses.replace(loss, from_logits=True)  # type: ignore[type-var]
    step = _Step(model, loss)
    weights = model.weights.buffer.astype(np.float64)
    _, gradient = step(weights)
    trained = np.flatnonzero(gradient[: model.weights.weight_floats])
    for index in np.random.default_rng(0).choice(trained, 25, replace=False):
        change = np.zeros_like(weights)
        change[index] = EPSILON
        numeric = (step(weights + change)[0] - step(weights - change)[0]) / (2 * EPSILON)
        assert gradient[index] == pytest.approx(numeric, rel=1e-3, abs=1e-5)


def test_frozen_layers_do_not_change() -> None:
    model = plain_network()
    frozen = model.layers[1]
    frozen.trainable = False
    before = [w.copy() for w in frozen.get_weights()]
    x = np.random.default_rng(0).integers(0, 255, (32, 8, 8, 3)).astype(np.uint8)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(32) % CLASSES, verbose=0)
    for old, new in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not any("conv2d" in name for name in model.trainer.slots)
    assert any("dense" in name for name in model.trainer.slots)
