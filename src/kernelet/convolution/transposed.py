"""Transposed convolutions of batches as functions on arrays, channels last.

Number types are those of `kernelet.convolution.functional`.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from kernelet.convolution.forward import Numbers
from kernelet.convolution.functional import Activation, Form, solve
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.transposed import Conv1DTranspose, Conv2DTranspose, Conv3DTranspose

_FORM = Form(
    "filters, channels",
    -2,
    ("strides", "padding", "output_padding", "dilation_rate", "activation"),
)


def conv1d_transpose(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes | None = None,
    dilation_rate: Sizes = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve sequences transposed, as `conv2d_transpose` does images.

    Parameters
    ----------
    images : array_like, shape (n, length, channels)
    filters : array_like, shape (cells, filters, channels)
    bias : array_like, shape (filters,), optional
    strides, padding, output_padding, dilation_rate, activation
        As in `kernelet.Conv1DTranspose`.

    Returns
    -------
    ndarray, shape (n, cells, filters)
        float32, or float64 where an array's type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or an array is not of real numbers.

    Examples
    --------
    >>> conv1d_transpose([[[1], [2]]], [[[1]], [[1]], [[5]]], strides=2)[0, :, 0]
    array([ 1.,  1.,  7.,  2., 10.])
    """
    options = (strides, padding, output_padding, dilation_rate, activation)
    return solve(_FORM, Conv1DTranspose, images, filters, bias, *options)


def conv2d_transpose(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes | None = None,
    dilation_rate: Sizes = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve images transposed, as the layer `kernelet.Conv2DTranspose` does.

    Parameters
    ----------
    images : array_like, shape (n, height, width, channels)
    filters : array_like, shape (rows, columns, filters, channels)
    bias : array_like, shape (filters,), optional
    strides, padding, output_padding, dilation_rate, activation
        As in `kernelet.Conv2DTranspose`.

    Returns
    -------
    ndarray, shape (n, rows, columns, filters)
        float32, or float64 where an array's type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or an array is not of real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> maps = np.ones((1, 14, 14, 16), np.float32)
    >>> filters = np.ones((3, 3, 6, 16), np.float32)
    >>> conv2d_transpose(maps, filters, strides=2, padding="same").shape
    (1, 28, 28, 6)
    """
    options = (strides, padding, output_padding, dilation_rate, activation)
    return solve(_FORM, Conv2DTranspose, images, filters, bias, *options)


def conv3d_transpose(
    images: ArrayLike,
    filters: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes | None = None,
    dilation_rate: Sizes = 1,
    activation: Activation = None,
) -> Numbers:
    """Convolve volumes transposed, as `conv2d_transpose` does images.

    Parameters
    ----------
    images : array_like, shape (n, depth, height, width, channels)
    filters : array_like, shape (planes, rows, columns, filters, channels)
    bias : array_like, shape (filters,), optional
    strides, padding, output_padding, dilation_rate, activation
        As in `kernelet.Conv3DTranspose`.

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
    >>> import numpy as np
    >>> volumes = np.ones((1, 2, 3, 4, 5), np.float32)
    >>> conv3d_transpose(volumes, np.ones((2, 2, 2, 6, 5), np.float32), strides=2).shape
    (1, 4, 6, 8, 6)
    """
    options = (strides, padding, output_padding, dilation_rate, activation)
    return solve(_FORM, Conv3DTranspose, images, filters, bias, *options)
