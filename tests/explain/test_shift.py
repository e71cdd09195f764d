"""Moved pictures: accuracy, probability and maps against NumPy."""

from __future__ import annotations

import doctest
import importlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kernelet as kl
from kernelet.data.dataset import Dataset, Split
from kernelet.errors import ConfigurationError, ShapeError, UsageError
from kernelet.explain import shift
from kernelet.explain.moving import moved
from kernelet.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    Input,
    MaxPooling2D,
)
from kernelet.model import Model, Sequential

RANDOM = np.random.default_rng(5)


def pictures(count: int, side: int = 16, channels: int = 1) -> NDArray[np.uint8]:
    return RANDOM.integers(0, 256, (count, side, side + 2, channels), dtype=np.uint8)


def classifier(*layers: Any, side: int = 16, channels: int = 1) -> Sequential:
    shape = (side, side + 2, channels)
    end = [Flatten(), Dense(3, activation="softmax", name="classes")]
    rescaling = kl.layers.Rescaling(1 / 255, name="rescaling")
    return Sequential([Input(shape), rescaling, *layers, *end], seed=3)


@pytest.mark.parametrize("name", ["equivariance", "moving", "probabilities", "shift"])
def test_examples(name: str) -> None:
    module = importlib.import_module(f"kernelet.explain.{name}")
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(("fill", "mode"), [("nearest", "edge"), ("constant", "constant"),
                                            ("reflect", "symmetric")])  # fmt: skip
@pytest.mark.parametrize(("down", "right"), [(0, 0), (3, -2), (-4, 5)])
def test_moved_pictures_are_cut_from_padded_ones(
    fill: Any, mode: Any, down: int, right: int
) -> None:
    images = pictures(2, channels=3)
    padded = np.pad(images, ((0, 0), (5, 5), (5, 5), (0, 0)), mode=mode)
    expected = padded[:, 5 - down : 21 - down, 5 - right : 23 - right]
    assert (moved(images, down, right, fill) == expected).all()


def test_accuracy_and_probability_are_those_of_moved_pictures() -> None:
    model = classifier(Conv2D(4, 3, activation="relu"), MaxPooling2D())
    images, labels = pictures(40), RANDOM.integers(0, 3, 40)
    report = shift(model, (images, labels), displacements=[1, -4], fill="constant")
    assert report.displacements == (-4, -1, 0, 1, 4)
    for row, down in enumerate(report.displacements):
        for column, right in enumerate(report.displacements):
            padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
            shown = padded[:, 4 - down : 20 - down, 4 - right : 22 - right]
            found = model.predict(shown, device="reference").astype(np.float64)
            accuracy = (found.argmax(axis=1) == labels).mean()
            probability = found[np.arange(40), labels].mean()
            assert report.accuracy[row, column] == accuracy
            assert report.probability[row, column] == pytest.approx(probability, rel=1e-5)


def test_answers_have_the_precision_asked_for() -> None:
    model = classifier(Conv2D(16, 3, activation="relu"), Conv2D(16, 3))
    images, labels = pictures(32), RANDOM.integers(0, 3, 32)
    options: dict[str, Any] = {"precision": "bfloat16", "threads": 1}
    report = shift(model, (images, labels), displacements=[], **options)
    rounded = model.predict(images, batch_size=128, **options).astype(np.float64)
    assert report.probability[0, 0] == rounded[np.arange(32), labels].mean()
    exact = shift(model, (images, labels), displacements=[], threads=1).probability[0, 0]
    assert report.probability[0, 0] == pytest.approx(exact, abs=0.01)


def test_convolutions_follow_exactly_and_borders_do_not() -> None:
    model = classifier(
        Conv2D(4, 3, padding="same", activation="relu", name="same"),
        MaxPooling2D(name="pool"),
        Conv2D(4, 3, strides=(1, 2), name="strided"),
    )
    report = shift(model, (pictures(8), np.zeros(8, int)), displacements=[1])
    layers = {layer.name: layer for layer in report.layers}
    assert list(layers) == ["rescaling", "same", "pool", "strided"]
    assert [one.displacement for one in report.layers] == [(1, 1), (1, 1), (2, 2), (2, 4)]
    for layer in report.layers:
        assert layer.inside == pytest.approx(0, abs=1e-6)
    assert layers["rescaling"].everywhere == 0
    assert all(layers[name].everywhere > 0.01 for name in ("same", "pool"))  # type: ignore[operator]
    # Of 16×18: rows 1–14 and columns 1–16 see no padding; one of them moves out.
    assert layers["same"].cells == 13 * 16 + 14 * 15
    # Windows of two from 2 on; moved by 2, the last of them has left.
    assert layers["pool"].cells == 5 * 7 + 6 * 6
    # Rows of windows of three over rows 1–6 of the pool; columns 1–7, every other one.
    assert layers["strided"].cells == 3 * 2 + 4 * 1


def test_errors_are_those_of_the_maps() -> None:
    model = classifier(Conv2D(3, 5, padding="same", name="conv"))
    images = pictures(6).astype(np.float32)
    report = shift(model, (images, np.zeros(6, int)), displacements=[], fill="reflect")
    original = kl.explain.feature_maps(model, images)["conv"].astype(np.float64)
    pairs = []
    for axis, by in ((1, (1, 0)), (2, (0, 1))):
        maps = kl.explain.feature_maps(model, moved(images, *by, "reflect"))["conv"]
        before = np.delete(original, -1, axis)
        after = np.delete(maps.astype(np.float64), 0, axis)
        pairs.append((before.reshape(-1, 3), after.reshape(-1, 3)))
    before, after = (np.concatenate(both) for both in zip(*pairs, strict=True))
    error = np.sqrt(((after - before) ** 2).sum() / ((before - before.mean(axis=0)) ** 2).sum())
    assert report.layers[1].name == "conv"
    assert report.layers[1].everywhere == pytest.approx(error, rel=1e-6)


@pytest.mark.parametrize("pool", [MaxPooling2D, AveragePooling2D])
def test_undisturbed_cells_are_those_that_no_foreign_number_reaches(pool: Any) -> None:
    """What enters a picture is NaN, and so is every cell that it reaches."""
    model = classifier(Conv2D(2, 3, strides=2), pool((3, 2), strides=1), BatchNormalization())
    images = pictures(1).astype(np.float32)
    report = shift(model, (images, np.zeros(1, int)), displacements=[])
    foreign = [images.copy(), images.copy()]
    foreign[0][:, :2], foreign[1][:, :, :2] = np.nan, np.nan
    for layer in report.layers[1:]:
        reached = [kl.explain.feature_maps(model, one)[layer.name][0, ..., 0] for one in foreign]
        untouched = sum(int((~np.isnan(one)).sum()) for one in reached)
        assert layer.displacement == (2, 2)
        assert layer.cells == untouched
        assert layer.inside == pytest.approx(0, abs=1e-6)


def test_branches() -> None:
    x = Input((16, 18, 1), name="x")
    fine, coarse = Conv2D(2, 3, padding="same", name="fine")(x), MaxPooling2D(name="coarse")(x)
    both = Add(name="both")([fine, Conv2D(2, 5, padding="same", name="wide")(x)])
    joined = Concatenate(name="joined")([MaxPooling2D(name="pooled")(both), coarse])
    model = Model(x, Dense(2, activation="softmax")(Flatten()(joined)))
    report = shift(model, (pictures(4), np.zeros(4, int)), displacements=[])
    cells = {layer.name: layer.cells for layer in report.layers}
    assert cells["both"] == cells["wide"] == 11 * 14 + 12 * 13
    assert cells["joined"] == cells["pooled"] < cells["coarse"]
    assert all(layer.inside == pytest.approx(0, abs=1e-6) for layer in report.layers)


def test_the_split_that_measures_is_taken_and_pictures_are_spread() -> None:
    images, labels = pictures(90), np.repeat(np.arange(3), 30).astype(np.int32)
    model = classifier()
    data = Dataset(("a", "b", "c"), Split(images[:9], labels[:9]), None, Split(images, labels), "x")
    report = shift(model, data, displacements=[], pictures=30)
    assert report.pictures == 30
    chosen = np.linspace(0, 89, 30).round().astype(int)
    found = model.predict(images[chosen]).argmax(axis=1)
    assert report.accuracy.tolist() == [[(found == labels[chosen]).mean()]]


def test_text_html_and_pictures() -> None:
    model = classifier(Conv2D(4, 3, name="first"), channels=3)
    report = shift(model, (pictures(10, channels=3), np.zeros(10, int)))
    text = report.to_text()
    assert text.startswith("Accuracy on 10 pictures moved by so many pixels")
    assert f"{100 * report.accuracy[4, 4]:.1f} %" in text
    html = report._repr_html_()
    assert '<th scope="row">first</th>' in html
    assert html.count("<svg") == 3
    assert report.to_svg().startswith("<svg")


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        ((np.zeros((2, 16, 18)), [0, 0]), {}, ShapeError, r"got \(2, 16, 18\) and \(2,\)"),
        ((np.zeros((0, 16, 18, 1)), []), {}, ShapeError, "at least one"),
        ((np.zeros((1, 16, 16, 1)), [0]), {}, ShapeError, "input .* takes .*16.*18.*1.* a sample"),
        ((np.zeros((1, 16, 18, 1)), [0.5]), {}, ShapeError, "integers; got float64"),
        ((np.zeros((1, 16, 18, 1)), [3]), {}, ShapeError, "from 0 to 2; got 3 to 3"),
        ((np.zeros((1, 16, 18, 1)), [0]), {"fill": "wrap"}, UsageError, "not 'wrap'"),
        ((np.zeros((1, 16, 18, 1)), [0]), {"pictures": 0}, UsageError, "not 0"),
        ((np.zeros((1, 16, 18, 1)), [0]), {"displacements": [16]}, UsageError, "got 16"),
        ((np.zeros((1, 16, 18, 1)), [0]), {"precision": "half"}, ConfigurationError, "half"),
        ((np.zeros((1, 16, 18, 1)),), {}, UsageError, "got 1 arrays"),
    ],
)
def test_what_does_not_fit(data: Any, options: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        shift(classifier(), data, **options)


def test_networks_without_classes_are_refused() -> None:
    model = Sequential([Input((16, 18, 1)), Conv2D(2, 3)])
    with pytest.raises(ShapeError, match="not one row of probabilities"):
        shift(model, (pictures(1), [0]))
