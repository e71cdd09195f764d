"""Metrics: their definitions, ties and NaN; and the means that losses and metrics end in."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy, TopKAccuracy
from kernelet.ops.reduction import BatchMean, SampleShare
from kernelet.program import Type
from ops.execution import LEVELS, Gradient, assert_close, assert_equal, expected, native

METRICS = [TopKAccuracy(1), BinaryAccuracy(0.5), AbsoluteError()]


@LEVELS
@pytest.mark.parametrize("k", [1, 2, 5, 7, 9])
def test_top_k_follows_the_reference(k: int, isa: str) -> None:
    generator = np.random.default_rng(1)
    # Few different scores, so that many are equal.
    scores = generator.integers(0, 4, (100, 7)).astype(np.float32)
    targets = np.eye(7, dtype=np.float32)[generator.integers(0, 7, 100)]
    assert_equal(TopKAccuracy(k), scores, targets, isa=isa)


@LEVELS
def test_equal_scores_rank_in_the_order_of_the_classes(isa: str) -> None:
    scores = np.array([[2, 2, 2]] * 3, np.float32)
    targets = np.eye(3, dtype=np.float32)
    for k, hits in ((1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1])):
        assert native(TopKAccuracy(k), scores, targets, isa=isa)[0].tolist() == hits


@LEVELS
def test_top_1_is_the_class_that_argmax_finds(isa: str) -> None:
    generator = np.random.default_rng(2)
    scores = generator.standard_normal((50, 10)).astype(np.float32)
    smoothed = generator.uniform(0, 1, (50, 10)).astype(np.float32)
    (hits,) = native(TopKAccuracy(1), scores, smoothed, isa=isa)
    assert hits.tolist() == (scores.argmax(axis=1) == smoothed.argmax(axis=1)).tolist()


@LEVELS
def test_infinite_scores_have_a_rank(isa: str) -> None:
    scores = np.array([[np.inf, -np.inf, 0], [-np.inf, -np.inf, 0]], np.float32)
    targets = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    assert native(TopKAccuracy(1), scores, targets, isa=isa)[0].tolist() == [1, 0]
    assert native(TopKAccuracy(3), scores, targets, isa=isa)[0].tolist() == [1, 1]


@LEVELS
def test_binary_accuracy_counts_the_threshold_as_below(isa: str) -> None:
    prediction = np.array([[0.5, 0.6, 0.4, 0.5]], np.float32)
    target = np.array([[0, 1, 1, 1]], np.float32)
    assert native(BinaryAccuracy(0.5), prediction, target, isa=isa)[0].tolist() == [0.5]
    # 0.6 is rounded up in float32, and the threshold with it.
    target = np.array([[0, 0, 0, 0]], np.float32)
    assert_equal(BinaryAccuracy(0.6), prediction, target, isa=isa)


@LEVELS
def test_absolute_error_takes_any_shape(isa: str) -> None:
    generator = np.random.default_rng(3)
    for shape in [(19,), (17, 2, 3, 4)]:
        x, y = generator.standard_normal((2, *shape)).astype(np.float32)
        assert_close(AbsoluteError(), x, y, isa=isa)


@LEVELS
@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@pytest.mark.parametrize("poisoned", [0, 1])
@pytest.mark.parametrize("position", [0, 1, 3])
def test_nan_makes_the_metric_of_its_sample_nan(
    metric: TopKAccuracy, poisoned: int, position: int, isa: str
) -> None:
    operands = [np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0]] for _ in range(2)]
    operands[poisoned][2, position] = np.nan
    for (values,) in (native(metric, *operands, isa=isa), expected(metric, *operands)):
        assert np.flatnonzero(np.isnan(values)).tolist() == [2]


@LEVELS
@pytest.mark.parametrize("batch", [1, 16, 37, 300])
def test_means_over_the_batch_are_weighted(batch: int, isa: str) -> None:
    generator = np.random.default_rng(4)
    value = generator.standard_normal(batch).astype(np.float32)
    weight = generator.uniform(0, 2, batch).astype(np.float32)
    assert_close(BatchMean(), value, weight, isa=isa)
    assert_close(SampleShare(), weight, isa=isa)


@LEVELS
def test_a_mean_of_whole_numbers_is_exact(isa: str) -> None:
    value = np.arange(64, dtype=np.float32)
    assert_equal(BatchMean(), value, np.full(64, 2, np.float32), isa=isa)


@LEVELS
def test_a_share_past_the_batch_is_zero(isa: str) -> None:
    # Sums over 19 samples whose last block repeats one of them where nothing clears it.
    share, ones = np.ones(19, np.float32), np.ones(19, np.float32)
    (mean,) = native(BatchMean(), Gradient(share), ones, isa=isa)
    assert mean == 1


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"top_k_accuracy expects one number a class, got \(\)"):
        TopKAccuracy(1).types(Type(()), Type(()))
    with pytest.raises(ShapeError, match=r"needs k of at least 1, got 0"):
        TopKAccuracy(0).types(Type((3,)), Type((3,)))
    message = r"batch_mean expects \(\) and \(\), got \(3,\) and \(\)"
    with pytest.raises(ShapeError, match=message):
        BatchMean().types(Type((3,)), Type(()))
