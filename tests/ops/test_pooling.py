from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.geometry import Padding, sliding_window
from kernelet.ops.pooling import AveragePool, AveragePoolGradient, MaxPool, MaxPoolGradient
from kernelet.program import Type
from ops.execution import (
    LEVELS,
    Numbers,
    assert_close,
    assert_equal,
    assert_gradients,
    expected,
    native,
)

Sizes = tuple[int, ...]

# Picture, channels, window, strides, padding: windows that tile the picture, leave cells out,
# overlap, stand apart, reach over every border, and cover all of it.
CASES: list[tuple[Sizes, int, Sizes, Sizes, Padding]] = [
    ((4, 6), 3, (2, 2), (2, 2), "valid"),
    ((28, 28), 6, (2, 2), (2, 2), "valid"),
    ((6, 9), 1, (2, 3), (2, 3), "valid"),
    ((5, 7), 2, (2, 2), (2, 2), "valid"),
    ((5, 7), 2, (2, 2), (2, 2), "same"),
    ((6, 5), 4, (3, 3), (2, 2), "same"),
    ((6, 6), 5, (3, 2), (1, 1), "valid"),
    ((7, 8), 1, (2, 2), (3, 4), "valid"),
    ((4, 4), 2, (3, 3), (2, 2), "full"),
    ((4, 5), 17, (3, 3), (2, 1), ((1, 2), (0, 1))),
    ((5, 6), 3, (5, 6), (5, 6), "valid"),
    ((1, 1), 2, (1, 1), (1, 1), "valid"),
    ((3, 3), 1, (5, 5), (2, 2), "same"),
    ((20,), 3, (2,), (2,), "valid"),
    ((21,), 2, (5,), (2,), "same"),
    ((9,), 1, (4,), (3,), ((3, 1),)),
    ((4, 6, 8), 2, (2, 2, 2), (2, 2, 2), "valid"),
    ((5, 4, 6), 3, (3, 1, 2), (2, 1, 3), "same"),
    ((3, 3, 4), 1, (2, 3, 2), (1, 1, 2), ((1, 0), 2, (0, 1))),
]
ALL_CASES = pytest.mark.parametrize(
    ("size", "channels", "kernel", "strides", "padding"), CASES, ids=str
)


def few_numbers(*shape: int, seed: int = 0) -> Numbers:
    """Return numbers with many equal ones among them, so that windows have several maxima."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def distinct_numbers(*shape: int) -> Numbers:
    """Return numbers of which no two are closer than the steps of a finite difference."""
    count = int(np.prod(shape))
    return np.random.default_rng(0).permutation(count).reshape(shape) / 10


BOTH = pytest.mark.parametrize("kind", [MaxPool, AveragePool])


@BOTH
@LEVELS
@ALL_CASES
def test_kernels_are_the_references(
    kind: type[MaxPool | AveragePool],
    size: Sizes,
    channels: int,
    kernel: Sizes,
    strides: Sizes,
    padding: Padding,
    isa: str,
) -> None:
    window = sliding_window(size, kernel, padding, strides)
    x = few_numbers(19, *size, channels)
    y = expected(kind(window, channels), x)[0].astype(np.float32)
    upstream = few_numbers(*y.shape, seed=1)
    if kind is MaxPool:
        assert_equal(MaxPool(window, channels), x, isa=isa)
        assert_equal(MaxPoolGradient(window, channels), upstream, x, y, isa=isa)
    else:
        assert_close(AveragePool(window, channels), x, isa=isa, tolerance=1e-7)
        assert_close(AveragePoolGradient(window, channels), upstream, isa=isa, tolerance=1e-6)


@BOTH
@ALL_CASES
def test_gradient_rule(
    kind: type[MaxPool | AveragePool],
    size: Sizes,
    channels: int,
    kernel: Sizes,
    strides: Sizes,
    padding: Padding,
) -> None:
    if size == (28, 28):
        size = (6, 6)
    op = kind(sliding_window(size, kernel, padding, strides), channels)
    assert_gradients(op, distinct_numbers(2, *size, channels), wanted=(0,))


@LEVELS
def test_the_first_maximum_gets_the_gradient(isa: str) -> None:
    window = sliding_window((2, 4), (2, 2), "valid", (2, 2))
    x = np.array([[[1, 3, 2, 2], [3, 3, 2, 2]]], np.float32)[..., None]
    y = np.array([[[3, 2]]], np.float32)[..., None]
    upstream = np.array([[[5, 7]]], np.float32)[..., None]
    want = np.array([[[0, 5, 7, 0], [0, 0, 0, 0]]], np.float32)[..., None]
    gradient = MaxPoolGradient(window, 1)
    assert np.array_equal(native(gradient, upstream, x, y, isa=isa)[0], want)
    assert np.array_equal(expected(gradient, upstream, x, y)[0], want)


@LEVELS
def test_padding_never_is_the_maximum(isa: str) -> None:
    op = MaxPool(sliding_window((3, 3), (3, 3), "full"), 1)
    x, want = np.full((2, 3, 3, 1), -5, np.float32), np.full((2, 5, 5, 1), -5)
    assert np.array_equal(native(op, x, isa=isa)[0], want)
    assert np.array_equal(expected(op, x)[0], want)


@LEVELS
@pytest.mark.parametrize("position", range(4))
def test_nan_makes_the_maximum_nan(position: int, isa: str) -> None:
    window = sliding_window((2, 4), (2, 2), "valid", (2, 2))
    x = few_numbers(3, 2, 4, 2)
    x[1, position // 2, position % 2, 0] = np.nan
    (y,) = native(MaxPool(window, 2), x, isa=isa)
    assert np.argwhere(np.isnan(y)).tolist() == [[1, 0, 0, 0]]
    assert_equal(MaxPool(window, 2), x, isa=isa)
    assert_equal(MaxPoolGradient(window, 2), np.ones_like(y), x, y, isa=isa)


@pytest.mark.torch
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1)])
@pytest.mark.parametrize("axes", [1, 2, 3])
@BOTH
def test_forward_is_pytorchs(
    kind: type[MaxPool | AveragePool], axes: int, kernel: int, stride: int, padding: int
) -> None:
    from torch import nn, tensor

    size = (5, 7, 8)[-axes:]
    x = distinct_numbers(2, *size, 3)
    layer: Any
    if kind is MaxPool:
        layer = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[axes - 1](kernel, stride, padding)
    else:
        average = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[axes - 1]
        layer = average(kernel, stride, padding, count_include_pad=False)
    window = sliding_window(size, (kernel,) * axes, padding, (stride,) * axes)
    want = np.moveaxis(layer(tensor(np.moveaxis(x, -1, 1))).numpy(), 1, -1)
    np.testing.assert_allclose(expected(kind(window, 3), x)[0], want, rtol=1e-12)


@BOTH
def test_meaningless_configurations(kind: type[MaxPool | AveragePool]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind(sliding_window((4, 4), (2, 2), 2), 1)
    assert str(caught.value) == (
        "the padding of a pooling must be smaller than its window of 2, got (2, 2): "
        "a window could lie outside the picture."
    )
    with pytest.raises(ConfigurationError, match=r"^pooling has no dilation, got 2\.$"):
        kind(sliding_window((4, 4), (2, 2), "valid", dilation=(2, 2)), 1)
    with pytest.raises(ShapeError, match=r"window of 5 does not fit an input of 4 \(4 − 5 \+ 1 ="):
        kind(sliding_window((4, 4), (5, 5), "valid"), 1)


@BOTH
def test_shapes_that_do_not_fit(kind: type[MaxPool | AveragePool]) -> None:
    op = kind(sliding_window((4, 4), (2, 2), "valid"), 3)
    with pytest.raises(ShapeError, match=r"_pool expects \(4, 4, 3\), got \(4, 4, 2\)\.$"):
        op.types(Type((4, 4, 2)))
