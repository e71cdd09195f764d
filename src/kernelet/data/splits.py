"""Choosing the pictures of the validation split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernelet.data.dataset import Split
from kernelet.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Small enough for its copy to stay in the second-level cache, and in memory that was used before.
_COMPACT_BYTES = 1024 * 1024


def choose_validation(
    labels: NDArray[np.int32], fraction: float, seed: int = 0
) -> NDArray[np.bool_]:
    """Choose a share of every class at random.

    Of a class of n pictures, ``round(fraction · n)`` are chosen, at least one and leaving at
    least one wherever n ≥ 2. The choice depends on labels, fraction and seed alone: the keys are
    the raw stream of Philox 4×64 (Salmon et al., 2011), which no release of NumPy changes.

    Parameters
    ----------
    labels : ndarray of int32, shape (pictures,)
    fraction : float
        Share of each class, from 0 up to but not including 1.
    seed : int
        From 0 to 2⁶⁴ − 1.

    Returns
    -------
    ndarray of bool, shape (pictures,)
        True for the pictures of the validation split.

    Raises
    ------
    DataError
        If the fraction or seed is out of range.

    Examples
    --------
    >>> labels = np.repeat(np.arange(2, dtype=np.int32), [20, 10])
    >>> chosen = choose_validation(labels, 0.1)
    >>> np.bincount(labels[chosen]).tolist()
    [2, 1]
    """
    if not 0 <= fraction < 1:
        raise DataError(
            f"validation_split is {fraction!r}; expected a share from 0 up to, not including, 1."
        )
    if not 0 <= seed < 2**64:
        raise DataError(f"seed is {seed!r}; expected an integer from 0 to 2⁶⁴ − 1.")
    chosen = np.zeros(len(labels), np.bool_)
    if fraction == 0 or not len(labels):
        return chosen
    keys = np.random.Philox(key=seed).random_raw(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        chosen[members[np.argsort(keys[members], kind="stable")[:count]]] = True
    return chosen


def compact(images: NDArray[np.uint8], keep: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Move the kept rows to the front, in place, and return the view that holds them.

    No second copy of the pictures is made: a block of rows never lands behind where it was.
    """
    block = max(1, _COMPACT_BYTES // max(1, images[:1].nbytes))
    end = 0
    for start in range(0, len(images), block):
        rows = images[start : start + block][keep[start : start + block]]
        images[end : end + len(rows)] = rows
        end += len(rows)
    return images[:end]


def separate_validation(split: Split, fraction: float, seed: int) -> tuple[Split, Split | None]:
    """Divide a split into train and validation; its image array is reused for train."""
    chosen = choose_validation(split.labels, fraction, seed)
    if not chosen.any():
        return split, None
    validation = _rows(split, split.images[chosen], chosen)
    return _rows(split, compact(split.images, ~chosen), ~chosen), validation


def _rows(split: Split, images: NDArray[np.uint8], rows: NDArray[np.bool_]) -> Split:
    kept = np.flatnonzero(rows)
    if split.files is not None:
        return Split(images, split.labels[rows], [split.files[row] for row in kept.tolist()])
    name, before = split.origin or ("train", np.arange(len(rows)))
    return Split(images, split.labels[rows], origin=(name, before[kept]))
