"""The summary: every number on it can be checked by hand."""

from __future__ import annotations

import pytest

from kernelet import layers
from kernelet.explain.summary import summarize
from kernelet.layers import Input
from kernelet.model import Model, Sequential


def test_text() -> None:
    model = Sequential([Input((28, 28, 1)), layers.Conv2D(2, 5), layers.Flatten()], name="little")
    model.add(layers.Dense(10, name="classes"))
    assert summarize(model).to_text() == (
        "little\n"
        "layer            output   arithmetic          weights  multiply-adds\n"
        "────────────────────────────────────────────────────────────────────\n"
        "input_layer      28×28×1\n"
        "conv2d           24×24×2  28 − 5 + 1 = 24          52         28,800\n"
        "flatten          1152     24 × 24 × 2 = 1152\n"
        "classes (Dense)  10                            11,530         11,520\n"
        "────────────────────────────────────────────────────────────────────\n"
        "total                                          11,582         40,320\n"
        "11,582 weights learn, 0 do not; 46,328 bytes in float32"
    )


def test_rows_and_columns_that_differ() -> None:
    model = Sequential([Input((9, 8, 1)), layers.Conv2D(2, (3, 1), strides=(2, 1))])
    assert summarize(model).layers[1].arithmetic == "⌊(9 − 3) / 2⌋ + 1 = 4; 8 − 1 + 1 = 8"


def test_branches_say_what_they_read_and_shared_weights_count_once() -> None:
    x = Input((4, 4, 2))
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    model = Model(x, layers.Add()([shared(x), shared(layers.ReLU()(x))]))
    summary = summarize(model)
    rows = {row.name: row for row in summary.layers}
    assert rows["add"].reads == ("shared", "shared")
    assert summary.weights == model.count_params() == 3 * 3 * 2 * 2 + 2
    assert sum(row.weights for row in summary.layers) == summary.weights
    assert summary.multiply_adds == 2 * 16 * 3 * 3 * 2 * 2
    assert "shared, shared" in summary.to_text()


def test_frozen_weights_and_statistics_do_not_learn() -> None:
    model = Sequential(
        [Input((4, 4, 2)), layers.Conv2D(3, 1, trainable=False), layers.BatchNormalization()]
    )
    summary = summarize(model)
    assert (summary.weights, summary.trainable_weights) == (9 + 12, 6)
    assert "6 weights learn, 15 do not; 84 bytes" in summary.to_text()


def test_the_method_prints(capsys: pytest.CaptureFixture[str]) -> None:
    model = Sequential([Input((3,)), layers.Dense(2)])
    model.summary()
    assert capsys.readouterr().out == summarize(model).to_text() + "\n"
