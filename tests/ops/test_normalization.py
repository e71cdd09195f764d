"""Statistics of channels, normalisation by them, and its gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.normalization import (
    ChannelMean,
    ChannelVariance,
    MovingAverage,
    Normalize,
    NormalizedProductSum,
    NormalizeFixedGradient,
    NormalizeGradient,
)
from kernelet.program import Type
from ops.execution import (
    LEVELS,
    Gradient,
    Numbers,
    Shared,
    assert_close,
    assert_equal,
    expected,
    gradients,
    native,
)

SHAPES = pytest.mark.parametrize(
    "shape", [(3, 1), (16, 8), (37, 5, 4, 3), (33, 2, 3, 20), (1, 4, 4, 9), (50, 24)], ids=str
)
AFFINE = list(itertools.product([True, False], [True, False]))
EPSILON = 1e-3


def drawn(shape: tuple[int, ...]) -> Numbers:
    """Return channels of different means and deviations."""
    generator = np.random.default_rng(1)
    deviation, mean = generator.uniform(0.5, 2, shape[-1]), generator.normal(size=shape[-1])
    return (mean + deviation * generator.standard_normal(shape)).astype(np.float32)


def statistics(x: Numbers) -> tuple[Shared, Shared]:
    axes = tuple(range(x.ndim - 1))
    return Shared(x.mean(axes, np.float64)), Shared(x.var(axes, np.float64))


def affine(channels: int, scale: bool, center: bool) -> list[Shared]:
    generator = np.random.default_rng(2)
    return [Shared(generator.normal(size=channels)) for used in (scale, center) if used]


@LEVELS
def test_statistics_of_whole_numbers_are_exact(isa: str) -> None:
    # 32 samples of 2 × 2 cells: means of whole numbers are exact in binary.
    x = np.random.default_rng(3).integers(-8, 9, (32, 2, 2, 11)).astype(np.float32)
    assert_equal(ChannelMean(), x, isa=isa)
    assert_equal(ChannelVariance(), x, Shared(np.arange(11.0)), isa=isa)


@LEVELS
@SHAPES
def test_statistics_are_close_to_float64(shape: tuple[int, ...], isa: str) -> None:
    x = drawn(shape)
    assert_close(ChannelMean(), x, isa=isa)
    assert_close(ChannelVariance(), x, statistics(x)[0], isa=isa)


@LEVELS
def test_the_variance_of_a_large_mean_keeps_its_digits(isa: str) -> None:
    x = 4096 + np.random.default_rng(4).integers(-2, 3, (64, 3)).astype(np.float32)
    (mean,) = native(ChannelMean(), x, isa=isa)
    (variance,) = native(ChannelVariance(), x, Shared(mean), isa=isa)
    np.testing.assert_allclose(variance, x.astype(np.float64).var(axis=0), rtol=1e-5)


@LEVELS
@SHAPES
@pytest.mark.parametrize(("scale", "center"), AFFINE)
def test_normalisation_is_close_to_float64(
    shape: tuple[int, ...], scale: bool, center: bool, isa: str
) -> None:
    x = drawn(shape)
    op = Normalize(EPSILON, scale, center, batch_statistics=True)
    assert_close(op, x, *statistics(x), *affine(shape[-1], scale, center), isa=isa)


@LEVELS
@SHAPES
@pytest.mark.parametrize("scale", [True, False])
def test_gradients_are_close_to_float64(shape: tuple[int, ...], scale: bool, isa: str) -> None:
    x = drawn(shape)
    upstream = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    mean, variance = statistics(x)
    gamma = affine(shape[-1], scale, center=False)
    axes = tuple(range(x.ndim - 1))
    (products,) = expected(NormalizedProductSum(EPSILON), upstream, x, mean, variance)
    sums = Shared(upstream.sum(axes, np.float64)), Shared(products)
    # With one number a channel, x − mean is nothing but rounding errors.
    if np.prod(shape[:-1]) > 1:
        assert_close(NormalizedProductSum(EPSILON), Gradient(upstream), x, mean, variance, isa=isa)
    op = NormalizeGradient(EPSILON, scale)
    assert_close(op, upstream, x, mean, variance, *sums, *gamma, isa=isa)
    assert_close(NormalizeFixedGradient(EPSILON, scale), upstream, variance, *gamma, isa=isa)


@LEVELS
def test_the_gradient_is_zero_past_the_batch(isa: str) -> None:
    x = drawn((19, 3))
    upstream = np.ones((19, 3), np.float32)
    sums = Shared(upstream.sum(axis=0)), Shared(np.ones(3))
    op = NormalizeGradient(EPSILON, scale=False)
    assert_close(op, upstream, x, *statistics(x), *sums, isa=isa)


@pytest.mark.parametrize("batch_statistics", [True, False])
@pytest.mark.parametrize(("scale", "center"), AFFINE)
def test_gradients_agree_with_differences(
    scale: bool, center: bool, batch_statistics: bool
) -> None:
    generator = np.random.default_rng(6)
    x = drawn((5, 2, 3)).astype(np.float64)
    upstream = generator.standard_normal(x.shape)
    op = Normalize(EPSILON, scale, center, batch_statistics)
    fixed = statistics(x)
    parameters = affine(3, scale, center)

    def objective(moved: Numbers, *shared: Shared) -> float:
        measured = statistics(moved) if batch_statistics else fixed
        return float((expected(op, moved, *measured, *shared)[0] * upstream).sum())

    wanted = (0, *range(3, 3 + len(parameters)))
    results = gradients(op, x, *fixed, *parameters, wanted=wanted, upstream=upstream)
    for k, gradient in enumerate(results):
        direction = generator.standard_normal(gradient.shape)
        ends = []
        for distance in (1e-6, -1e-6):
            moved = [x, *parameters]
            if k == 0:
                moved[0] = x + distance * direction
            else:
                moved[k] = Shared(parameters[k - 1].numbers + distance * direction)
            ends.append(objective(*moved))  # type: ignore[arg-type]
        slope = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-5)


@LEVELS
def test_the_moving_average_follows_its_formula(isa: str) -> None:
    running, current = Shared(np.arange(20.0)), Shared(np.arange(20.0)[::-1])
    assert_equal(MovingAverage(0.75), running, current, isa=isa)
    assert_close(MovingAverage(0.99), running, current, isa=isa)


@LEVELS
def test_nan_stays_in_its_channel(isa: str) -> None:
    x = drawn((20, 4))
    x[3, 2] = np.nan
    assert_close(ChannelMean(), x, isa=isa)
    (mean,) = expected(ChannelMean(), x)
    assert_close(ChannelVariance(), x, Shared(mean), isa=isa)


@pytest.mark.torch
def test_pytorch_agrees() -> None:
    import torch

    x = drawn((6, 4, 5, 3)).astype(np.float64)
    gamma, beta = affine(3, scale=True, center=True)
    upstream = np.random.default_rng(7).standard_normal(x.shape)
    tensor = torch.tensor(x.transpose(0, 3, 1, 2), requires_grad=True)
    weight, bias = (torch.tensor(p.numbers, requires_grad=True) for p in (gamma, beta))
    y = torch.nn.functional.batch_norm(tensor, None, None, weight, bias, training=True, eps=EPSILON)
    y.backward(torch.tensor(upstream.transpose(0, 3, 1, 2)))
    op = Normalize(EPSILON, scale=True, center=True, batch_statistics=True)
    operands = (x, *statistics(x), gamma, beta)
    np.testing.assert_allclose(
        expected(op, *operands)[0].transpose(0, 3, 1, 2), y.detach().numpy(), atol=1e-10
    )
    by_x, by_gamma, by_beta = gradients(op, *operands, wanted=(0, 3, 4), upstream=upstream)
    np.testing.assert_allclose(by_x.transpose(0, 3, 1, 2), tensor.grad.numpy(), atol=1e-10)
    np.testing.assert_allclose(by_gamma, weight.grad.numpy(), atol=1e-10)
    np.testing.assert_allclose(by_beta, bias.grad.numpy(), atol=1e-10)


def test_shapes_that_do_not_fit_are_refused() -> None:
    x, three = Type((4, 4, 3)), Type((3,), batched=False)
    with pytest.raises(ShapeError, match=r"channel_mean expects samples with channels last"):
        ChannelMean().types(Type(()))
    op = Normalize(EPSILON, scale=True, center=False, batch_statistics=False)
    with pytest.raises(ShapeError, match=r"normalize expects .*got .*\(2,\) shared"):
        op.types(x, three, three, Type((2,), batched=False))
