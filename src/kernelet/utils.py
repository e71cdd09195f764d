"""Small helpers with Keras' names."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet import initializers
from kernelet.errors import DataError


def set_random_seed(seed: int) -> None:
    """Set the seed of the first weights of models made from now on.

    Parameters
    ----------
    seed : int
        At least 0.

    Raises
    ------
    ConfigurationError
        If it is no such integer.

    Examples
    --------
    >>> set_random_seed(0)
    """
    initializers.set_default_seed(seed)


def to_categorical(x: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Return rows of zeros with a one at each class number.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, 1)
        Class numbers from 0; whole, whatever their type.
    num_classes : int, optional
        Length of a row; by default the largest class number and one.

    Returns
    -------
    ndarray of float32, shape (n, num_classes)

    Raises
    ------
    DataError
        If a number is no class.

    Examples
    --------
    >>> to_categorical([0, 2]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    numbers = np.asarray(x).reshape(-1)
    if numbers.dtype.kind == "f" and np.array_equal(numbers, np.rint(numbers)):
        numbers = numbers.astype(np.int64)
    if numbers.dtype.kind not in "iu":
        raise DataError(f"class numbers are whole numbers, not {numbers.dtype}.")
    classes = num_classes if num_classes is not None else int(numbers.max(initial=-1)) + 1
    if numbers.size and not (numbers.min() >= 0 and numbers.max() < classes):
        expected = f"from 0 to {classes - 1}" if classes > 0 else "at least 0"
        raise DataError(
            f"class numbers must be {expected}, got {numbers.min()} to {numbers.max()}."
        )
    rows: NDArray[np.float32] = np.zeros((len(numbers), classes), np.float32)
    rows[np.arange(len(numbers)), numbers] = 1.0
    return rows
