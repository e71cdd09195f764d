"""The operator on random arrays gives what SciPy gives, or refuses what SciPy refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.convolution import convolve, correlate

signal = pytest.importorskip("scipy.signal")

MODES = ("full", "same", "valid")
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
TYPES = (*INTEGERS, "float32", "float64", "complex64", "complex128")
# Relative to the largest sum of |products|: what SciPy and kernelet may be apart by rounding.
# SciPy's spectra of float32 are rounded to float32 even where the result is float64.
ROUNDING = {"f": 2e-6, "F": 4e-6, "d": 1e-14, "D": 2e-14}


def random_array(generator: np.random.Generator, shape: Any, dtype: str) -> NDArray[Any]:
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        whole: NDArray[Any] = generator.integers(
            limits.min, limits.max, shape, dtype, endpoint=True
        )
        return whole
    values: NDArray[Any] = generator.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * generator.standard_normal(shape)
    return values.astype(dtype)


def assert_same(ours: NDArray[Any], theirs: NDArray[Any], allowed: float) -> None:
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    assert ours.flags.c_contiguous
    if ours.dtype.kind in "iu":
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=allowed)


def compare(ours: Any, theirs: Any, a: NDArray[Any], w: NDArray[Any], **options: Any) -> None:
    __tracebackhide__ = True
    largest = max(float(np.abs(a.astype(complex)).max()), abs(options.get("fillvalue", 0)))
    rounding = max(ROUNDING.get(array.dtype.char, 2e-14) for array in (a, w))
    allowed = rounding * largest * float(np.abs(w.astype(complex)).sum())
    try:
        with np.errstate(all="ignore"):  # SciPy casts memory that it has not filled yet
            expected = theirs(a, w, **options)
    except ValueError:
        with pytest.raises(ValueError, match="a is "):
            ours(a, w, **options)
        return
    assert_same(ours(a, w, **options), expected, allowed)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_every_mode_and_type(dimensions: int, seed: int) -> None:
    generator = np.random.default_rng([seed, dimensions])
    longest = (40, 9, 6)[dimensions - 1]
    for _ in range(60):
        lengths, taps = generator.integers(1, longest, (2, dimensions))
        a = random_array(generator, lengths, generator.choice(TYPES))
        w = random_array(generator, taps, generator.choice(TYPES))
        mode = str(generator.choice(MODES))
        # SciPy rounds integers through float64 where it thinks that is faster.
        method = "direct" if np.result_type(a, w).kind in "iu" else "auto"
        for ours, theirs in ((convolve, signal.convolve), (correlate, signal.correlate)):
            compare(ours, lambda *x, **k: theirs(*x, **k, method=method), a, w, mode=mode)  # noqa: B023


@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("seed", range(6))
def test_every_boundary(boundary: str, seed: int) -> None:
    generator = np.random.default_rng([seed, 7])
    for _ in range(60):
        lengths, taps = generator.integers(1, 9, (2, 2))
        a = random_array(generator, lengths, generator.choice(TYPES))
        w = random_array(generator, taps, generator.choice(TYPES))
        options: dict[str, Any] = {"mode": str(generator.choice(MODES)), "boundary": boundary}
        if boundary == "fill":
            options["fillvalue"] = int(generator.integers(1, 9))
        compare(convolve, signal.convolve2d, a, w, **options)
        swapped = options["mode"] == "valid" and (taps > lengths).any()
        if swapped and np.result_type(a, w).kind == "c":
            continue  # SciPy's correlate2d conjugates the wrong array, its correlate does not
        compare(correlate, signal.correlate2d, a, w, **options)
