"""OpenCV's and SciPy's ways to filter one picture, and ours, for float32 and zeros beyond it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

import kernelet as kl
from contenders.turns import Contender

# With more multiply-adds than these, SciPy's direct method cannot be its best.
SCIPY_DIRECT_LIMIT = 5 * 10**7


def plain_filters(image: NDArray[Any], window: NDArray[Any]) -> dict[str, Contender]:
    """Return the ways to correlate with any window, ``same``; kernelet's first.

    OpenCV leaves out the flip, as `kernelet.correlate` does, and uses as many threads as
    `cv2.setNumThreads` said last.
    """
    return {
        "kernelet": lambda: kl.correlate(image, window, "same"),
        "kernelet direct": lambda: kl.correlate(image, window, "same", "direct"),
        "filter2D": lambda: cv2.filter2D(image, -1, window, borderType=cv2.BORDER_CONSTANT),
    }


def scipy_filters(image: NDArray[Any], window: NDArray[Any]) -> dict[str, Contender]:
    """Return SciPy's ways, and kernelet's; convolutions are given the window flipped."""
    flipped = np.ascontiguousarray(window[::-1, ::-1])

    def fftconvolve_with_workers() -> NDArray[Any]:
        with scipy.fft.set_workers(2):
            return scipy.signal.fftconvolve(image, flipped, "same")

    found: dict[str, Contender] = {
        "kernelet": lambda: kl.correlate(image, window, "same"),
        "fftconvolve": lambda: scipy.signal.fftconvolve(image, flipped, "same"),
        "fftconvolve, 2 workers": fftconvolve_with_workers,
        "oaconvolve": lambda: scipy.signal.oaconvolve(image, flipped, "same"),
    }
    if image.size * window.size <= SCIPY_DIRECT_LIMIT:
        found["correlate2d"] = lambda: scipy.signal.correlate2d(image, window, "same")
    return found


def separable_filters(
    image: NDArray[Any], column: NDArray[Any], row: NDArray[Any]
) -> dict[str, Contender]:
    """Return the ways to correlate with a window that is a column times a row."""
    window = np.outer(column, row)
    border = cv2.BORDER_CONSTANT
    return {
        "kernelet": lambda: kl.correlate(image, window, "same"),
        "kernelet separable": lambda: kl.correlate(image, window, "same", "separable"),
        "sepFilter2D": lambda: cv2.sepFilter2D(image, -1, row, column, borderType=border),
    }
