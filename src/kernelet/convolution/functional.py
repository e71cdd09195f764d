"""Convolutions of batches as functions on arrays, channels last, as layers mean them.

They correlate: filters are not flipped. Arrays whose types float32 can hold exactly (float32,
float16, booleans, 8- and 16-bit integers) are computed in float32 by the engine; any other real
numbers in float64 by the definition, which is slower and loses nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from kernelet.activations import ActivationFunction
from kernelet.convolution.forward import NOTHING, Expression, Numbers, Solver, prepare, result_type
from kernelet.errors import ShapeError
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.convolution import Conv1D, Conv2D, Conv3D, FilterLayer

Activation = str | ActivationFunction | None

IMAGES = {
    1: "sequences of (sequences, length, channels)",
    2: "images of (images, height, width, channels)",
    3: "volumes of (volumes, depth, height, width, channels)",
}
_KERNEL = {1: "cells", 2: "rows, columns", 3: "planes, rows, columns"}


def check_batch(shape: tuple[int, ...], axes: int) -> None:
    """Check that images have a batch axis, the axes a window slides over, and channels.

    Raises
    ------
    ShapeError
        If they have other axes, or one of length 0 besides the batch.
    """
    if len(shape) != axes + 2 or 0 in shape[1:]:
        single = "; try images[numpy.newaxis] for a single one" if len(shape) == axes + 1 else ""
        raise ShapeError(f"expected {IMAGES[axes]}, got an array of shape {shape}{single}.")


def _check_filters(shape: tuple[int, ...], axes: int, channels: str) -> None:
    """Check that filters have the axes a window slides over and two of channels, none empty."""
    if len(shape) != axes + 2 or 0 in shape:
        raise ShapeError(
            f"expected filters of ({_KERNEL[axes]}, {channels}), got an array of shape {shape}."
        )


class Form(msgspec.Struct, frozen=True):
    """How some layers are made for filters.

    Attributes
    ----------
    channels : str
        Names of the filters' last two axes.
    counted : int
        Which of these counts the filters, -1 or -2.
    options : tuple of str
        The layers' keywords, in the order in which `solve` is given their values.
    """

    channels: str
    counted: int
    options: tuple[str, ...]


_FORM = Form(
    "channels / groups, filters",
    -1,
    ("strides", "padding", "dilation_rate", "groups", "activation"),
)


def _expression(
    form: Form,
    kind: type[FilterLayer],
    images: tuple[int, ...],
    filters: tuple[int, ...],
    bias: tuple[int, ...] | None,
    *options: Any,
) -> Expression:
    """Return what a layer does to images, with filters and, possibly, a bias of some shapes."""
    assert kind.rank is not None
    check_batch(images, kind.rank - 1)
    _check_filters(filters, kind.rank - 1, form.channels)
    keywords = dict(zip(form.options, options, strict=True))
    make: Callable[..., FilterLayer] = kind
    layer = make(filters[form.counted], filters[:-2], **keywords)
    op = layer.operation(images[1:])
    if filters != op.weights.shape:
        raise ShapeError(
            f"images of {images[-1]} channels take filters of shape {op.weights.shape},"
            f" not {filters}."
        )
    if bias not in (None, (layer.filters,)):
        raise ShapeError(
            f"{layer.filters} filters take a bias of shape ({layer.filters},), not {bias}."
        )
    assert layer.activation is None or isinstance(layer.activation, str)
    return Expression(op, bias is not None, layer.activation)


def _prepare(
    form: Form,
    kind: type[FilterLayer],
    images: tuple[int, ...],
    filters: tuple[int, ...],
    bias: tuple[int, ...] | None,
    images_type: np.dtype[Any],
    filters_type: np.dtype[Any],
    bias_type: np.dtype[Any],
    *options: Any,
) -> Solver:
    expression = _expression(form, kind, images, filters, bias, *options)
    return prepare(expression, images[0], result_type(images_type, filters_type, bias_type))


# On small arrays, working out what the arguments mean takes ten times as long as the products.
_prepared = functools.lru_cache(maxsize=1024, typed=True)(_prepare)


def solve(
    form: Form,
    kind: type[FilterLayer],
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None,
    *options: Any,
) -> Numbers:
    """Convolve as a kind of layer does, with the values of its form's options."""
    x, w = np.asarray(images), np.asarray(filters)
    b = NOTHING if bias is None else np.asarray(bias)
    shape = None if bias is None else b.shape
    arguments = (form, kind, x.shape, w.shape, shape, x.dtype, w.dtype, b.dtype, *options)
    try:
        solver = _prepared(*arguments)
    except TypeError:  # lists, among others, have no hash
        solver = _prepare(*arguments)
    return solver(x, w, b)


def conv1d(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    dilation_rate: Sizes = 1,
    groups: int = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve sequences, as `conv2d` does images.

    Parameters
    ----------
    images : array_like, shape (n, length, channels)
    filters : array_like, shape (cells, channels / groups, filters)
    bias : array_like, shape (filters,), optional
    strides, dilation_rate, groups, activation
        As in `kernelet.Conv1D`.
    padding : {"valid", "same", "full", "causal"}, int or (int, int)
        As in `kernelet.Conv1D`.

    Returns
    -------
    ndarray, shape (n, positions, filters)
        float32, or float64 where an array's type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or an array is not of real numbers.

    Examples
    --------
    >>> conv1d([[[1], [2], [4], [8]]], [[[1]], [[1]]])[0, :, 0]
    array([ 3.,  6., 12.])
    """
    options = (strides, padding, dilation_rate, groups, activation)
    return solve(_FORM, Conv1D, images, filters, bias, *options)


def conv2d(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    dilation_rate: Sizes = 1,
    groups: int = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve images with filters, as the layer `kernelet.Conv2D` does: σ(w ∗ x + b).

    Parameters
    ----------
    images : array_like, shape (n, height, width, channels)
    filters : array_like, shape (rows, columns, channels / groups, filters)
        Not flipped, as in every framework.
    bias : array_like, shape (filters,), optional
        One number a feature map.
    strides : int or (int, int)
        Step between windows.
    padding : {"valid", "same", "full"}, int, (int, int) or ((int, int), (int, int))
        For inputs of n and kernels of k, the output has n − k + 1, n, or n + k − 1 cells at
        stride 1; or cells of zeros: on all sides, by axis, or by side. "same" puts an odd zero
        after the input.
    dilation_rate : int or (int, int)
        Distance between the cells of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    activation : str or ActivationFunction, optional

    Returns
    -------
    ndarray, shape (n, rows, columns, filters)
        float32, or float64 where an array's type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or an array is not of real numbers.

    See Also
    --------
    kernelet.correlate, kernelet.convolve : the operator without batch and channels.

    Examples
    --------
    >>> images = np.ones((1, 5, 5, 3), np.float32)
    >>> filters = np.ones((3, 3, 3, 8), np.float32)
    >>> maps = conv2d(images, filters)
    >>> maps.shape, float(maps[0, 0, 0, 0])
    ((1, 3, 3, 8), 27.0)
    """
    options = (strides, padding, dilation_rate, groups, activation)
    return solve(_FORM, Conv2D, images, filters, bias, *options)


def conv3d(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    dilation_rate: Sizes = 1,
    groups: int = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve volumes, as `conv2d` does images.

    Parameters
    ----------
    images : array_like, shape (n, depth, height, width, channels)
    filters : array_like, shape (planes, rows, columns, channels / groups, filters)
    bias : array_like, shape (filters,), optional
    strides, padding, dilation_rate, groups, activation
        As in `kernelet.Conv3D`.

    Returns
    -------
    ndarray, shape (n, planes, rows, columns, filters)
        float32, or float64 where an array's type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or an array is not of real numbers.

    Examples
    --------
    >>> volumes = np.ones((2, 4, 5, 6, 1), np.float32)
    >>> conv3d(volumes, np.ones((3, 3, 3, 1, 4), np.float32), padding="same").shape
    (2, 4, 5, 6, 4)
    """
    options = (strides, padding, dilation_rate, groups, activation)
    return solve(_FORM, Conv3D, images, filters, bias, *options)
