"""A filter over a photo: channel by channel, or as a pattern to be found."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.choice import fastest
from kernelet.convolution.definition import extended
from kernelet.convolution.operator import convolve, correlate
from kernelet.convolution.placement import place
from kernelet.convolution.problem import Boundary, Problem
from kernelet.data.photos import Photo
from kernelet.errors import ShapeError
from kernelet.geometry import Window, window

if TYPE_CHECKING:
    from kernelet.convolution.arguments import Method, Mode

Normalization = Literal["clip", "stretch", "abs"]
NORMALIZATIONS: tuple[Normalization, ...] = get_args(Normalization)


class Filtered(msgspec.Struct, frozen=True, eq=False):
    """What a filter answers to a photo.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (rows, columns, channels)
        One map for each channel of the photo, in the photo's units; a pattern has been multiplied
        with each channel by itself, and its answer is their sum.
    as_pattern : bool
        Whether the filter was a pattern.
    alpha : ndarray, shape (rows, columns), or None
        Opacity of the cell in the middle of each window position.
    placed : (Window, Window)
        Rows and columns with their padding.
    multiply_adds : int
        By the definition, which no method has to follow.
    methods : tuple of str
        By which the maps were computed.
    seconds : float
        What that took.
    """

    values: NDArray[Any]
    as_pattern: bool
    alpha: NDArray[Any] | None
    placed: tuple[Window, Window]
    multiply_adds: int
    methods: tuple[str, ...]
    seconds: float

    @property
    def answer(self) -> NDArray[Any]:
        """The maps that make the resulting picture, shape (rows, columns, 1 or channels)."""
        return self.values.sum(axis=2, keepdims=True) if self.as_pattern else self.values

    def strongest(self) -> tuple[float, int, int]:
        """Return the largest answer, and the photo's row and column under the window's corner."""
        answer = self.answer.max(axis=2)
        row, column = np.unravel_index(int(answer.argmax()), answer.shape)
        rows, columns = self.placed
        return float(answer[row, column]), int(row) - rows.before, int(column) - columns.before


def filter_photo(
    photo: Photo,
    weights: NDArray[np.float32],
    mode: Mode = "same",
    boundary: Boundary = "symm",
    *,
    as_pattern: bool = False,
) -> Filtered:
    """Apply a filter to a photo.

    Parameters
    ----------
    photo : Photo
    weights : ndarray of float32, shape (height, width) or (height, width, channels)
        One window for all channels, or one for each.
    mode, boundary
        As in `kernelet.convolve`; zeros lie beyond the border with ``fill``.
    as_pattern : bool
        Look for the filter as it is drawn: correlate, and add the channels up, which makes it a
        dot product of three axes. Otherwise each channel is convolved for itself.

    Returns
    -------
    Filtered
        Computed in float32 for 8-bit photos, in float64 for 16-bit ones.

    Raises
    ------
    ShapeError
        If the filter has other channels than the photo, or does not fit it in mode ``valid``.

    Examples
    --------
    >>> photo = Photo(np.array([[[10], [20], [40]]], np.uint8))
    >>> filter_photo(photo, np.array([[1, -1]], np.float32), "valid").values.ravel().tolist()
    [10.0, 20.0]
    """
    _check_shapes(photo, weights, mode)
    start = time.perf_counter()
    channels = photo.pixels.shape[2]
    dtype = np.dtype(np.float32 if photo.pixels.dtype == np.uint8 else np.float64)
    # An even window is centred as the operator centres it, which depends on these two.
    late = as_pattern and boundary != "fill"
    rows, columns = (
        place(n, k, mode, late=late)
        for n, k in zip(photo.pixels.shape[:2], weights.shape[:2], strict=True)
    )
    operator = correlate if as_pattern else convolve
    values = np.empty((rows.output, columns.output, channels), dtype)
    methods = []
    for channel in range(channels):
        plane = np.ascontiguousarray(photo.pixels[..., channel], dtype)
        taps = (weights if weights.ndim == 2 else weights[..., channel]).astype(dtype)
        methods.append(_method(taps, (rows, columns), boundary))
        values[..., channel] = operator(plane, taps, mode, methods[-1], boundary)
    return Filtered(
        values=values,
        as_pattern=as_pattern,
        alpha=_placed_alpha(photo, (rows, columns), boundary, late=late),
        placed=(rows, columns),
        multiply_adds=channels * math.prod((*values.shape[:2], *weights.shape[:2])),
        methods=tuple(dict.fromkeys(methods)),
        seconds=time.perf_counter() - start,
    )


def normalized(
    values: NDArray[Any], dtype: np.dtype[Any], how: Normalization
) -> tuple[NDArray[Any], float]:
    """Bring answers of any size to what a picture can hold.

    Parameters
    ----------
    values : ndarray
        In units of the picture, whose white is the largest value of its type.
    dtype : dtype
        uint8 or uint16.
    how : {"clip", "stretch", "abs"}
        Cut off below black and above white; or make the smallest value black and the largest
        white, over all channels together; or take absolute values and cut off above white.

    Returns
    -------
    ndarray of dtype, float
        The values, rounded, and the share of them that was cut off.

    Examples
    --------
    >>> values = np.array([-100.0, 0, 100, 300])
    >>> normalized(values, np.dtype(np.uint8), "clip")
    (array([  0,   0, 100, 255], dtype=uint8), 0.5)
    >>> normalized(values, np.dtype(np.uint8), "stretch")
    (array([  0,  64, 128, 255], dtype=uint8), 0.0)
    >>> normalized(values, np.dtype(np.uint8), "abs")
    (array([100,   0, 100, 255], dtype=uint8), 0.25)
    """
    white = float(np.iinfo(dtype).max)
    if how == "abs":
        values = np.abs(values)
    elif how == "stretch":
        low, high = float(values.min()), float(values.max())
        # An even surface has nothing to stretch, and stays what it is.
        if high > low:
            values = (values - low) / (high - low) * white
    rounded = np.floor(values + 0.5)
    outside = (rounded < 0) | (rounded > white)
    return np.clip(rounded, 0, white).astype(dtype), float(outside.mean())


def _method(taps: NDArray[Any], placed: tuple[Window, Window], boundary: Boundary) -> Method:
    """Return what "auto" would choose, so that it can be named."""
    rows, columns = placed
    if boundary == "fill" and rows.kernel * columns.kernel > rows.length * columns.length:
        return "auto"  # the operator lets the photo move over the filter
    problem = Problem(
        batch=1,
        signal=(1, rows.length, columns.length),
        window=(1, rows.kernel, columns.kernel),
        before=(0, rows.before, columns.before),
        output=(1, rows.output, columns.output),
        dtype=taps.dtype.name,
        boundary=boundary,
    )
    return cast("Method", fastest(problem, taps[None]))


def _placed_alpha(
    photo: Photo, placed: tuple[Window, Window], boundary: Boundary, *, late: bool
) -> NDArray[Any] | None:
    """Return the opacity in the middle of each window position; beyond the border, as filled."""
    alpha = photo.alpha
    if alpha is None:
        return None
    for axis, one in enumerate(placed):
        wider = extended(alpha, axis, one, boundary, 0)
        # With mode "same", the middle lies on the cell that the answer replaces.
        middle = place(one.length, one.kernel, "same", late=late).before
        alpha = np.take(wider, np.arange(middle, middle + one.output), axis)
    return alpha


def _check_shapes(photo: Photo, weights: NDArray[Any], mode: Mode) -> None:
    height, width, channels = photo.pixels.shape
    if weights.ndim == 3 and weights.shape[2] != channels:
        kind = "grey" if channels == 1 else "in colour"
        raise ShapeError(
            f"The filter has {weights.shape[2]} channels, and the picture is {kind} ({channels}).\n"
            f"  Give a filter of rows × columns × {channels},"
            " or of rows × columns for all channels."
        )
    for name, n, k in (("rows", height, weights.shape[0]), ("columns", width, weights.shape[1])):
        if mode == "valid" and n < k:
            arithmetic = window(n, k, mode).arithmetic()
            raise ShapeError(
                f"A filter of {k} {name} does not fit a picture of {n} {name}"
                f" (valid: {arithmetic}).\n"
                '  Try mode "same" or "full", or a smaller filter.'
            )
