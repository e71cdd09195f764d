"""Poolings of batches as functions on arrays, channels last.

Number types are those of `kernelet.convolution.functional`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kernelet.convolution.forward import Numbers, apply
from kernelet.convolution.functional import check_batch
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)

Pooling = (
    AveragePooling1D
    | AveragePooling2D
    | AveragePooling3D
    | MaxPooling1D
    | MaxPooling2D
    | MaxPooling3D
)


def _pool(layer: Pooling, images: ArrayLike) -> Numbers:
    assert layer.rank is not None
    batch = np.asarray(images)
    check_batch(batch.shape, layer.rank - 1)
    return apply(layer.operation(batch.shape[1:]), batch, {})


def max_pool1d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the maximum of each window of sequences, as `kernelet.MaxPooling1D` does.

    Parameters
    ----------
    images : array_like, shape (n, length, channels)
    pool_size, strides, padding
        As in `kernelet.MaxPooling1D`.

    Returns
    -------
    ndarray, shape (n, positions, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> max_pool1d([[[1], [3], [2], [0]]])[0, :, 0]
    array([3., 2.])
    """
    return _pool(MaxPooling1D(pool_size, strides, padding), images)


def max_pool2d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the maximum of each window of images, as `kernelet.MaxPooling2D` does.

    Parameters
    ----------
    images : array_like, shape (n, height, width, channels)
    pool_size, strides, padding
        As in `kernelet.MaxPooling2D`.

    Returns
    -------
    ndarray, shape (n, rows, columns, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool2d(np.ones((1, 100, 100, 3), np.float32)).shape
    (1, 50, 50, 3)
    """
    return _pool(MaxPooling2D(pool_size, strides, padding), images)


def max_pool3d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the maximum of each window of volumes, as `kernelet.MaxPooling3D` does.

    Parameters
    ----------
    images : array_like, shape (n, depth, height, width, channels)
    pool_size, strides, padding
        As in `kernelet.MaxPooling3D`.

    Returns
    -------
    ndarray, shape (n, planes, rows, columns, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> max_pool3d(np.ones((1, 8, 16, 16, 3), np.float32), (1, 2, 2)).shape
    (1, 8, 8, 8, 3)
    """
    return _pool(MaxPooling3D(pool_size, strides, padding), images)


def average_pool1d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the average of each window of sequences, as `kernelet.AveragePooling1D` does.

    Parameters
    ----------
    images : array_like, shape (n, length, channels)
    pool_size, strides, padding
        As in `kernelet.AveragePooling1D`.

    Returns
    -------
    ndarray, shape (n, positions, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> average_pool1d([[[1], [3], [2], [0]]], 3, strides=1, padding="same")[0, :, 0]
    array([2.        , 2.        , 1.66666667, 1.        ])
    """
    return _pool(AveragePooling1D(pool_size, strides, padding), images)


def average_pool2d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the average of each window of images, as `kernelet.AveragePooling2D` does.

    Parameters
    ----------
    images : array_like, shape (n, height, width, channels)
    pool_size, strides, padding
        As in `kernelet.AveragePooling2D`.

    Returns
    -------
    ndarray, shape (n, rows, columns, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> average_pool2d(np.ones((1, 7, 7, 3), np.float32), 3, strides=2).shape
    (1, 3, 3, 3)
    """
    return _pool(AveragePooling2D(pool_size, strides, padding), images)


def average_pool3d(
    images: ArrayLike,
    pool_size: Sizes = 2,
    strides: Sizes | None = None,
    padding: Padding = "valid",
) -> Numbers:
    """Return the average of each window of volumes, as `kernelet.AveragePooling3D` does.

    Parameters
    ----------
    images : array_like, shape (n, depth, height, width, channels)
    pool_size, strides, padding
        As in `kernelet.AveragePooling3D`.

    Returns
    -------
    ndarray, shape (n, planes, rows, columns, channels)
        float32, or float64 where the images' type has more digits.

    Raises
    ------
    ShapeError, ConfigurationError, UsageError
        If shapes do not fit, an argument makes no sense, or the images are no real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> average_pool3d(np.ones((1, 8, 16, 16, 3), np.float32)).shape
    (1, 4, 8, 8, 3)
    """
    return _pool(AveragePooling3D(pool_size, strides, padding), images)
