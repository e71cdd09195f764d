"""Convolution and its gradients: exact, close, differentiable, and as PyTorch means them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.geometry import sliding_window
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.program import Op, Type
from ops.cases import CASES, Case, random_case
from ops.execution import (
    LEVELS,
    Gradient,
    Numbers,
    Operand,
    Shared,
    assert_close,
    assert_equal,
    assert_gradients,
    expected,
    gradients,
)

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)
OPERATIONS = (Convolution, ConvolutionInputGradient, ConvolutionFilterGradient)
RANDOM_SHAPES = 300

Draw = Callable[[np.random.Generator, tuple[int, ...]], Numbers]


def forward(case: Case) -> Convolution:
    return Convolution(case.window, case.channels, case.filters, case.groups)


def transposed(case: Case) -> ConvolutionInputGradient:
    return ConvolutionInputGradient(case.window, case.channels, case.filters, case.groups)


def whole_numbers(generator: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    """Return numbers small enough for every sum of products to be exact in float32."""
    return generator.integers(-4, 5, shape).astype(np.float32)


def real_numbers(generator: np.random.Generator, shape: tuple[int, ...]) -> Numbers:
    return generator.standard_normal(shape).astype(np.float32)


def operands(
    case: Case, draw: Draw, generator: np.random.Generator
) -> tuple[Numbers, Shared, Numbers]:
    """Return pictures, filters and the gradient of the maps."""
    op = forward(case)
    return (
        draw(generator, (case.batch, *op.picture.shape)),
        Shared(draw(generator, op.weights.shape)),
        draw(generator, (case.batch, *op.maps.shape)),
    )


def applications(
    case: Case, draw: Draw, generator: np.random.Generator
) -> list[tuple[Op, tuple[Operand, Operand]]]:
    """Return each of the three operations with its operands."""
    pictures, filters, upstream = operands(case, draw, generator)
    shared = (case.window, case.channels, case.filters, case.groups)
    return [
        (Convolution(*shared), (pictures, filters)),
        (ConvolutionInputGradient(*shared), (Gradient(upstream), filters)),
        (ConvolutionFilterGradient(*shared), (pictures, Gradient(upstream))),
    ]


def test_the_textbook_example() -> None:
    a = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    w = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    pictures = np.array(a, np.float32).reshape(1, 5, 5, 1)
    filters = Shared(np.array(w, np.float32).reshape(3, 3, 1, 1))
    (maps,) = expected(
        Convolution(sliding_window((5, 5), (3, 3), "valid"), 1, 1), pictures, filters
    )
    assert maps.reshape(3, 3).tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


@LEVELS
@EVERY_CASE
def test_whole_numbers_are_exact(case: Case, isa: str) -> None:
    for op, inputs in applications(case, whole_numbers, np.random.default_rng(1)):
        assert_equal(op, *inputs, isa=isa)


@LEVELS
def test_random_shapes_are_exact(isa: str) -> None:
    generator = np.random.default_rng(2)
    for _ in range(RANDOM_SHAPES):
        case = random_case(generator)
        for op, inputs in applications(case, whole_numbers, generator):
            assert_equal(op, *inputs, isa=isa)


@LEVELS
@EVERY_CASE
def test_real_numbers_are_close_to_float64(case: Case, isa: str) -> None:
    for op, inputs in applications(case, real_numbers, np.random.default_rng(3)):
        assert_close(op, *inputs, isa=isa)


@EVERY_CASE
def test_gradients_agree_with_differences(case: Case) -> None:
    pictures, filters, maps = operands(case, real_numbers, np.random.default_rng(4))
    assert_gradients(forward(case), pictures, filters, wanted=(0, 1))
    assert_gradients(transposed(case), maps, filters, wanted=(0, 1))


@LEVELS
def test_nan_reaches_the_maps_it_should_and_no_other(isa: str) -> None:
    case = Case((6, 6), (3, 3), "same", channels=2, filters=3)
    pictures, filters, _ = operands(case, whole_numbers, np.random.default_rng(5))
    pictures[1, 2, 3, 0] = np.nan
    assert_close(forward(case), pictures, filters, isa=isa)


def channels_first(array: Numbers) -> Numbers:
    return np.moveaxis(array, -1, 1)


def filters_first(weights: Numbers) -> Numbers:
    """Return filters as (filters, channels, …)."""
    return np.moveaxis(weights, (-1, -2), (0, 1))


@pytest.mark.torch
@EVERY_CASE
def test_pytorch_agrees(case: Case) -> None:
    import torch

    pictures, filters, upstream = operands(case, real_numbers, np.random.default_rng(6))
    axes = case.window.axes
    x = torch.tensor(channels_first(pictures), dtype=torch.float64, requires_grad=True)
    w = torch.tensor(filters_first(filters.numbers), dtype=torch.float64, requires_grad=True)
    padding = [cells for axis in reversed(axes) for cells in (axis.before, axis.after)]
    y = (torch.conv1d, torch.conv2d, torch.conv3d)[len(axes) - 1](
        torch.nn.functional.pad(x, padding),
        w,
        stride=tuple(axis.stride for axis in axes),
        dilation=tuple(axis.dilation for axis in axes),
        groups=case.groups,
    )
    y.backward(torch.tensor(channels_first(upstream), dtype=torch.float64))
    op = forward(case)
    np.testing.assert_allclose(
        channels_first(expected(op, pictures, filters)[0]), y.detach().numpy(), atol=1e-10
    )
    by_picture, by_filters = gradients(op, pictures, filters, wanted=(0, 1), upstream=upstream)
    np.testing.assert_allclose(channels_first(by_picture), x.grad.numpy(), atol=1e-10)
    np.testing.assert_allclose(filters_first(by_filters), w.grad.numpy(), atol=1e-10)


@pytest.mark.torch
@EVERY_CASE
def test_pytorch_agrees_on_transposed_convolution(case: Case) -> None:
    import torch

    upstream, filters, maps = operands(case, real_numbers, np.random.default_rng(7))
    axes = case.window.axes
    x = torch.tensor(channels_first(maps), dtype=torch.float64, requires_grad=True)
    w = torch.tensor(filters_first(filters.numbers), dtype=torch.float64, requires_grad=True)
    whole = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)[len(axes) - 1](
        x,
        w,
        stride=tuple(axis.stride for axis in axes),
        dilation=tuple(axis.dilation for axis in axes),
        groups=case.groups,
    )
    # PyTorch cuts off the same at both ends; all that the filters reach, cut here, is general.
    missing = [axis.before + axis.length - n for axis, n in zip(axes, whole.shape[2:], strict=True)]
    padding = [cells for n in reversed(missing) for cells in (0, max(n, 0))]
    y = torch.nn.functional.pad(whole, padding)
    for k, axis in enumerate(axes):
        y = y.narrow(k + 2, axis.before, axis.length)
    y.backward(torch.tensor(channels_first(upstream), dtype=torch.float64))
    op = transposed(case)
    np.testing.assert_allclose(
        channels_first(expected(op, maps, filters)[0]), y.detach().numpy(), atol=1e-10
    )
    by_maps, by_filters = gradients(op, maps, filters, wanted=(0, 1), upstream=upstream)
    np.testing.assert_allclose(channels_first(by_maps), x.grad.numpy(), atol=1e-10)
    np.testing.assert_allclose(filters_first(by_filters), w.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_shapes_are_refused(operation: type[Convolution]) -> None:
    op = operation(sliding_window((5, 5), (3, 3), "valid"), 2, 4)
    with pytest.raises(ShapeError, match=r"convolution.* expects .*got .*\(5, 5, 3\)"):
        op.types(Type((5, 5, 3)), Type((3, 3, 2, 4), batched=False))


def test_cost_counts_every_tap() -> None:
    op = Convolution(sliding_window((32, 32), (5, 5), "valid"), 3, 64)
    assert op.cost(op.picture, op.weights).multiply_adds == 28 * 28 * 64 * 5 * 5 * 3
