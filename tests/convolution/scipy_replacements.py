"""A pytest plugin that gives SciPy's own tests the functions of kernelet to test.

What those tests ask of the wording of errors is dropped: kernelet has words of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from kernelet import convolve, correlate

# Tests of what SciPy's functions do not share with each other, and kernelet's can do.
OTHER_BEHAVIOUR = {
    "TestConvolve2d::test_invalid_dims": "convolve2d takes two axes, convolve any number",
    "TestFFTConvolve::test_empty": "fftconvolve takes empty arrays, convolve refuses them",
    "TestOAConvolve::test_empty": "oaconvolve takes empty arrays, convolve refuses them",
}


def convolve_by_fft(in1: ArrayLike, in2: ArrayLike, mode: Any = "full", axes: Any = None) -> Any:
    """Convolve as fftconvolve does, which turns integers into float64 unless both are single."""
    signal, kernel = np.asarray(in1), np.asarray(in2)
    if signal.dtype.kind in "iu" and max(signal.size, kernel.size) > 1:
        signal = signal.astype(np.float64)
    return convolve(signal, kernel, mode, axes=axes)


def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Any = "full",
    boundary: Any = "fill",
    fillvalue: ArrayLike = 0,
) -> Any:
    return convolve(in1, in2, mode, boundary=boundary, fillvalue=fillvalue)


def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: Any = "full",
    boundary: Any = "fill",
    fillvalue: ArrayLike = 0,
) -> Any:
    return correlate(in1, in2, mode, boundary=boundary, fillvalue=fillvalue)


def raises(kind: type[Exception], *call: Any, match: str | None = None, **options: Any) -> Any:
    """Expect an error, whatever its words."""
    del match
    return pytest.raises(kind, *call, **options)


REPLACEMENTS = {
    "convolve": convolve,
    "correlate": correlate,
    "convolve2d": convolve2d,
    "correlate2d": correlate2d,
    "fftconvolve": convolve_by_fft,
    "oaconvolve": convolve_by_fft,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from scipy import signal
    from scipy.signal.tests import test_signaltools as tests

    for name, replacement in REPLACEMENTS.items():
        setattr(signal, name, replacement)
        setattr(tests, name, replacement)
    tests.assert_raises = raises
    for item in items:
        for name, reason in OTHER_BEHAVIOUR.items():
            if name in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=reason))
