"""Filters are packed for a prediction only where they have changed since the last one."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet.model import Model


def network() -> Model:
    """Return a network whose filters are packed in every way."""
    layers = kl.layers
    return kl.Sequential(
        [
            layers.Input((16, 16, 16)),
            layers.Conv2D(24, 3, padding="same", name="winograd"),
            layers.BatchNormalization(name="folded"),
            layers.Conv2D(4, 1, activation="relu", name="pointwise"),
            layers.Flatten(),
            layers.Dense(5, name="dense"),
        ]
    )


@pytest.mark.parametrize("samples", [1, 40])
@pytest.mark.parametrize(
    "name",
    [
        "winograd/kernel",
        "winograd/bias",
        "folded/moving_variance",
        "pointwise/kernel",
        "dense/kernel",
    ],
)
def test_a_weight_written_through_a_view_is_noticed(samples: int, name: str) -> None:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((samples, 16, 16, 16)).astype(np.float32)
    model, other = network(), network()
    model.set_weights(other.get_weights())
    first = model.predict(x)
    np.testing.assert_array_equal(model.predict(x), first)
    for changed in (model, other):
        changed.weights[name].ravel()[0] += 0.5
    second = model.predict(x)
    np.testing.assert_array_equal(second, other.predict(x))
    assert np.any(second != first)


def test_training_between_predictions_is_noticed() -> None:
    generator = np.random.default_rng(2)
    x = generator.standard_normal((32, 16, 16, 16)).astype(np.float32)
    y = generator.integers(0, 5, 32)
    model, other = network(), network()
    model.predict(x)
    model.compile("sgd", kl.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, epochs=1, verbose=0)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(model.predict(x), other.predict(x))
