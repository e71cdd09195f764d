"""Poolings of batches as functions on arrays, channels last.

Number types are those of `kernelet.convolution.functional`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kernelet.convolution.forward import (
    NOTHING,
    Expression,
    Numbers,
    Solver,
    prepare,
    result_type,
)
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


def _prepare(
    kind: type[Pooling], shape: tuple[int, ...], dtype: np.dtype[Any], *options: Any
) -> Solver:
    make: Callable[..., Pooling] = kind
    layer = make(*options)
    assert layer.rank is not None
    check_batch(shape, layer.rank - 1)
    return prepare(Expression(layer.operation(shape[1:])), shape[0], result_type(dtype))


# What the arguments mean takes longer to work out than small poolings.
_prepared = functools.lru_cache(maxsize=1024, typed=True)(_prepare)


def _pool(kind: type[Pooling], images: ArrayLike, *options: Any) -> Numbers:
    """Pool as a kind of layer does, with size, strides and padding."""
    x = np.asarray(images)
    try:
        solver = _prepared(kind, x.shape, x.dtype, *options)
    except TypeError:  # lists, among others, have no hash
        solver = _prepare(kind, x.shape, x.dtype, *options)
    return solver(x, NOTHING, NOTHING)


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
    return _pool(MaxPooling1D, images, pool_size, strides, padding)


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
    return _pool(MaxPooling2D, images, pool_size, strides, padding)


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
    return _pool(MaxPooling3D, images, pool_size, strides, padding)


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
    return _pool(AveragePooling1D, images, pool_size, strides, padding)


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
    return _pool(AveragePooling2D, images, pool_size, strides, padding)


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
    return _pool(AveragePooling3D, images, pool_size, strides, padding)
