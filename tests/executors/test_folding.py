"""Normalisation by fixed statistics, folded into the product before it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import kernelet as kl
from kernelet import _engine
from kernelet.executors.base import Run
from kernelet.executors.native import NativeExecutor
from kernelet.model import Model
from kernelet.program import Program
from kernelet.training.programs import prediction_program

LEVELS = pytest.mark.parametrize("isa", _engine.processor().levels)

LAYERS: dict[str, Callable[[], list[kl.layers.Layer]]] = {
    "convolution": lambda: [kl.Conv2D(9, 3), kl.BatchNormalization(), kl.ReLU()],
    "without bias": lambda: [
        kl.Conv2D(9, 3, use_bias=False),
        kl.BatchNormalization(),
        kl.Activation("gelu"),
    ],
    "groups": lambda: [kl.Conv2D(12, 3, groups=2), kl.BatchNormalization(center=False)],
    "transposed": lambda: [
        kl.Conv2DTranspose(5, 3, strides=2),
        kl.BatchNormalization(scale=False),
        kl.ReLU(negative_slope=0.1),
    ],
    "dense": lambda: [kl.Flatten(), kl.Dense(19), kl.BatchNormalization(), kl.Activation("tanh")],
}
FOLDED = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


def network(layers: list[kl.layers.Layer]) -> Model:
    """Return a model whose channels have means far from zero and unequal deviations."""
    model = kl.Sequential([kl.Input((7, 8, 4)), *layers])
    generator = np.random.default_rng(1)
    for name in model.weight_names:
        array = model.weights[name]
        array[...] = generator.normal(0, 0.5, array.shape)
        if name.endswith("moving_variance"):
            array[...] = generator.uniform(0.01, 4, array.shape)
        if name.endswith("moving_mean"):
            array[...] = generator.normal(0, 10, array.shape)
    return model


def pictures(samples: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(samples, 7, 8, 4)).astype(np.float32)


def kernels(program: Program, model: Model) -> list[str]:
    executor = NativeExecutor(program, 32, model.weights.state())
    return [i.kernel for phase in executor.plan.phases for i in phase.instructions]


def relative_error(have: np.ndarray, want: np.ndarray) -> float:
    return float(np.linalg.norm(have - want) / np.linalg.norm(want))


@FOLDED
def test_it_is_part_of_the_product(layers: Callable[[], list[kl.layers.Layer]]) -> None:
    model = network(layers())
    found = kernels(prediction_program(model.graph), model)
    assert not {"normalize", "bias_add", "activate"}.intersection(found)


@LEVELS
@FOLDED
@pytest.mark.parametrize("samples", [1, 17])
def test_it_is_close_to_float64(
    layers: Callable[[], list[kl.layers.Layer]], samples: int, isa: str
) -> None:
    model = network(layers())
    program = prediction_program(model.graph)
    x = pictures(samples)
    got = np.empty((samples, *model.output_shape[1:]), np.float32)
    executor = NativeExecutor(program, samples, model.weights.state(), isa=isa)
    executor.run(Run({"x0": x}, np.arange(samples), {"prediction0": got}))
    assert relative_error(got, model.predict(x, device="reference")) <= 1e-5


@pytest.mark.parametrize("samples", [1, 17])
def test_weights_may_change_between_calls(samples: int) -> None:
    model = network(LAYERS["convolution"]())
    x = pictures(samples)
    before = model.predict(x)
    for name in ("gamma", "beta", "moving_mean", "moving_variance"):
        model.weights[f"batch_normalization/{name}"][...] += 1
        after = model.predict(x)
        assert relative_error(after, before) > 0.01
        assert relative_error(after, model.predict(x, device="reference")) <= 1e-5
        before = after


def test_what_others_read_is_kept() -> None:
    x = kl.Input((7, 8, 4))
    maps = kl.Conv2D(5, 3)(x)
    model = kl.Model(x, [maps, kl.BatchNormalization()(maps)])
    assert "normalize" in kernels(prediction_program(model.graph), model)
    images = pictures(3)
    for have, want in zip(
        model.predict(images), model.predict(images, device="reference"), strict=True
    ):
        assert relative_error(have, want) <= 1e-5


def frozen() -> list[kl.layers.Layer]:
    return [
        kl.Conv2D(6, 3),
        kl.BatchNormalization(trainable=False),
        kl.ReLU(),
        kl.Flatten(),
        kl.Dense(3, activation="softmax"),
    ]


def test_training_goes_through_a_frozen_normalisation() -> None:
    x, y = pictures(40), np.arange(40) % 3
    weights = []
    for device in ("cpu", "reference"):
        model = network(frozen())
        model.compile("sgd", "sparse_categorical_crossentropy")
        model.fit(x, y, 20, epochs=2, verbose=0, precision="float32", device=device)
        weights.append(model.get_weights())
    for have, want in zip(*weights, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-4, atol=1e-5)
