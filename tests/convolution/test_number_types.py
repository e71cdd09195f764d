"""Number types and memory layouts beyond the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet import convolve, correlate
from kernelet.errors import UsageError

signal = pytest.importorskip("scipy.signal")


def arrays(dtype: str, *shapes: tuple[int, ...]) -> list[NDArray[Any]]:
    generator = np.random.default_rng(3)
    return [generator.integers(0, 4, shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", ["bool", "float16", "longdouble", "clongdouble", "object"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_types_without_kernels(dtype: str, mode: Any) -> None:
    a, w = arrays(dtype, (9,), (4,))
    for ours, theirs in ((convolve, signal.convolve), (correlate, signal.correlate)):
        expected = theirs(a, w, mode, method="direct")
        result = ours(a, w, mode)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_long_doubles_keep_their_digits_in_two_dimensions(mode: Any) -> None:
    generator = np.random.default_rng(4)
    a, w = (generator.standard_normal(s).astype(np.longdouble) for s in ((5, 6), (3, 2)))
    expected = signal.correlate(a, w, mode, method="direct")
    epsilon = float(np.finfo(np.longdouble).eps)
    np.testing.assert_allclose(correlate(a, w, mode), expected, rtol=0, atol=64 * epsilon)


def test_half_precision_in_two_dimensions() -> None:
    a, w = arrays("float16", (5, 6), (2, 3))
    expected = signal.convolve(a.astype(np.float32), w.astype(np.float32), method="direct")
    result = convolve(a, w)
    assert result.dtype == np.float16
    np.testing.assert_array_equal(result, expected)


def test_objects_that_are_only_numbers_to_each_other() -> None:
    a = np.array([Fraction(1, 2), Fraction(1, 3)])
    assert convolve(a, a).tolist() == [Fraction(1, 4), Fraction(1, 3), Fraction(1, 9)]


@pytest.mark.parametrize("dtype", ["bool", "object"])
def test_types_that_scipy_refuses_in_two_dimensions(dtype: str) -> None:
    a, w = arrays(dtype, (3, 3), (2, 2))
    with pytest.raises(ValueError, match="nsupported"):
        signal.convolve(a, w)
    with pytest.raises(UsageError, match="only convolved in one dimension, not 2"):
        convolve(a, w)


@pytest.mark.parametrize("dtype", ["datetime64[s]", "timedelta64[s]", "U1", "S1"])
def test_what_is_no_number(dtype: str) -> None:
    with pytest.raises(UsageError, match="a must hold numbers, not "):
        convolve(np.array([1, 2], "int64").astype(dtype), [1])


def big_endian(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(array.dtype.newbyteorder(">"))


def misaligned(array: NDArray[Any]) -> NDArray[Any]:
    raw = np.empty(array.nbytes + 1, np.uint8)
    view = raw[1:].view(array.dtype).reshape(array.shape)
    view[...] = array
    assert not view.flags.aligned
    return view


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
        lambda x: np.repeat(np.repeat(x, 3, 0), 2, 1)[::3, ::2],
        big_endian,
        misaligned,
        read_only,
    ],
)
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex64"])
def test_layouts(layout: Callable[[NDArray[Any]], NDArray[Any]], dtype: str) -> None:
    a, w = arrays(dtype, (12, 17), (4, 3))
    expected = convolve(a, w)
    result = convolve(layout(a), layout(w))
    assert result.dtype == a.dtype
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, expected)


def test_inputs_are_left_alone() -> None:
    a, w = arrays("float32", (12, 17), (4, 3))
    before = a.copy(), w.copy()
    for mode in ("full", "same", "valid"):
        convolve(a, w, mode)
        correlate(w, a, mode)
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(w, before[1])


def test_integers_wrap_around_in_their_own_type() -> None:
    assert convolve(np.array([200, 100], np.uint8), np.array([2], np.uint8)).tolist() == [144, 200]


def test_large_integers_keep_all_their_digits() -> None:
    a = np.full(300, 2**31 - 1)
    expected = np.convolve(a, a)
    np.testing.assert_array_equal(convolve(a, a), expected)
    with pytest.warns(RuntimeWarning, match="not exact"):
        convolve(a, a, method="fft")


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_integers_by_spectra_are_exact(dtype: str) -> None:
    generator = np.random.default_rng(8)
    a, w = (generator.integers(0, 120, s).astype(dtype) for s in ((90, 80), (30, 20)))
    expected = convolve(a, w, method="direct")
    np.testing.assert_array_equal(convolve(a, w, method="fft"), expected)
    np.testing.assert_array_equal(convolve(a, w), expected)


def test_numbers_without_axes() -> None:
    assert convolve(3, 4) == 12
    assert correlate(3j, 4j) == 12
    assert correlate(np.float32(2), np.float32(3)).dtype == np.float32
    with pytest.raises(UsageError, match="turn sparse ones into dense ones"):
        convolve(np.array(object()), 2)


def test_what_is_not_finite_stays_where_it_is() -> None:
    a = np.ones(4000)
    a[17] = np.nan
    w = np.ones(1500)
    assert np.isnan(convolve(a, w)).sum() == w.size
    with pytest.warns(RuntimeWarning, match="NAN or inf"):
        convolve(a, w, method="fft")
