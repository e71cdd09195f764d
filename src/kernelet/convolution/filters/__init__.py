"""Well-known filters for pictures, as windows for `kernelet.convolve`.

Every function returns a float32 array, rows first. Convolution reverses its window, so the array
of ``sobel("x")`` falls from left to right, and ``convolve(picture, sobel("x"))`` is positive where
the picture's values grow to the right. For ``correlate``, which reverses nothing, turn a filter by
``[::-1, ::-1]``; only sobel, prewitt, scharr, emboss and a gabor of odd phase change by that. In
formulas, ``x`` counts to the right and ``y`` upwards from the centre of the array.

The weights of box, gaussian, motion, sharpen, unsharp and emboss add up to 1: an even surface
keeps its value. Those of the others add up to 0: an even surface becomes 0.
"""

from kernelet.convolution.filters.differences import (
    laplacian,
    laplacian_of_gaussian,
    prewitt,
    scharr,
    sobel,
)
from kernelet.convolution.filters.sharpening import emboss, sharpen, unsharp
from kernelet.convolution.filters.smoothing import box, gaussian, motion
from kernelet.convolution.filters.specification import FILTERS, parse, usage
from kernelet.convolution.filters.stripes import gabor

__all__ = [
    "FILTERS",
    "box",
    "emboss",
    "gabor",
    "gaussian",
    "laplacian",
    "laplacian_of_gaussian",
    "motion",
    "parse",
    "prewitt",
    "scharr",
    "sharpen",
    "sobel",
    "unsharp",
    "usage",
]
