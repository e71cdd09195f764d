"""The filter library: what each filter answers to, from its definition."""

from __future__ import annotations

import doctest
import importlib
import math
import pkgutil

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, signal

from kernelet.convolution import filters
from kernelet.errors import ConfigurationError

Image = NDArray[np.float64]

SMOOTH = [
    filters.box(4),
    filters.gaussian(2.5),
    filters.motion(8.5, 33),
    filters.sharpen(0.7),
    filters.unsharp(1.5, 2),
    filters.emboss(),
]
BALANCED = [
    filters.sobel("x"),
    filters.prewitt("y"),
    filters.scharr("x"),
    filters.laplacian(8),
    filters.laplacian_of_gaussian(1.7),
    filters.gabor(6, 20, phase=30),
]


def answer(window: NDArray[np.float32], picture: Image) -> Image:
    """Return where the window lies inside the picture, by SciPy."""
    found: Image = signal.convolve2d(picture, window.astype(np.float64), "valid")
    return found


def ramps(size: int = 40) -> tuple[Image, Image]:
    """Return column and row numbers, from the middle."""
    y, x = np.mgrid[:size, :size].astype(np.float64) - size // 2
    return x, y


MODULES = [module.name for module in pkgutil.iter_modules(filters.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"kernelet.convolution.filters.{name}")
    result = doctest.testmod(module)
    assert result.failed == 0
    assert result.attempted > 0 or name == "grid"


@pytest.mark.parametrize(("windows", "total"), [(SMOOTH, 1), (BALANCED, 0)])
def test_sums_and_type(windows: list[NDArray[np.float32]], total: int) -> None:
    for window in windows:
        assert window.dtype == np.float32
        assert window.flags.c_contiguous
        assert window.sum(dtype=np.float64) == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "weight"), [(filters.sobel, 8), (filters.prewitt, 6), (filters.scharr, 32)]
)
def test_slopes_are_positive_to_the_right_and_downwards(function, weight: int) -> None:  # type: ignore[no-untyped-def]
    x, y = ramps()
    assert (answer(function("x"), 3 * x + 5 * y) == 3 * weight).all()
    assert (answer(function("y"), 3 * x + 5 * y) == 5 * weight).all()


def test_laplacian_adds_up_second_differences() -> None:
    x, y = ramps()
    assert (answer(filters.laplacian(), x**2 + 3 * y**2) == 2 + 6).all()
    assert (answer(filters.laplacian(8), x**2 + 3 * y**2) == 3 * (2 + 6)).all()


@pytest.mark.parametrize("sigma", [1.0, 2.0, 3.3])
def test_laplacian_of_gaussian_is_the_laplacian_of_the_blurred(sigma: float) -> None:
    x, y = ramps(61)
    window = filters.laplacian_of_gaussian(sigma)
    assert answer(window, x**2 + 3 * y**2) == pytest.approx(8, rel=0.02)
    radii = np.arange(0.5, 8, 0.5)
    answers = [answer(window, np.where(np.hypot(x, y) <= radius, 0.0, 1.0)) for radius in radii]
    at_spot = [found[found.shape[0] // 2, found.shape[1] // 2] for found in answers]
    assert radii[np.argmax(at_spot)] == pytest.approx(sigma * math.sqrt(2), abs=0.6)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.2, 7.0])
def test_gaussian_equals_scipy(sigma: float) -> None:
    window = filters.gaussian(sigma)
    impulse = np.zeros((window.shape[0] + 8,) * 2)
    impulse[impulse.shape[0] // 2, impulse.shape[1] // 2] = 1
    expected = ndimage.gaussian_filter(impulse, sigma, mode="constant")
    assert np.pad(window, 4) == pytest.approx(expected, abs=1e-7)


def test_gaussian_of_an_even_size_is_symmetric() -> None:
    window = filters.gaussian(1, size=4)
    assert window.shape == (4, 4)
    assert (window == window[::-1]).all()
    assert (window == window.T).all()


def test_motion_along_the_axes() -> None:
    assert filters.motion(5) == pytest.approx(np.full((1, 5), 0.2))
    assert filters.motion(5, 90) == pytest.approx(np.full((5, 1), 0.2))
    assert filters.motion(1, 77) == pytest.approx(np.ones((1, 1)))
    assert filters.motion(4) == pytest.approx(np.array([[0.125, 0.25, 0.25, 0.25, 0.125]]))


@pytest.mark.parametrize("angle", [20, 45, 130, -75])
def test_motion_spreads_along_its_angle(angle: float) -> None:
    window = filters.motion(31, angle)
    y, x = (np.indices(window.shape).T - (np.array(window.shape) - 1) / 2).T
    spread = np.cov(np.stack([x.ravel(), -y.ravel()]), aweights=window.ravel())
    lengths, axes = np.linalg.eigh(spread)
    direction = math.degrees(math.atan2(axes[1, 1], axes[0, 1]))
    assert (direction - angle + 90) % 180 - 90 == pytest.approx(0, abs=0.5)
    assert math.sqrt(12 * lengths[1]) == pytest.approx(31, rel=0.05)
    assert lengths[0] < 0.5


def grating(wavelength: float, angle: float) -> Image:
    x, y = ramps(101)
    direction = math.radians(angle)
    wave: Image = np.cos(
        2 * math.pi * (x * math.cos(direction) - y * math.sin(direction)) / wavelength
    )
    return wave


@pytest.mark.parametrize("angle", [0, 30, 90, 145])
def test_gabor_answers_to_its_stripes_alone(angle: float) -> None:
    window = filters.gabor(8, angle)
    own = np.abs(answer(window, grating(8, angle))).max()
    assert own > 0.9
    for wavelength, turn in ((8, 90), (8, 45), (3, 0), (24, 0)):
        assert np.abs(answer(window, grating(wavelength, angle + turn))).max() < 0.15 * own


def test_gabor_scale_phase_and_aspect() -> None:
    window = filters.gabor(8, 30, sigma=3, aspect=0.5, phase=90)
    assert np.abs(window).sum() == pytest.approx(2, rel=1e-5)
    assert window == pytest.approx(-window[::-1, ::-1], abs=1e-7)
    upright = filters.gabor(8, 0)
    middle = upright.shape[0] // 2
    tall, wide = (
        np.flatnonzero(np.abs(line) > 0.05 * upright.max())
        for line in (upright[:, middle], upright[middle])
    )
    assert len(tall) > 1.3 * len(wide)
    edge = filters.gabor(8, 0, phase=90)
    x, _ = ramps(101)
    assert answer(edge, np.sign(x + 0.5)).max() > 0.5, "values grow to the right"


def test_sharpening_is_the_picture_plus_differences() -> None:
    identity = np.pad(np.ones((1, 1)), 1)
    assert filters.sharpen(0.5) == pytest.approx(identity - 0.5 * filters.laplacian())
    blur = filters.gaussian(1.2)
    one = np.zeros_like(blur)
    one[blur.shape[0] // 2, blur.shape[1] // 2] = 1
    assert filters.unsharp(1.2, 0.8) == pytest.approx(1.8 * one - 0.8 * blur, abs=5e-7)


def test_emboss_is_bright_where_the_surface_rises_to_the_lower_right() -> None:
    x, y = ramps()
    assert (answer(filters.emboss(), x + y) - (x + y)[1:-1, 1:-1] > 0).all()
    assert (answer(filters.emboss(), x - y) == (x - y)[1:-1, 1:-1]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: filters.box(0),
            "box: size must be a whole number from 1 to 4,095, not 0.",
        ),
        (
            lambda: filters.box(2.5),  # type: ignore[arg-type]
            "box: size must be a whole number from 1 to 4,095, not 2.5.",
        ),
        (
            lambda: filters.gaussian(math.nan),
            "gaussian: sigma must be at least 0.1, not nan.",
        ),
        (
            lambda: filters.gaussian(1e9),
            (
                "gaussian: the window would be 8,000,000,001 cells wide; at most 4,095 are made.\n"
                "  Scale the picture down, or give a smaller value."
            ),
        ),
        (
            lambda: filters.motion(0),
            "motion: length must be at least 1 and at most 4095, not 0.",
        ),
        (
            lambda: filters.sobel("z"),  # type: ignore[arg-type]
            'sobel: axis must be "x" or "y", not \'z\'.',
        ),
        (
            lambda: filters.laplacian(5),
            "laplacian: neighbours must be 4 or 8, not 5.",
        ),
        (
            lambda: filters.gabor(2, phase=90),
            (
                "gabor: a wave of length 2 and phase 90 is 0 at every cell.\n"
                "  Try phase=0 or a longer wavelength."
            ),
        ),
        (
            lambda: filters.gabor(aspect=0),
            "gabor: aspect must be above 0, not 0.",
        ),
        (
            lambda: filters.sharpen("much"),  # type: ignore[arg-type]
            "sharpen: amount must be a finite number, not 'much'.",
        ),
    ],
)
def test_values_out_of_range(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert str(caught.value) == message
