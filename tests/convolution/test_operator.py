"""What `convolve` and `correlate` do with axes, empty arrays and mistakes."""

from __future__ import annotations

import tracemalloc
from itertools import product
from typing import Any

import numpy as np
import pytest

import kernelet as kl
from kernelet.convolution.placement import empty_outputs
from kernelet.errors import ShapeError, UsageError

signal = pytest.importorskip("scipy.signal")

TEXTBOOK = np.array(
    [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
)
TEXTBOOK_FILTER = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
TEXTBOOK_ANSWER = [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "complex64"])
@pytest.mark.parametrize("method", ["auto", "direct", "fft", "matmul", "winograd"])
def test_textbook_example(dtype: str, method: Any) -> None:
    if method == "winograd" and dtype in ("uint8", "int64"):
        pytest.skip("its transform halves numbers")
    a, w = TEXTBOOK.astype(dtype), TEXTBOOK_FILTER.astype(dtype)
    found = kl.correlate(a, w, "valid", method)
    np.testing.assert_allclose(found, TEXTBOOK_ANSWER, rtol=1e-6)
    flipped = kl.convolve(a, w[::-1, ::-1], "valid", method)
    np.testing.assert_allclose(flipped, TEXTBOOK_ANSWER, rtol=1e-6)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("axes", [0, (1,), (-1,), (0, 2), (2, 0), (0, 1), None])
def test_axes_are_those_of_fftconvolve(axes: Any, mode: Any) -> None:
    generator = np.random.default_rng(1)
    a, w = generator.standard_normal((4, 5, 6)), generator.standard_normal((4, 5, 6))
    w = w[:3, :4, :2]
    for axis in set(range(3)) - {k % 3 for k in np.atleast_1d(range(3) if axes is None else axes)}:
        w = w.take([0], axis) if axis == 1 else np.repeat(w.take([0], axis), a.shape[axis], axis)
    expected = signal.fftconvolve(a, w, mode, axes=axes)
    result = kl.convolve(a, w, mode, axes=axes)
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-13)
    expected = signal.fftconvolve(a, w[::-1, ::-1, ::-1], mode, axes=axes)
    flipped = w
    for axis in range(3):
        if axes is not None and axis not in {k % 3 for k in np.atleast_1d(axes)}:
            flipped = np.flip(flipped, axis)
    result = kl.correlate(a, flipped, mode, axes=axes)
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-13)


def test_batches_of_both_arrays_broadcast() -> None:
    generator = np.random.default_rng(2)
    a, w = generator.standard_normal((3, 1, 4, 9)), generator.standard_normal((1, 2, 4, 5))
    result = kl.convolve(a, w, "same", axes=3)
    assert result.shape == (3, 2, 4, 9)
    for i, j, k in product(range(3), range(2), range(4)):
        expected = np.convolve(a[i, 0, k], w[0, j, k], "same")
        np.testing.assert_allclose(result[i, j, k], expected, rtol=0, atol=1e-13)


def test_no_batches_give_no_results() -> None:
    assert kl.convolve(np.ones((0, 5)), np.ones((1, 3)), axes=1).shape == (0, 7)


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_more_than_three_axes(mode: Any, boundary: Any) -> None:
    generator = np.random.default_rng(3)
    a, w = generator.standard_normal((3, 4, 5, 2, 3)), generator.standard_normal((2, 3, 2, 2, 1))
    result = kl.convolve(a, w, mode, boundary=boundary)
    if boundary == "fill" or mode == "valid":
        expected = signal.convolve(a, w, mode, method="direct")
    else:
        full = [(k - 1, k - 1) for k in w.shape]
        wide = np.pad(a, full, "wrap" if boundary == "wrap" else "symmetric")
        expected = signal.convolve(wide, w, "valid", method="direct")
        if mode == "same":
            inside = ((k - 1) // 2 for k in w.shape)
            expected = expected[
                tuple(slice(s, s + n) for s, n in zip(inside, a.shape, strict=True))
            ]
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-13)


SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((0,), (3,)),
    ((3,), (0,)),
    ((0,), (0,)),
    ((0, 3), (2, 2)),
    ((2, 2), (0, 3)),
    ((0, 2), (0, 2)),
    ((3, 4), (2, 0)),
    ((2, 0), (2, 0)),
    ((0, 2, 2), (1, 1, 1)),
]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("lengths", "taps"), SHAPES)
def test_empty_arrays_are_taken_where_scipy_takes_them(lengths: Any, taps: Any, mode: Any) -> None:
    a, w = np.ones(lengths), np.ones(taps)
    for ours, theirs in ((kl.convolve, signal.convolve), (kl.correlate, signal.correlate)):
        try:
            with np.errstate(all="ignore"):
                expected = theirs(a, w, mode)
        except ValueError:
            with pytest.raises(ShapeError):
                ours(a, w, mode)
        else:
            np.testing.assert_array_equal(ours(a, w, mode), expected)


def test_nothing_cannot_be_continued() -> None:
    a, w = np.ones((0, 3)), np.ones((2, 2))
    assert kl.convolve(a, w, "same", boundary="wrap").shape == (0, 3)
    with pytest.raises(ShapeError, match=r"a is empty: a is 0×3 and w is 2×2\."):
        kl.convolve(a, w, "full", boundary="wrap")
    assert empty_outputs((0, 2, 2), (1, 1, 1), "full", plain=True) == (0, 2, 2)


def test_fillvalues() -> None:
    a, w = np.array([1, 2, 3], np.uint8), np.array([1, 1], np.uint8)
    assert kl.convolve(a, w, fillvalue=9.9).tolist() == [10, 3, 5, 12]
    assert kl.convolve(a + 0j, w, fillvalue=1j).tolist() == [1 + 1j, 3, 5, 3 + 1j]
    assert kl.convolve(a, w, "valid", fillvalue=9).tolist() == [3, 5]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("operator", [kl.convolve, kl.correlate])
def test_the_definition_needs_no_copies(operator: Any, mode: Any) -> None:
    a, w = np.ones((700, 900), np.float32), np.ones((5, 4), np.float32)
    operator(a, w, mode, "direct")
    tracemalloc.start()
    try:
        result = operator(a, w, mode, "direct")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < result.nbytes + 100_000


MISTAKES = [
    (([1], [2]), {"mode": "spam"}, 'mode must be "valid", "same" or "full", not \'spam\'.'),
    (([1], [2]), {"mode": 2}, 'mode must be "valid", "same" or "full", not 2.'),
    (
        ([1], [2]),
        {"method": "bacon"},
        (
            'method must be "auto", "direct", "fft", "matmul", "separable" or "winograd",'
            " not 'bacon'."
        ),
    ),
    (
        ([1], [2]),
        {"boundary": "eggs"},
        'boundary must be "fill", "wrap" or "symm", not \'eggs\'.',
    ),
    (
        ([1, 2], [[3]]),
        {},
        (
            "a and w must have the same number of axes, not 1 and 2 (shapes (2,) and (1, 1))."
            " Add axes of length 1 where they are missing, for example w[numpy.newaxis]."
        ),
    ),
    (
        (np.ones((2, 3)), np.ones((3, 2))),
        {"mode": "valid"},
        (
            'mode "valid" needs one array that is at least as long as the other along every axis;'
            ' a is 2×3 and w is 3×2. Try mode="same" or mode="full".'
        ),
    ),
    (([1], [2]), {"axes": []}, "axes must name at least one axis, or be None for all of them."),
    (
        ([1], [2]),
        {"axes": [0.5]},
        "axes must be an integer or several of them, not [0.5].",
    ),
    (
        ([1], [2]),
        {"axes": 1},
        "axes names axis 1, but the arrays have 1 axes: -1 to 0 exist.",
    ),
    (([[1]], [[2]]), {"axes": [0, -2]}, "axes names an axis twice: [0, -2]."),
    (
        (np.ones((5, 2)), np.ones((5, 3))),
        {"axes": 0},
        (
            "axis 1 is 2 cells long in a and 3 in w (shapes (5, 2) and (5, 3)); the filter does not"
            " move along it, so the lengths must be equal or one of them 1. To move along"
            " it, pass axes=(0, 1)."
        ),
    ),
    (
        (np.ones(3, np.uint8), np.ones(2, np.uint8)),
        {"fillvalue": 300},
        (
            "fillvalue 300 does not fit the result's type uint8 (0 to 255). Convert a to a larger"
            " type first."
        ),
    ),
    (
        (np.ones(3), np.ones(2)),
        {"fillvalue": 1j},
        (
            "fillvalue 1j is complex, but the result is float64. Convert a to complex first, for"
            " example a.astype(complex)."
        ),
    ),
    (
        (np.ones(3), np.ones(2)),
        {"fillvalue": [1, 2]},
        "fillvalue must be a single number, not [1, 2].",
    ),
]


@pytest.mark.parametrize(("arrays", "options", "message"), MISTAKES)
@pytest.mark.parametrize("operator", [kl.convolve, kl.correlate])
def test_mistakes(operator: Any, arrays: Any, options: Any, message: str) -> None:
    with pytest.raises((UsageError, ShapeError)) as error:
        operator(*arrays, **options)
    assert str(error.value) == message
    assert isinstance(error.value, ValueError)
