"""Filters over photos: values, opacity and normalization, against SciPy and by definition."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from kernelet.convolution import filtering, filters
from kernelet.convolution.arguments import Mode
from kernelet.convolution.filtering import filter_photo, normalized
from kernelet.convolution.problem import Boundary
from kernelet.data.photos import Photo
from kernelet.errors import ShapeError

MODES: tuple[Mode, ...] = ("valid", "same", "full")
BOUNDARIES: tuple[Boundary, ...] = ("fill", "wrap", "symm")


def photo(
    channels: int = 3,
    dtype: str = "uint8",
    *,
    alpha: bool = False,
    size: tuple[int, int] = (20, 31),
) -> Photo:
    random = np.random.default_rng(channels)
    values = random.integers(0, np.iinfo(dtype).max, (*size, 4), endpoint=True, dtype=dtype)
    return Photo(values[..., :channels], values[..., 3] if alpha else None)


def by_scipy(
    pixels: NDArray[Any], window: NDArray[Any], mode: Mode, boundary: Boundary
) -> NDArray[np.float64]:
    planes = np.moveaxis(pixels.astype(np.float64), 2, 0)
    maps = [signal.convolve2d(plane, window.astype(np.float64), mode, boundary) for plane in planes]
    return np.stack(maps, axis=2)


def test_examples() -> None:
    result = doctest.testmod(filtering)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("window", [filters.sobel("y"), filters.gaussian(1.5), filters.box(4)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_each_channel_is_convolved(
    mode: Mode, boundary: Boundary, window: NDArray[np.float32], dtype: str
) -> None:
    source = photo(dtype=dtype)
    found = filter_photo(source, window, mode, boundary)
    expected = by_scipy(source.pixels, window, mode, boundary)
    scale = source.white * np.abs(window).sum()
    assert found.values.dtype == (np.float32 if dtype == "uint8" else np.float64)
    limit = 1e-6 if dtype == "uint8" else 1e-13
    assert np.abs(found.values - expected).max() <= limit * scale
    assert found.answer is found.values
    assert tuple(one.output for one in found.placed) == expected.shape[:2]
    assert found.multiply_adds == expected.size * window.size
    assert found.seconds > 0
    assert set(found.methods) <= {"direct", "fft", "matmul", "separable", "winograd"}


def test_a_filter_of_several_channels_has_a_window_for_each() -> None:
    source = photo()
    weights = np.random.default_rng(1).random((3, 5, 3), np.float32)
    found = filter_photo(source, weights)
    for channel in range(3):
        plane = source.pixels[..., channel : channel + 1]
        expected = by_scipy(plane, weights[..., channel], "same", "symm")
        assert found.values[..., channel : channel + 1] == pytest.approx(expected, rel=1e-5)


def test_a_pattern_is_a_dot_product_over_all_channels() -> None:
    source = photo()
    pattern = np.random.default_rng(2).normal(size=(4, 3, 3)).astype(np.float32)
    found = filter_photo(source, pattern, "valid", as_pattern=True)
    assert found.answer.shape == (17, 29, 1)
    windows = np.lib.stride_tricks.sliding_window_view(source.pixels, (4, 3, 3))[:, :, 0]
    expected = np.einsum("ijklm,klm->ij", windows.astype(np.float64), pattern)
    assert found.answer[..., 0] == pytest.approx(expected, rel=1e-4, abs=1e-2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", [(5, 5), (6, 4)])
def test_a_pattern_is_found_where_it_is(
    mode: Mode, boundary: Boundary, size: tuple[int, int]
) -> None:
    source = photo(size=(40, 50))
    pixels = source.pixels.copy()
    patch = np.where(np.indices(size).sum(0) % 2, 0, 255)[..., None] * np.array([1, 0, 1])
    pixels[11 : 11 + size[0], 23 : 23 + size[1]] = patch
    pattern = (patch - patch.mean()).astype(np.float32)
    found = filter_photo(Photo(pixels), pattern, mode, boundary, as_pattern=True)
    answer, row, column = found.strongest()
    assert (row, column) == (11, 23)
    assert answer == pytest.approx(float((patch * pattern).sum()), rel=1e-5)


def test_a_filter_for_red_does_not_answer_to_green() -> None:
    red = np.zeros((9, 9, 3), np.uint8)
    red[..., 0] = 200
    pattern = np.ones((3, 3, 3), np.float32) * np.array([1, -1, -1], np.float32)
    on_red = filter_photo(Photo(red), pattern, as_pattern=True).answer
    on_green = filter_photo(Photo(red[..., [1, 0, 2]]), pattern, as_pattern=True).answer
    assert (on_red == 9 * 200).all()
    assert (on_green == -9 * 200).all()


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("as_pattern", [False, True])
@pytest.mark.parametrize("side", [3, 4, 5])
def test_opacity_is_that_of_the_cell_in_the_middle(
    boundary: Boundary, as_pattern: bool, side: int
) -> None:
    source = photo(1, alpha=True)
    assert source.alpha is not None
    window = np.ones((side, side), np.float32)
    found = {
        mode: filter_photo(source, window, mode, boundary, as_pattern=as_pattern).alpha
        for mode in MODES
    }
    assert np.array_equal(found["same"], source.alpha)  # type: ignore[arg-type]
    full = found["full"]
    assert full is not None
    assert full.shape == (20 + side - 1, 31 + side - 1)
    inside = next(
        (i, j)
        for i in range(side)
        for j in range(side)
        if np.array_equal(full[i : i + 20, j : j + 31], source.alpha)
    )
    beyond = full[inside[0] + 20 :]
    if boundary == "fill":
        assert not beyond.any()
    elif boundary == "wrap":
        assert np.array_equal(beyond[:, inside[1] : inside[1] + 31], source.alpha[: len(beyond)])
    valid = found["valid"]
    assert valid is not None
    rows, columns = 20 - side + 1, 31 - side + 1
    parts = [source.alpha[k : k + rows, k : k + columns] for k in range(side)]
    offsets = [k for k, part in enumerate(parts) if np.array_equal(valid, part)]
    assert offsets in ([side // 2], [(side - 1) // 2])


def test_normalizations() -> None:
    values = np.array([[[-10.6], [0.4]], [[127.5], [300.0]]], np.float32)
    clipped, share = normalized(values, np.dtype(np.uint8), "clip")
    assert clipped.ravel().tolist() == [0, 0, 128, 255]
    assert share == 0.5
    absolute, share = normalized(values, np.dtype(np.uint8), "abs")
    assert absolute.ravel().tolist() == [11, 0, 128, 255]
    assert share == 0.25
    stretched, share = normalized(values, np.dtype(np.uint16), "stretch")
    assert stretched.ravel()[[0, 3]].tolist() == [0, 65535]
    assert stretched.dtype == np.uint16
    assert share == 0
    even = np.full((2, 2, 1), 70.0, np.float32)
    assert (normalized(even, np.dtype(np.uint8), "stretch")[0] == 70).all()


def test_values_a_hair_beyond_white_are_white() -> None:
    values = np.array([-0.3, 255.4])
    assert normalized(values, np.dtype(np.uint8), "clip")[1] == 0


@pytest.mark.parametrize(
    ("channels", "shape", "message"),
    [
        (
            1,
            (3, 3, 3),
            (
                "The filter has 3 channels, and the picture is grey (1).\n"
                "  Give a filter of rows × columns × 1, or of rows × columns for all channels."
            ),
        ),
        (
            3,
            (3, 3, 2),
            (
                "The filter has 2 channels, and the picture is in colour (3).\n"
                "  Give a filter of rows × columns × 3, or of rows × columns for all channels."
            ),
        ),
        (
            3,
            (25, 3),
            (
                "A filter of 25 rows does not fit a picture of 20 rows (valid: 20 − 25 + 1 = -4).\n"
                '  Try mode "same" or "full", or a smaller filter.'
            ),
        ),
    ],
)
def test_filters_that_do_not_fit(channels: int, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        filter_photo(photo(channels), np.ones(shape, np.float32), "valid")
    assert str(caught.value) == message


def test_a_filter_larger_than_the_photo() -> None:
    source = photo(size=(5, 6))
    window = filters.gaussian(3)
    for boundary in BOUNDARIES:
        found = filter_photo(source, window, "same", boundary)
        expected = by_scipy(source.pixels, window, "same", boundary)
        assert found.values == pytest.approx(expected, rel=1e-4, abs=1e-2)
