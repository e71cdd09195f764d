"""Layers with sliding windows in one, two and three dimensions, as parts of models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kernelet as kl
from kernelet import layers
from kernelet.explain.summary import summarize
from kernelet.layers import Input


def sequences() -> list[Any]:
    return [
        Input((40, 3)),
        layers.Conv1D(8, 5, padding="causal", activation="relu"),
        layers.MaxPooling1D(2),
        layers.Conv1DTranspose(4, 3, strides=2, padding="same"),
        layers.AveragePooling1D(3, strides=2, padding=(1, 0)),
        layers.GlobalMaxPooling1D(),
    ]


def pictures() -> list[Any]:
    return [
        Input((12, 14, 2)),
        layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=(1, 0)),
        layers.GlobalAveragePooling2D(),
    ]


def volumes() -> list[Any]:
    return [
        Input((6, 8, 7, 1)),
        layers.Conv3D(4, (1, 3, 3), padding=(0, 1, (2, 0)), activation="relu"),
        layers.AveragePooling3D(2),
        layers.Conv3DTranspose(3, 2, strides=2),
        layers.MaxPooling3D((1, 2, 2)),
        layers.GlobalAveragePooling3D(),
    ]


NETWORKS = (sequences, pictures, volumes)
EVERY_NETWORK = pytest.mark.parametrize("network", NETWORKS)


@EVERY_NETWORK
def test_a_saved_model_computes_the_same(network: Callable[[], list[Any]], tmp_path: Path) -> None:
    model = kl.Sequential([*network(), layers.Dense(2)])
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).standard_normal((5, *shape), np.float32)
    model.save(tmp_path / "model.safetensors")
    loaded = kl.load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert [repr(layer) for layer in loaded.layers] == [repr(layer) for layer in model.layers]


@EVERY_NETWORK
def test_a_model_learns_through_every_layer(network: Callable[[], list[Any]]) -> None:
    model = kl.Sequential([*network(), layers.Dense(1)])
    shape = model.input_shape[1:]
    generator = np.random.default_rng(1)
    y = generator.uniform(-1, 1, (64, 1)).astype(np.float32)
    noise = generator.standard_normal((64, *shape), np.float32)
    x = 0.1 * noise + y.reshape(64, *[1] * len(shape))
    model.compile(optimizer=kl.optimizers.Adam(0.02), loss="mse")
    before = model.get_weights()
    losses = model.fit(x, y, batch_size=32, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert all(np.any(old != new) for old, new in zip(before, model.get_weights(), strict=True))


def test_the_summary_shows_the_arithmetic_of_each_axis() -> None:
    rows = [summarize(kl.Sequential(network())).layers for network in NETWORKS]
    assert [row.arithmetic for row in rows[0][1:5]] == [
        "40 + 4 − 5 + 1 = 40",
        "⌊(40 − 2) / 2⌋ + 1 = 20",
        "(20 − 1) · 2 + 3 − 1 = 40",
        "⌊(40 + 1 − 3) / 2⌋ + 1 = 20",
    ]
    assert rows[1][2].arithmetic == "(6 − 1) · 2 + 3 − 1 = 12; (7 − 1) · 2 + 3 − 2 = 13"
    assert rows[2][1].arithmetic == "6 − 1 + 1 = 6; 8 + 2 − 3 + 1 = 8; 7 + 2 − 3 + 1 = 7"
    # Every cell of the input meets every cell of a filter, for every pair of channels.
    assert rows[1][2].multiply_adds == 6 * 7 * 3 * 3 * 8 * 4
    assert rows[2][1].multiply_adds == 6 * 8 * 7 * 1 * 3 * 3 * 1 * 4


FUNCTIONS: list[tuple[layers.Layer, Callable[..., Any], tuple[int, ...]]] = [
    (layers.Conv1D(4, 3, strides=2, padding="same"), kl.conv1d, (9, 2)),
    (layers.Conv2D(4, 3, dilation_rate=2, padding="full"), kl.conv2d, (9, 8, 2)),
    (layers.Conv3D(4, 2, groups=2), kl.conv3d, (5, 6, 4, 2)),
    (layers.Conv1DTranspose(4, 3, strides=2), kl.conv1d_transpose, (9, 2)),
    (layers.Conv2DTranspose(4, 3, strides=3, padding="same"), kl.conv2d_transpose, (5, 4, 2)),
    (layers.Conv3DTranspose(4, 2, dilation_rate=2), kl.conv3d_transpose, (3, 4, 5, 2)),
]


@pytest.mark.parametrize(
    ("layer", "function", "shape"),
    FUNCTIONS,
    ids=lambda case: getattr(case, "__name__", repr(case)),  # a function's repr holds an address
)
def test_a_layer_computes_what_its_function_computes(
    layer: Any, function: Callable[..., Any], shape: tuple[int, ...]
) -> None:
    x = np.random.default_rng(2).integers(-4, 5, (3, *shape)).astype(np.float32)
    layer(x)
    weights = [
        np.random.default_rng(k).integers(-4, 5, w.shape) for k, w in enumerate(layer.get_weights())
    ]
    layer.set_weights(weights)
    options = {"strides": layer.strides, "padding": layer.padding}
    options["dilation_rate"] = layer.dilation_rate
    if hasattr(layer, "groups"):
        options["groups"] = layer.groups
    expected = function(x.astype(np.float64), *weights, **options)
    np.testing.assert_array_equal(layer(x), expected)
