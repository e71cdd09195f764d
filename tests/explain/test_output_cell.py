"""One output cell against the definition of the whole network in float64."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import kernelet as kl
from kernelet import layers
from kernelet.errors import UsageError
from kernelet.explain import feature_maps, output_cell, sliding_window
from kernelet.explain.cell_stages import Applied, OutputCell, Pooled, WeightedSum
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from small_networks import full_network, pictures


def everything() -> Model:
    """A layer of every kind, with strides, dilation, groups and every padding."""
    x = Input((11, 9, 3), name="picture")
    start = layers.Rescaling((0.1, 0.2, 0.3), (1.0, -1.0, 0.5), name="scale")(x)
    strided = layers.Conv2D(4, (3, 2), strides=(2, 1), padding="same", name="strided")(start)
    normal = layers.BatchNormalization(name="norm")(strided)
    grouped = layers.Conv2D(
        4, 3, groups=2, padding="full", dilation_rate=(1, 2), activation="gelu", name="grouped"
    )(normal)
    highest = layers.MaxPooling2D(3, 2, padding="same", name="highest")(grouped)
    mean = layers.AveragePooling2D((2, 3), padding="same", name="mean")(highest)
    up = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="tanh", name="up")(mean)
    slope = layers.LeakyReLU(0.1, name="slope")(up)
    both = layers.Concatenate(name="both")([slope, up])
    total = layers.Add(name="total")([slope, up, slope])
    features = layers.Concatenate(name="features")(
        [
            layers.Flatten(name="flat")(both),
            layers.GlobalMaxPooling2D(name="global")(total),
            layers.Dropout(0.5, name="drop")(layers.GlobalAveragePooling2D(name="means")(total)),
        ]
    )
    hidden = layers.Dense(6, activation="silu", name="hidden")(features)
    model = Model(x, layers.Dense(4, activation="softmax", name="classes")(hidden))
    random = np.random.default_rng(7)
    for name in model.weight_names:
        values = random.normal(0, 0.5, model.weights[name].shape)
        model.weights.assign(name, np.abs(values) if "variance" in name else values)
    return model


def recomputed(cell: OutputCell) -> None:
    """Check that every stage follows from the numbers it shows."""
    for stage in cell.stages:
        match stage:
            case WeightedSum():
                assert np.array_equal(stage.products, stage.values * stage.weights)
                assert stage.value == pytest.approx(math.fsum(stage.products.ravel()))
                assert stage.contributions.sum() == pytest.approx(stage.value)
            case Pooled(kind="maximum"):
                assert stage.value == stage.values[stage.inside].max()
                assert stage.winner is not None
                assert stage.inside[stage.winner]
                assert stage.values[stage.winner] == stage.value
            case Pooled():
                assert stage.value == pytest.approx(stage.values[stage.inside].mean())
            case Applied(kind="bias" | "sum"):
                assert stage.value == sum(stage.numbers.values())
    for before, after in itertools.pairwise(cell.stages):
        assert isinstance(after, Applied)
        assert after.numbers["x"] == pytest.approx(before.value, rel=1e-12, abs=1e-12)


def test_every_cell_of_every_layer() -> None:
    model = everything()
    x = np.random.default_rng(1).integers(0, 256, (11, 9, 3)).astype(np.uint8)
    maps = feature_maps(model, x[np.newaxis])
    scale = {name: float(np.abs(array).max()) for name, array in maps.items()}
    random = np.random.default_rng(2)
    for name, array in maps.items():
        positions = list(np.ndindex(array.shape[1:]))
        corners = [positions[0], positions[-1]]
        some = random.permutation(len(positions))[:8]
        for position in [*corners, *(positions[k] for k in some)]:
            cell = output_cell(model, x, name, position)
            assert cell.value == pytest.approx(array[0][position], abs=2e-6 * scale[name])
            recomputed(cell)
            assert cell.to_text().startswith(f"{name} ({cell.kind}) {list(position)}, from ")


def test_same_as_the_sliding_window() -> None:
    x = np.random.default_rng(3).integers(0, 9, (5, 6, 1)).astype(np.uint8)
    window = np.array([[1, 2, 0], [0, -1, 3]])
    conv = layers.Conv2D(1, (2, 3), name="conv")
    model = Sequential([Input(x.shape), conv])
    model.set_weights([window[..., np.newaxis, np.newaxis], [0]])
    for step in sliding_window(x[..., 0], window).steps:
        stage = output_cell(model, x, "conv", (*step.cell, 0)).stages[0]
        assert isinstance(stage, WeightedSum)
        assert np.array_equal(stage.values[..., 0], step.values)
        assert np.array_equal(stage.products[..., 0], step.products)
        assert (stage.corner, stage.value) == (step.corner, step.total)


def test_colour_contributions_stand_apart() -> None:
    model = full_network()
    images, _ = pictures(1)
    stage = kl.explain.output_cell(model, images[0], "conv2d", (0, 3, 2)).stages[0]
    assert isinstance(stage, WeightedSum)
    assert stage.contributions.shape == (3,)
    assert not stage.inside[0].any()
    assert stage.inside[1:].all()
    assert stage.corner == (-1, 2)
    assert not stage.values[0].any()


def test_text() -> None:
    model = Sequential(
        [
            Input((2, 2, 2)),
            layers.Conv2D(1, 2, padding="same", use_bias=False, name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(name="flat"),
            layers.Dense(2, activation="softmax", name="dense"),
        ]
    )
    kernel = np.arange(-3, 5).reshape(2, 2, 2, 1)
    model.set_weights([kernel, [2], [1], [10], [4], [[1, -1]], [0, 0.5]])
    x = np.arange(8).reshape(2, 2, 2)
    text = output_cell(model, x, "conv", (1, 1, 0)).to_text()
    assert text == (
        "conv (Conv2D) [1, 1, 0], from input_layer\n"
        "channel 0\n"
        "    6·(−3) + (0)·(−1)\n"
        "+    (0)·1 +    (0)·3 = −18\n"
        "channel 1\n"
        "  7·(−2) +  (0)·0\n"
        "+  (0)·2 +  (0)·4 = −14\n"
        "sum of products: −32"
    )
    assert output_cell(model, x, "pool", (0, 0, 0)).to_text() == (
        "pool (MaxPooling2D) [0, 0, 0], from conv\n 56    8\n−28  −32\nmaximum: 56, at [0, 0]"
    )
    assert output_cell(model, x, "norm", (0, 0, 0)).to_text() == (
        "norm (BatchNormalization) [0, 0, 0], from pool\n"
        "normalization: (56 − 10) / √(4 + 0.001) · 2 + 1 = 46.99"
    )
    assert output_cell(model, x, "flat", 0).to_text() == (
        "flat (Flatten) [0], from norm\ncopied: 46.99"
    )
    assert output_cell(model, x, "dense", 1).to_text() == (
        "dense (Dense) [1], from flat\n"
        "     −46.994  input 0: 46.99·(−1)\n"
        "sum of products: −46.99\n"
        "bias: −46.99 + 0.5 = −46.49\n"
        "softmax: e^(−46.49 − 46.99) / 1 = 2.503e−41"
    )


def test_many_inputs_are_added_up_in_one_line() -> None:
    model = Sequential([Input((100,)), layers.Dense(1, name="dense")])
    model.set_weights([np.linspace(0.01, 1, 100)[:, np.newaxis], [0]])
    lines = output_cell(model, np.ones(100), "dense", 0).to_text().splitlines()
    assert lines[1] == "       1.000  input 99: 1·1"
    assert lines[13].endswith("88 other inputs")
    shown = [float(line.split()[0]) for line in lines[1:14]]
    assert round(sum(shown), 4) == 50.5


@pytest.mark.parametrize(
    ("layer", "position", "message"),
    [
        ("conv2e", (0, 0, 0), "there is no layer 'conv2e'. Did you mean 'conv2d"),
        ("conv2d:2", (0, 0, 0), "'conv2d:2' is not called that often."),
        ("input_layer", (0, 0, 0), "'input_layer' is an input: its numbers are given"),
        ("conv2d", (0, 8, 0), "'conv2d' has the positions [0, 0, 0] to [7, 7, 5]; got [0, 8, 0]"),
        ("conv2d", 3, "got [3]."),
    ],
)
def test_mistakes(layer: str, position: int | tuple[int, ...], message: str) -> None:
    images, _ = pictures(2)
    with pytest.raises(UsageError) as caught:
        output_cell(full_network(), images[0], layer, position)
    assert message in str(caught.value)
    with pytest.raises(UsageError, match=r"x holds 2. Take x\[:1\]"):
        output_cell(full_network(), images, "conv2d", (0, 0, 0))
