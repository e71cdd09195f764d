"""Losses and their gradients: formulas, stability, NaN, and Keras' corner cases."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.losses import (
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    CategoricalCrossEntropy,
    CategoricalCrossEntropyGradient,
    OneHot,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
)
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy
from kernelet.program import Op, Type
from ops.execution import (
    LEVELS,
    Gradient,
    Numbers,
    assert_close,
    assert_equal,
    assert_gradients,
    expected,
    gradients,
    native,
)

SHAPES = pytest.mark.parametrize("shape", [(1, 1), (5, 3), (16, 10), (37, 100)], ids=str)


def softmax(x: Numbers) -> Numbers:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def logits(shape: tuple[int, ...]) -> Numbers:
    return 3 * np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def targets(shape: tuple[int, ...]) -> Numbers:
    """Return probabilities as label smoothing makes them."""
    labels = np.random.default_rng(2).integers(0, shape[-1], shape[0])
    return (0.9 * np.eye(shape[-1])[labels] + 0.1 / shape[-1]).astype(np.float32)


def binary_targets(shape: tuple[int, ...]) -> Numbers:
    return np.random.default_rng(3).integers(0, 2, shape).astype(np.float32)


def cases(shape: tuple[int, ...]) -> list[tuple[Op, Op, Numbers, Numbers]]:
    """Return each loss, its gradient, a prediction and a target."""
    x = logits(shape)
    binary = binary_targets(shape)
    probabilities = np.clip(softmax(x), 0.01, 0.99)
    return [
        (SoftmaxCrossEntropy(), SoftmaxCrossEntropyGradient(), x, targets(shape)),
        (
            CategoricalCrossEntropy(),
            CategoricalCrossEntropyGradient(),
            2 * probabilities,
            targets(shape),
        ),
        (BinaryCrossEntropy(True), BinaryCrossEntropyGradient(True), x, binary),
        (BinaryCrossEntropy(False), BinaryCrossEntropyGradient(False), probabilities, binary),
        (SquaredError(), SquaredErrorGradient(), x, targets(shape)),
    ]


@LEVELS
@SHAPES
def test_losses_and_gradients_are_close_to_float64(shape: tuple[int, ...], isa: str) -> None:
    upstream = Gradient(np.random.default_rng(4).standard_normal(shape[0]).astype(np.float32))
    for loss, gradient, prediction, target in cases(shape):
        # The loss of the only class there is, and its slope, are zero but for rounding.
        if shape[-1] > 1 or isinstance(loss, BinaryCrossEntropy | SquaredError):
            assert_close(loss, prediction, target, isa=isa)
            assert_close(gradient, upstream, prediction, target, isa=isa)


@LEVELS
def test_a_single_class_has_no_loss(isa: str) -> None:
    x, t = logits((5, 1)), np.ones((5, 1), np.float32)
    assert_equal(SoftmaxCrossEntropy(), x, t, isa=isa)
    upstream = Gradient(np.ones(5, np.float32))
    assert_equal(SoftmaxCrossEntropyGradient(), upstream, x, t, isa=isa)


def test_gradient_rules_agree_with_differences() -> None:
    for loss, _, prediction, target in cases((4, 6)):
        assert_gradients(loss, prediction, target, wanted=(0,))


@LEVELS
def test_squared_error_takes_any_shape(isa: str) -> None:
    generator = np.random.default_rng(5)
    for shape in [(19,), (3, 4, 5, 2)]:
        x = generator.integers(-4, 5, shape).astype(np.float32)
        y = generator.integers(-4, 5, shape).astype(np.float32)
        if shape == (19,):
            assert_equal(SquaredError(), x, y, isa=isa)
        assert_close(SquaredError(), x, y, isa=isa)
        upstream = Gradient(np.ones(shape[0], np.float32))
        assert_close(SquaredErrorGradient(), upstream, x, y, isa=isa)


@LEVELS
@pytest.mark.parametrize("shape", [(3, 5, 7, 1), (2, 4, 3, 6), (2, 3, 3, 20)], ids=str)
def test_numbers_of_pictures_are_compared_one_by_one(shape: tuple[int, ...], isa: str) -> None:
    generator = np.random.default_rng(6)
    upstream = Gradient(np.ones(shape[0], np.float32))
    target = generator.uniform(0, 1, shape).astype(np.float32)
    for prediction, from_logits in ((logits(shape), True), (1 - target / 2, False)):
        assert_close(BinaryCrossEntropy(from_logits), prediction, target, isa=isa)
        assert_close(BinaryCrossEntropyGradient(from_logits), upstream, prediction, target, isa=isa)
    assert_close(SquaredError(), logits(shape), target, isa=isa)
    assert_close(AbsoluteError(), logits(shape), target, isa=isa)
    assert_close(BinaryAccuracy(0.25), logits(shape), binary_targets(shape), isa=isa)


@LEVELS
def test_large_logits_overflow_nothing(isa: str) -> None:
    x = np.array([[1e4, -1e4, 0], [-3e38, 3e38, 0], [88, 89, 90]], np.float32)
    t = np.eye(3, dtype=np.float32)
    upstream = Gradient(np.ones(3, np.float32))
    (loss,) = native(SoftmaxCrossEntropy(), x[[0, 2]], t[[0, 2]], isa=isa)
    np.testing.assert_allclose(loss, [0, np.log(1 + np.exp(-1) + np.exp(-2))], rtol=1e-6)
    assert_close(SoftmaxCrossEntropyGradient(), upstream, x, t, isa=isa)
    for sign in (0, 1):
        binary = np.full_like(x, sign)
        assert_close(BinaryCrossEntropy(True), x, binary, isa=isa)
        assert_close(BinaryCrossEntropyGradient(True), upstream, x, binary, isa=isa)


@LEVELS
def test_certain_probabilities_are_clipped(isa: str) -> None:
    p = np.array([[0, 1], [1, 0]], np.float32)
    upstream = Gradient(np.ones(2, np.float32))
    (loss,) = native(CategoricalCrossEntropy(), p, p[::-1].copy(), isa=isa)
    np.testing.assert_allclose(loss, -np.log(1e-7), rtol=1e-5)
    (loss,) = native(BinaryCrossEntropy(False), p, p[::-1].copy(), isa=isa)
    # 1 − 1e-7 is no float32; the nearest leaves 1.2e-7.
    np.testing.assert_allclose(loss, -np.log(1e-7), rtol=2e-2)
    assert_equal(CategoricalCrossEntropyGradient(), upstream, p, p[::-1].copy(), isa=isa)
    assert_equal(BinaryCrossEntropyGradient(False), upstream, p, p[::-1].copy(), isa=isa)


@LEVELS
def test_probabilities_need_not_add_up_to_one(isa: str) -> None:
    p = np.array([[1, 2, 1]], np.float32)
    t = np.array([[0, 1, 0]], np.float32)
    (loss,) = native(CategoricalCrossEntropy(), p, t, isa=isa)
    np.testing.assert_allclose(loss, np.log(2), rtol=1e-6)


@LEVELS
@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("poisoned", ["prediction", "target"])
def test_nan_reaches_the_loss_and_gradient_of_its_sample_alone(
    position: int, poisoned: str, isa: str
) -> None:
    upstream = Gradient(np.ones(20, np.float32))
    for loss, gradient, prediction, target in cases((20, 3)):
        prediction, target = prediction.copy(), target.copy()
        (prediction if poisoned == "prediction" else target)[7, position] = np.nan
        (losses,) = native(loss, prediction, target, isa=isa)
        assert np.flatnonzero(np.isnan(losses)).tolist() == [7], loss
        (slopes,) = native(gradient, upstream, prediction, target, isa=isa)
        assert np.isnan(slopes[7, position]), gradient
        assert not np.isnan(np.delete(slopes, 7, axis=0)).any()
        assert np.isnan(expected(loss, prediction, target)[0][7])
        reference = expected(gradient, upstream, prediction, target)[0]
        np.testing.assert_array_equal(np.isnan(slopes), np.isnan(reference))


@LEVELS
def test_one_hot_is_one_at_the_label(isa: str) -> None:
    labels = np.array([0, 9, 3, 10, -1, 2.5, np.nan] * 5, np.float32)
    assert_equal(OneHot(10), labels, isa=isa)
    (rows,) = native(OneHot(10), labels, isa=isa)
    assert rows.argmax(axis=1)[:3].tolist() == [0, 9, 3]
    assert not rows[3:7].any()


@pytest.mark.torch
def test_pytorch_agrees() -> None:
    import torch
    from torch.nn import functional

    shape = (6, 5)
    functions = [
        functional.cross_entropy,
        None,
        functional.binary_cross_entropy_with_logits,
        functional.binary_cross_entropy,
        functional.mse_loss,
    ]
    for (loss, _, prediction, target), function in zip(cases(shape), functions, strict=True):
        if function is None:
            continue
        x = torch.tensor(prediction, dtype=torch.float64, requires_grad=True)
        values = function(x, torch.tensor(target, dtype=torch.float64), reduction="none")
        values = values if values.ndim == 1 else values.mean(dim=1)
        values.sum().backward()
        np.testing.assert_allclose(
            expected(loss, prediction, target)[0], values.detach().numpy(), rtol=1e-10
        )
        (slope,) = gradients(loss, prediction, target, wanted=(0,), upstream=np.ones(6))
        np.testing.assert_allclose(slope, x.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_shapes_that_do_not_fit_are_refused() -> None:
    message = r"softmax_cross_entropy compares .* one shape, got \(3,\) and \(4,\)"
    with pytest.raises(ShapeError, match=message):
        SoftmaxCrossEntropy().types(Type((3,)), Type((4,)))
    with pytest.raises(ShapeError, match=r"expects one number a class, got \(2, 3\)"):
        CategoricalCrossEntropy().types(Type((2, 3)), Type((2, 3)))
    with pytest.raises(ShapeError, match=r"expects one upstream number a sample, got \(3,\)"):
        SquaredErrorGradient().types(Type((3,)), Type((3,)), Type((3,)))
    with pytest.raises(ShapeError, match="cannot be differentiated by its targets"):
        gradients(SquaredError(), logits((2, 3)), logits((2, 3)), wanted=(1,), upstream=np.ones(2))
