"""Convolutions and poolings of batches as functions: values, number types, mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import kernelet as kl
from convolution.exactness import assert_exact, whole_numbers
from kernelet.convolution import forward, functional
from kernelet.convolution.choice import best_way
from kernelet.errors import ConfigurationError, ShapeError, UsageError
from levels import LEVEL_NAMES
from ops.cases import CASES, Case, random_case

Array = NDArray[Any]

EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)
RANDOM_SHAPES = 150


@pytest.fixture(params=LEVEL_NAMES)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plan for each instruction set in turn."""
    forward.plans.clear()
    monkeypatch.setenv("KERNELET_ISA", request.param)
    yield request.param
    forward.plans.clear()


@EVERY_CASE
def test_every_case_is_exact(case: Case, isa: str) -> None:
    assert_exact(case, np.random.default_rng(1))


def test_random_shapes_are_exact(isa: str) -> None:
    generator = np.random.default_rng(2)
    for _ in range(RANDOM_SHAPES):
        assert_exact(random_case(generator), generator)


CONVOLUTIONS: list[tuple[Callable[..., Array], tuple[int, ...]]] = [
    (kl.conv1d, (30,)),
    (kl.conv2d, (9, 10)),
    (kl.conv3d, (5, 6, 7)),
]


@pytest.mark.torch
@pytest.mark.parametrize("activation", [None, "relu", "gelu", "softmax"])
@pytest.mark.parametrize(("strides", "padding", "dilation", "groups"), [(1, 0, 1, 1), (2, 2, 2, 3)])
@pytest.mark.parametrize(("function", "size"), CONVOLUTIONS)
def test_convolution_is_pytorchs(
    function: Callable[..., Array],
    size: tuple[int, ...],
    strides: int,
    padding: int,
    dilation: int,
    groups: int,
    activation: str | None,
) -> None:
    import torch

    generator = np.random.default_rng(5)
    axes = len(size)
    x = generator.standard_normal((2, *size, 6), np.float32)
    w = generator.standard_normal((*(3, 2, 3)[:axes], 6 // groups, 12), np.float32)
    b = generator.standard_normal(12, np.float32)
    y = (torch.conv1d, torch.conv2d, torch.conv3d)[axes - 1](
        torch.tensor(np.moveaxis(x, -1, 1), dtype=torch.float64),
        torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)), dtype=torch.float64),
        torch.tensor(b, dtype=torch.float64),
        stride=strides,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    functions = {
        None: lambda x: x,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
        "softmax": lambda x: torch.softmax(x, 1),
    }
    expected = np.moveaxis(functions[activation](y).numpy(), 1, -1)
    for precision, tolerance in ((np.float32, 2e-5), (np.float64, 1e-12)):
        found = function(
            x.astype(precision),
            w,
            b,
            strides=strides,
            padding=padding,
            dilation_rate=dilation,
            groups=groups,
            activation=activation,
        )
        assert found.dtype == precision
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


TRANSPOSED: list[tuple[Callable[..., Array], tuple[int, ...]]] = [
    (kl.conv1d_transpose, (30,)),
    (kl.conv2d_transpose, (9, 10)),
    (kl.conv3d_transpose, (5, 6, 7)),
]


@pytest.mark.torch
@pytest.mark.parametrize(
    ("strides", "padding", "extra", "dilation"), [(1, 0, 0, 1), (2, 1, 1, 2), (3, 0, 2, 1)]
)
@pytest.mark.parametrize(("function", "size"), TRANSPOSED)
def test_transposed_convolution_is_pytorchs(
    function: Callable[..., Array],
    size: tuple[int, ...],
    strides: int,
    padding: int,
    extra: int,
    dilation: int,
) -> None:
    import torch

    generator = np.random.default_rng(6)
    axes = len(size)
    x = generator.standard_normal((2, *size, 5), np.float32)
    w = generator.standard_normal((*(3, 2, 3)[:axes], 4, 5), np.float32)
    b = generator.standard_normal(4, np.float32)
    transposed = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
    y = transposed[axes - 1](
        torch.tensor(np.moveaxis(x, -1, 1), dtype=torch.float64),
        torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)), dtype=torch.float64),
        torch.tensor(b, dtype=torch.float64),
        stride=strides,
        padding=padding,
        output_padding=extra,
        dilation=dilation,
    )
    found = function(
        x,
        w,
        b,
        strides=strides,
        padding=padding,
        output_padding=extra,
        dilation_rate=dilation,
    )
    np.testing.assert_allclose(found, np.moveaxis(y.numpy(), 1, -1), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same", "full"])
def test_transposed_convolution_is_the_adjoint_of_the_convolution(
    padding: str, strides: int, kernel: int
) -> None:
    generator = np.random.default_rng(7)
    x = whole_numbers(generator, 1, 6, 7, 2)
    w = whole_numbers(generator, kernel, 2, 3, 2)
    try:
        larger = kl.conv2d_transpose(x, w, strides=strides, padding=padding)
    except ShapeError:
        assert padding == "full"
        return
    other = whole_numbers(generator, *larger.shape)
    smaller = kl.conv2d(other, w, strides=strides, padding=padding)
    assert smaller.shape == x.shape
    assert (smaller * x).sum() == (larger * other).sum()


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize(("strides", "extra"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 2)])
def test_output_padding_keeps_the_adjoint(strides: int, extra: int, kernel: int) -> None:
    generator = np.random.default_rng(11)
    x = whole_numbers(generator, 1, 6, 2)
    w = whole_numbers(generator, kernel, 3, 2)
    larger = kl.conv1d_transpose(x, w, strides=strides, padding="same", output_padding=extra)
    assert larger.shape[1] == 5 * strides + 1 + extra
    other = whole_numbers(generator, *larger.shape)
    smaller = kl.conv1d(other, w, strides=strides, padding="same")
    assert (smaller * x).sum() == (larger * other).sum()


POOLINGS: list[tuple[Callable[..., Array], Callable[..., Array], int]] = [
    (kl.max_pool1d, np.max, 1),
    (kl.max_pool2d, np.max, 2),
    (kl.max_pool3d, np.max, 3),
    (kl.average_pool1d, np.mean, 1),
    (kl.average_pool2d, np.mean, 2),
    (kl.average_pool3d, np.mean, 3),
]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(("function", "definition", "axes"), POOLINGS)
def test_pooling(
    function: Callable[..., Array], definition: Callable[..., Array], axes: int, dtype: Any
) -> None:
    x = np.random.default_rng(8).integers(0, 200, (2, *(11, 8, 7)[:axes], 3)).astype(dtype)
    sliding = np.lib.stride_tricks.sliding_window_view(x, (3,) * axes, tuple(range(1, axes + 1)))
    windows = sliding[(slice(None), *(slice(None, None, 2),) * axes)]
    expected = definition(windows, axis=tuple(range(axes + 2, 2 * axes + 2)))
    found = function(x, 3, strides=2)
    assert found.dtype == (np.float64 if dtype is np.float64 else np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "float16", "float32"])
def test_what_float32_holds_is_computed_in_float32(dtype: str) -> None:
    x = np.random.default_rng(9).integers(0, 2, (3, 6, 6, 2)).astype(dtype)
    w = np.ones((3, 3, 2, 4), np.float32)
    found = kl.conv2d(x, w)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, kl.conv2d(x.astype(np.float64), w))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32", "float64"])
def test_what_float32_would_round_is_computed_in_float64(dtype: str) -> None:
    large = 2**24 + 1
    x = np.full((1, 4, 1), large).astype(dtype)
    found = kl.conv1d(x, np.ones((2, 1, 1), np.float32))
    assert found.dtype == np.float64
    assert found[0, :, 0].tolist() == [2 * large] * 3
    single = kl.conv1d(np.ones((1, 4, 1), np.float32), np.full((1, 1, 1), large).astype(dtype))
    assert single[0, :, 0].tolist() == [large] * 4


def test_any_memory_layout_is_read_and_none_is_written() -> None:
    generator = np.random.default_rng(10)
    x = whole_numbers(generator, 2, 9, 8, 6)
    w = whole_numbers(generator, 3, 3, 3, 4)
    turned = np.asfortranarray(x)[:, ::-1, :, ::2]
    turned.setflags(write=False)
    expected = kl.conv2d(x[:, ::-1, :, ::2].copy(), w)
    np.testing.assert_array_equal(kl.conv2d(turned, np.asfortranarray(w)), expected)
    assert expected.flags["C_CONTIGUOUS"]


def test_arrays_that_must_not_be_written_are_read_where_they_lie() -> None:
    generator = np.random.default_rng(11)
    x, w = whole_numbers(generator, 2, 9, 8, 6), whole_numbers(generator, 3, 3, 6, 4)
    b = whole_numbers(generator, 4)
    expected = kl.conv2d(x, w, b)
    for array in (x, w, b):
        array.setflags(write=False)
    np.testing.assert_array_equal(kl.conv2d(x, w, b), expected)


@pytest.mark.parametrize("filters", [4, 300])
def test_a_call_sees_numbers_that_changed_since_the_last(filters: int) -> None:
    generator = np.random.default_rng(12)
    x = whole_numbers(generator, 1, 9, 8, 200)
    w, b = whole_numbers(generator, 3, 3, 200, filters), whole_numbers(generator, filters)
    before = kl.conv2d(x, w, b)
    w[2, 2, 199, filters - 1] += 1
    b[0] += 1
    after = kl.conv2d(x, w, b)
    np.testing.assert_array_equal(after[..., 0], before[..., 0] + 1)
    np.testing.assert_array_equal(after[..., 1:-1], before[..., 1:-1])
    np.testing.assert_array_equal(after[..., -1], before[..., -1] + x[:, 2:, 2:, 199])


def test_sizes_as_lists_and_of_other_types_mean_the_same() -> None:
    generator = np.random.default_rng(13)
    x, w = whole_numbers(generator, 1, 9, 8, 2), whole_numbers(generator, 3, 3, 2, 4)
    expected = kl.conv2d(x, w, strides=2)
    strides: Any
    for strides in ((2, 2), [2, 2], np.int64(2)):
        np.testing.assert_array_equal(kl.conv2d(x, w, strides=strides), expected)
    kl.conv2d(x, w, strides=1)
    with pytest.raises(ConfigurationError):
        kl.conv2d(x, w, strides=True)


@pytest.mark.parametrize(("channels", "filters"), [(1, 2), (4, 4), (3, 5), (2, 1)])
def test_what_is_no_number_stays_in_its_group(isa: str, channels: int, filters: int) -> None:
    generator = np.random.default_rng(8)
    x = generator.integers(-3, 4, (1, 5, 6, 6 * channels)).astype(np.float32)
    kernel = generator.integers(-3, 4, (3, 3, channels, 6 * filters)).astype(np.float32)
    wanted = np.array(kl.conv2d(x, kernel, groups=6))
    x[..., 2 * channels] = np.nan
    got = np.array(kl.conv2d(x, kernel, groups=6))
    own = slice(2 * filters, 3 * filters)
    assert np.isnan(got[..., own]).all()
    np.testing.assert_array_equal(np.delete(got, own, -1), np.delete(wanted, own, -1))


def test_threads_do_not_change_a_bit() -> None:
    generator = np.random.default_rng(14)
    for size, channels, filters in ((40, 3, 5), (30, 16, 20), (33, 64, 64)):
        x = generator.standard_normal((3, size, size, channels), np.float32)
        w = generator.standard_normal((3, 3, channels, filters), np.float32)
        op = kl.Conv2D(filters, 3).operation(x.shape[1:])
        expression, none = forward.Expression(op), np.zeros(0, np.float32)
        alone, *others = (
            solver(x, w, none)
            for threads in (1, 2, 4)
            for solver in (
                forward.OneByOne(expression, 3, threads),
                forward.SideBySide(expression, threads),
            )
        )
        for other in others:
            np.testing.assert_array_equal(other, alone)


def test_neither_threads_nor_the_batch_change_a_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(15)
    for size, channels, filters, batch in ((40, 64, 64, 40), (60, 3, 2, 50), (9, 16, 5, 33)):
        x = generator.standard_normal((batch, size, size, channels), np.float32)
        w = generator.standard_normal((3, 3, channels, filters), np.float32)
        found = []
        for threads in ("1", "2", "4"):
            monkeypatch.setenv("KERNELET_THREADS", threads)
            functional._prepared.cache_clear()
            forward.plans.clear()
            found.append(kl.conv2d(x, w, padding="same"))
        for other in found[1:]:
            np.testing.assert_array_equal(other, found[0])
        np.testing.assert_array_equal(kl.conv2d(x[:1], w, padding="same"), found[0][:1])
    functional._prepared.cache_clear()


@pytest.mark.parametrize("threads", ["1", "2", "8"])
def test_which_pictures_go_side_by_side(threads: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELET_THREADS", threads)

    def one_by_one(pictures: int, size: int, channels: int, filters: int) -> bool:
        op = kl.Conv2D(filters, 3, padding="same").operation((size, size, channels))
        return best_way(op, pictures).one_by_one

    assert one_by_one(1, 56, 64, 64)
    assert one_by_one(1, 9, 64, 1)
    assert not one_by_one(128, 9, 64, 1)
    # Sixteen of these would take half a gigabyte.
    assert one_by_one(128, 700, 16, 1)


def test_an_empty_batch_gives_an_empty_batch() -> None:
    found = kl.conv2d(np.zeros((0, 6, 6, 2), np.float32), np.zeros((3, 3, 2, 4), np.float32))
    assert found.shape == (0, 4, 4, 4)
    assert found.dtype == np.float32
    assert kl.max_pool1d(np.zeros((0, 6, 2))).shape == (0, 3, 2)


def test_calls_at_the_same_time_do_not_mix() -> None:
    x = np.ones((1, 40, 40, 3), np.float32)

    def sums(value: int) -> set[float]:
        w = np.full((3, 3, 3, 5), value, np.float32)
        return set(kl.conv2d(x, w).ravel().tolist())

    values = list(range(60))
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(sums, values)) == [{27.0 * value} for value in values]


def test_kept_plans_stay_within_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    forward.plans.clear()
    monkeypatch.setattr(forward, "KEPT_BYTES", 1 << 16)
    w = np.ones((3, 3, 1, 1), np.float32)
    for size in range(4, 40):
        assert kl.conv2d(np.ones((1, size, size, 1), np.float32), w).shape[1] == size - 2
    assert 1 <= forward.plans.count() < 36
    forward.plans.clear()


X = np.ones((1, 4, 4, 3), np.float32)
W = np.ones((3, 3, 3, 2), np.float32)

MISTAKES: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (
        lambda: kl.conv2d(X[0], W),
        ShapeError,
        (
            "expected images of (images, height, width, channels), got an array of shape (4, 4, 3);"
            " try images[numpy.newaxis] for a single one."
        ),
    ),
    (
        lambda: kl.conv1d(X, W[0]),
        ShapeError,
        "expected sequences of (sequences, length, channels), got an array of shape (1, 4, 4, 3).",
    ),
    (
        lambda: kl.conv2d(X, W[0]),
        ShapeError,
        (
            "expected filters of (rows, columns, channels / groups, filters), got an array of shape"
            " (3, 3, 2)."
        ),
    ),
    (
        lambda: kl.conv2d(X, W[:, :, :2]),
        ShapeError,
        "images of 3 channels take filters of shape (3, 3, 3, 2), not (3, 3, 2, 2).",
    ),
    (
        lambda: kl.conv2d_transpose(X, W),
        ShapeError,
        "images of 3 channels take filters of shape (3, 3, 3, 3), not (3, 3, 3, 2).",
    ),
    (
        lambda: kl.conv2d(X, W, bias=np.ones(3)),
        ShapeError,
        "2 filters take a bias of shape (2,), not (3,).",
    ),
    (
        lambda: kl.conv2d(X, np.ones((5, 5, 3, 2), np.float32)),
        ShapeError,
        (
            "kernel 5×5 does not fit its 4×4 input (valid: 4 − 5 + 1 = 0).\n"
            '  Try padding="same" or a kernel of at most 4.'
        ),
    ),
    (
        lambda: kl.conv2d(X, W, groups=2),
        ShapeError,
        "3 input channels do not fall into 2 groups.\n  Try groups=1.",
    ),
    (
        lambda: kl.conv2d(X, W, strides=0),
        ConfigurationError,
        "strides must be an integer of at least 1 or a pair of them (rows, columns), not 0.",
    ),
    (
        lambda: kl.conv2d(X.astype(np.complex64), W),
        UsageError,
        "expected arrays of real numbers, got one of complex64.",
    ),
    (
        lambda: kl.average_pool2d(X.astype(np.longdouble)),
        UsageError,
        (
            f"convolutions are computed in float32 or float64, not in {np.dtype(np.longdouble)};"
            " convert the arrays with x.astype(numpy.float64)."
        ),
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), MISTAKES, ids=[m[2][:40] for m in MISTAKES])
def test_mistakes(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(text)}$"):
        call()
