"""Feature maps of every layer against the float64 definition."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet.errors import ShapeError, UsageError
from kernelet.executors.reference import evaluate
from kernelet.explain import feature_maps
from kernelet.layers import (
    Add,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
    RandomFlip,
    Rescaling,
)
from kernelet.model import Model
from kernelet.program import ProgramBuilder, StepContext
from small_networks import full_network, pictures


def branched() -> Model:
    """Branches, a shared layer, statistics, and layers that change nothing outside training."""
    x = Input((9, 7, 3), name="picture")
    start = RandomFlip(name="flip")(x)
    scaled = Rescaling(1 / 255, name="scale")(start)
    shared = Conv2D(3, 3, padding="same", activation="relu", name="shared")
    left = shared(scaled)
    right = Dropout(0.5, name="drop")(shared(left))
    both = Concatenate(name="both")([left, BatchNormalization(name="norm")(right)])
    added = Add(name="added")([both, both])
    pooled = MaxPooling2D(name="pool")(added)
    features = Concatenate(name="features")(
        [GlobalAveragePooling2D(name="means")(pooled), Flatten(name="flat")(pooled)]
    )
    return Model(x, Dense(4, activation="softmax", name="classes")(features))


def defined(model: Model, x: np.ndarray) -> list[np.ndarray]:
    """Return what each call makes of pictures, in float64."""
    build = ProgramBuilder()
    (name,) = model.graph.input_names
    value = build.input(name, x.shape[1:])
    values = model.graph.lower_calls(build, {name: value}, training=False)
    known = {value: x.astype(np.float64)}
    known |= {p.value: model.weights[p.name].astype(np.float64) for p in build.parameters}
    build.outputs |= {str(k): one for k, one in enumerate(values)}
    found = evaluate(build.finish(), known, StepContext(np.arange(len(x))))
    return [found[one] for one in values]


def test_every_call_against_its_definition() -> None:
    model = branched()
    x = np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3)).astype(np.uint8)
    maps = feature_maps(model, x)
    expected = defined(model, x)[1:]
    assert list(maps) == [
        "flip", "scale", "shared", "shared:2", "drop", "norm", "both", "added", "pool",
        "means", "flat", "features", "classes",
    ]  # fmt: skip
    for array, right in zip(maps.values(), expected, strict=True):
        assert array.dtype == np.float32
        assert array.shape == right.shape
        np.testing.assert_allclose(array, right, rtol=1e-5, atol=1e-5)
    assert np.array_equal(maps["flip"], x)
    assert np.array_equal(maps["classes"], model.predict(x))


def test_named_layers_alone() -> None:
    model = full_network()
    images, _ = pictures(3)
    everything = kl.explain.feature_maps(model, images)
    some = kl.explain.feature_maps(model, images, ["conv2d_1", "conv2d"])
    assert list(some) == ["conv2d", "conv2d_1"]
    for name, array in some.items():
        assert np.array_equal(array, everything[name])
    assert list(feature_maps(branched(), np.ones((1, 9, 7, 3)), "shared")) == [
        "shared",
        "shared:2",
    ]
    (given,) = feature_maps(full_network(), images, "input_layer").values()
    assert np.array_equal(given, images)


def test_mistakes() -> None:
    model = full_network()
    images, _ = pictures(2)
    with pytest.raises(UsageError, match=r"there is no layer 'conv2e'\. Did you mean 'conv2d"):
        feature_maps(model, images, "conv2e")
    with pytest.raises(UsageError, match="layers is empty"):
        feature_maps(model, images, [])
    with pytest.raises(ShapeError, match=r"takes \(8, 8, 3\) a sample"):
        feature_maps(model, images[:, :4])
