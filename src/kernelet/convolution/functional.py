"""Convolutions of batches as functions on arrays, channels last, as layers mean them.

They correlate: filters are not flipped. Arrays whose types float32 can hold exactly (float32,
float16, booleans, 8- and 16-bit integers) are computed in float32 by the engine; any other real
numbers in float64 by the definition, which is slower and loses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.activations import ActivationFunction
from kernelet.convolution.forward import Numbers, apply
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


def batch_of(images: ArrayLike, axes: int) -> NDArray[Any]:
    """Return images as an array with a batch axis, the axes a window slides over, and channels.

    Raises
    ------
    ShapeError
        If it has other axes, or one of length 0 besides the batch.
    """
    array = np.asarray(images)
    if array.ndim != axes + 2 or 0 in array.shape[1:]:
        single = "; try images[numpy.newaxis] for a single one" if array.ndim == axes + 1 else ""
        raise ShapeError(f"expected {IMAGES[axes]}, got an array of shape {array.shape}{single}.")
    return array


def filters_of(filters: ArrayLike, axes: int, channels: str) -> NDArray[Any]:
    """Return filters as an array of the axes a window slides over and two of channels.

    Raises
    ------
    ShapeError
        If it has other axes, or one of length 0.
    """
    array = np.asarray(filters)
    if array.ndim != axes + 2 or 0 in array.shape:
        raise ShapeError(
            f"expected filters of ({_KERNEL[axes]}, {channels}), got an array of shape"
            f" {array.shape}."
        )
    return array


def apply_layer(
    layer: FilterLayer, images: NDArray[Any], filters: NDArray[Any], bias: ArrayLike | None
) -> Numbers:
    """Apply a layer to a batch with filters and, possibly, a bias.

    Raises
    ------
    ShapeError
        If they do not fit.
    """
    op = layer.operation(images.shape[1:])
    weights = {"filters": filters}
    if weights["filters"].shape != op.weights.shape:
        raise ShapeError(
            f"images of {images.shape[-1]} channels take filters of shape {op.weights.shape},"
            f" not {weights['filters'].shape}."
        )
    if bias is not None:
        weights["bias"] = np.asarray(bias)
        if weights["bias"].shape != (layer.filters,):
            raise ShapeError(
                f"{layer.filters} filters take a bias of shape ({layer.filters},), not"
                f" {weights['bias'].shape}."
            )
    assert layer.activation is None or isinstance(layer.activation, str)
    return apply(op, images, weights, layer.activation)


def _convolve(
    kind: type[Conv1D | Conv2D | Conv3D],
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None,
    **options: Any,
) -> Numbers:
    assert kind.rank is not None
    batch = batch_of(images, kind.rank - 1)
    weights = filters_of(filters, kind.rank - 1, "channels / groups, filters")
    layer = kind(weights.shape[-1], weights.shape[:-2], **options)
    return apply_layer(layer, batch, weights, bias)


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
    return _convolve(
        Conv1D,
        images,
        filters,
        bias,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        activation=activation,
    )


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
    return _convolve(
        Conv2D,
        images,
        filters,
        bias,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        activation=activation,
    )


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
    return _convolve(
        Conv3D,
        images,
        filters,
        bias,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        activation=activation,
    )
