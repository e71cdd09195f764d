"""Shares with their uncertainty, confusions, certainty: against NumPy, SciPy and counting."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from scipy import stats

from kernelet.explain.certainty import answers, calibration
from kernelet.explain.layer_times import layer_times
from kernelet.explain.recognition import baseline, class_results, confusions, wilson_interval
from kernelet.layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    MaxPooling2D,
)
from kernelet.model import Model

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("name", ["recognition", "certainty", "layer_times"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.explain.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (0, 500), (7, 10), (9413, 10_000), (99, 100)]
)
def test_intervals_are_those_of_scipy(successes: int, trials: int) -> None:
    known = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    low, high = wilson_interval(successes, trials)
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-12)
    assert low <= successes / trials <= high


def test_recall_and_precision() -> None:
    labels, found = RANDOM.integers(0, 4, 300), RANDOM.integers(0, 4, 300)
    labels[labels == 3] = 2  # no picture of the last class
    counts = np.array([[((labels == a) & (found == b)).sum() for b in range(4)] for a in range(4)])
    results = class_results(counts, list("abcd"))
    for number, result in enumerate(results[:3]):
        hits = ((labels == number) & (found == number)).sum()
        assert result.recall.value == hits / (labels == number).sum()
        assert result.precision.value == hits / (found == number).sum()
    assert results[3].recall.value is None
    assert results[3].recall.interval is None
    assert results[3].precision.value == 0
    commonest, share = baseline(counts)
    assert share.successes == max(np.bincount(labels)) == (labels == commonest).sum()


def test_confusions_are_the_largest_numbers_beside_the_diagonal() -> None:
    counts = np.array([[90, 3, 7], [0, 50, 0], [7, 1, 12]])
    found = confusions(counts, ["a", "b", "c"], 10)
    assert [(one.truth, one.answer, one.count) for one in found] == [
        ("a", "c", 7), ("c", "a", 7), ("a", "b", 3), ("c", "b", 1),
    ]  # fmt: skip
    assert [one.share for one in found] == [0.07, 0.35, 0.03, 0.05]
    assert len(confusions(counts, ["a", "b", "c"], 2)) == 2
    assert confusions(np.diag([3, 4]), ["a", "b"], 5) == []


def test_calibration_is_counted() -> None:
    probabilities = RANDOM.dirichlet([0.5] * 5, 400)
    labels = RANDOM.integers(0, 5, 400)
    found = answers(probabilities, labels)
    measured = calibration(found, bins=10)
    error = 0.0
    certainty, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    bins = iter(measured.bins)
    for low in np.arange(10) / 10:
        inside = (certainty > low) & (certainty <= low + 0.1 + 1e-12)
        if inside.any():
            error += inside.sum() / 400 * abs(right[inside].mean() - certainty[inside].mean())
            one = next(bins)
            assert one.right.trials == inside.sum()
            assert one.right.value == pytest.approx(right[inside].mean())
            assert one.certainty == pytest.approx(certainty[inside].mean())
    assert measured.error == pytest.approx(error)
    sure = calibration(answers(np.array([[1.0, 0.0]]), np.array([0])))
    assert [(one.low, one.high) for one in sure.bins] == [(0.9, 1.0)]
    assert sure.error == 0


def test_the_surest_answers_come_first() -> None:
    probabilities = RANDOM.dirichlet([1.0] * 3, 50).astype(np.float32)
    labels = RANDOM.integers(0, 3, 50)
    found = answers(probabilities, labels)
    wrong = [row for row in range(50) if probabilities[row].argmax() != labels[row]]
    right = [row for row in range(50) if row not in wrong]
    assert found.worst(5) == sorted(wrong, key=lambda row: -probabilities[row].max())[:5]
    assert found.surest(50) == sorted(right, key=lambda row: -probabilities[row].max())


def test_every_call_has_a_time_and_weights_stay() -> None:
    x = Input((16, 16, 1))
    wide = Conv2D(16, 5, padding="same", name="wide")(x)
    both = Add(name="both")([wide, Conv2D(16, 1, name="narrow")(x)])
    normal = Dropout(0.5, name="dropout")(Activation("relu")(BatchNormalization()(both)))
    model = Model(x, Dense(2)(Flatten()(MaxPooling2D()(normal))))
    before = model.get_weights()
    times = layer_times(model, RANDOM.random((3, 16, 16, 1)), batch_size=16, threads=1, budget=0)
    calls = dict(zip((call.name for call in model.graph.calls), times.seconds, strict=True))
    assert all(seconds >= 0 for seconds in times.seconds)
    assert calls["dropout"] < calls["wide"]
    assert times.total == pytest.approx(sum(calls.values()))
    assert (times.batch_size, times.threads) == (16, 1)
    for one, other in zip(before, model.get_weights(), strict=True):
        assert (one == other).all()
