from __future__ import annotations

import numpy as np
import pytest

from kernelet import losses, metrics
from kernelet.errors import ConfigurationError, DataError
from kernelet.layers import Dense, Input
from kernelet.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Loss,
    MeanSquaredError,
    SparseCategoricalCrossentropy,
)
from kernelet.model import Sequential
from kernelet.training.metrics import resolve
from kernelet.training.programs import Objective, evaluation_program

LOGITS = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]])
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def test_categorical_losses_by_hand() -> None:
    expected = -(np.log(PROBABILITIES[0, 2]) + np.log(PROBABILITIES[1, 1])) / 2
    rows = np.eye(3)[[2, 1]]
    assert SparseCategoricalCrossentropy()([2, 1], PROBABILITIES) == pytest.approx(expected)
    assert SparseCategoricalCrossentropy(True)([2, 1], LOGITS) == pytest.approx(expected)
    assert CategoricalCrossentropy()(rows, PROBABILITIES) == pytest.approx(expected)
    assert CategoricalCrossentropy(True)(rows, LOGITS) == pytest.approx(expected)


def test_label_smoothing_is_that_of_keras() -> None:
    targets = np.eye(3)[[2, 1]] * 0.7 + 0.3 / 3
    expected = -(targets * np.log(PROBABILITIES)).sum(axis=1).mean()
    rows = np.eye(3)[[2, 1]]
    dense = CategoricalCrossentropy(label_smoothing=0.3)
    sparse = SparseCategoricalCrossentropy(label_smoothing=0.3)
    assert dense(rows, PROBABILITIES) == pytest.approx(expected)
    assert sparse([2, 1], PROBABILITIES) == pytest.approx(expected)


def test_binary_loss_by_hand() -> None:
    p = 1 / (1 + np.exp(-np.array([0.3, -1.2])))
    expected = -(np.log(p[0]) + np.log(1 - p[1])) / 2
    assert BinaryCrossentropy()([1, 0], p[:, None]) == pytest.approx(expected)
    assert BinaryCrossentropy(True)([1, 0], [[0.3], [-1.2]]) == pytest.approx(expected)
    t = np.array([1, 0]) * 0.8 + 0.1
    smoothed = -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert BinaryCrossentropy(label_smoothing=0.2)([1, 0], p[:, None]) == pytest.approx(smoothed)


def test_squared_error_by_hand() -> None:
    assert MeanSquaredError()([[1, 2], [0, 0]], [[2, 4], [0, 1]]) == pytest.approx(6 / 4)


def _operations(activation: str | None, loss: Loss) -> list[str]:
    model = Sequential([Input((3,)), Dense(3, activation=activation)])
    program = evaluation_program(model.graph, Objective(loss))
    return [node.op.name for node in program.nodes]


@pytest.mark.parametrize(
    ("loss", "activation", "exact", "clipped"),
    [
        (
            SparseCategoricalCrossentropy(),
            "softmax",
            "softmax_cross_entropy",
            "categorical_cross_entropy",
        ),
        (
            CategoricalCrossentropy(),
            "softmax",
            "softmax_cross_entropy",
            "categorical_cross_entropy",
        ),
    ],
)
def test_a_softmax_at_the_end_is_passed_by(
    loss: Loss, activation: str, exact: str, clipped: str
) -> None:
    assert exact in _operations(activation, loss)
    assert "softmax" not in _operations(activation, loss)
    assert clipped in _operations("sigmoid", loss)


def test_a_sigmoid_at_the_end_is_passed_by() -> None:
    assert "activate" not in _operations("sigmoid", BinaryCrossentropy())
    assert "activate" in _operations("tanh", BinaryCrossentropy(from_logits=True))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sparse_categorical_crossentropy", SparseCategoricalCrossentropy),
        ("SparseCategoricalCrossentropy", SparseCategoricalCrossentropy),
        ("mse", MeanSquaredError),
        ("binary_crossentropy", BinaryCrossentropy),
    ],
)
def test_losses_by_name(name: str, kind: type[Loss]) -> None:
    assert isinstance(losses.get(name), kind)


def test_an_unknown_loss_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean 'categorical_crossentropy'\?"):
        losses.get("categorical_crosentropy")


@pytest.mark.parametrize(
    ("loss", "labels", "predictions", "message"),
    [
        (
            SparseCategoricalCrossentropy(),
            [0, 3],
            PROBABILITIES,
            r"y\[1\] is 3, and the network has 3 outputs: labels must be 0 to 2; 1 of 2 are not",
        ),
        (SparseCategoricalCrossentropy(), [0.5, 1], PROBABILITIES, r"y\[0\] is 0.5"),
        (BinaryCrossentropy(), [1, 2], [[0.5], [0.5]], r"y\[1\] holds 2: .* from 0 to 1"),
    ],
)
def test_labels_that_make_no_sense(
    loss: Loss, labels: list[float], predictions: object, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        loss(labels, predictions)  # type: ignore[arg-type]


def test_a_single_output_has_no_classes() -> None:
    with pytest.raises(ConfigurationError, match='"binary_crossentropy" for a single number'):
        SparseCategoricalCrossentropy()([0, 0], [[0.5], [0.5]])


def test_smoothing_out_of_range() -> None:
    with pytest.raises(ConfigurationError, match="label_smoothing must be at least 0 and below 1"):
        CategoricalCrossentropy(label_smoothing=1.0)


def test_a_metric_keeps_the_name_it_was_asked_for_by() -> None:
    names = [m.name for m in resolve(["acc", "mse"], MeanSquaredError())]
    assert names == ["acc", "mse"]
    assert metrics.get("TopKCategoricalAccuracy").name == "TopKCategoricalAccuracy"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["accuracy", "accuracy"], "two metrics are called 'accuracy'"),
        (["categorical_accuracy"], 'expect different labels; use the metric "accuracy"'),
        (["acuracy"], r"Did you mean 'accuracy'\?"),
    ],
)
def test_metrics_that_do_not_go_together(given: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        resolve(given, SparseCategoricalCrossentropy())


def test_metrics_over_a_data_set() -> None:
    model = Sequential([Input((3,)), Dense(3, use_bias=False)])
    model.set_weights([np.eye(3)])
    top = metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    model.compile("sgd", SparseCategoricalCrossentropy(True), ["accuracy", top])
    x = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1], [1, 2, 3]], np.float32)
    logs = model.evaluate(x, [0, 1, 2, 2], verbose=0, return_dict=True)
    assert isinstance(logs, dict)
    assert logs["accuracy"] == pytest.approx(0.5)
    assert logs["top2"] == pytest.approx(0.75)
    model.compile("sgd", "mse", ["mae", metrics.BinaryAccuracy(1.5)])
    measured = model.evaluate(x, np.zeros((4, 3)), verbose=0)
    assert measured == pytest.approx([14 / 3, 2.0, 1 / 3])
