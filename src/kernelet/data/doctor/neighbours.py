"""Pairs of descriptors that lie close to each other, found by products of blocks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# A product of two such blocks stays in the caches of the second level.
_ROWS = 1024
_SAMPLE = 512
_LOWEST_COSINE, _HIGHEST_COSINE = 0.45, 0.9995
# The limit on pairs, as a multiple of what the threshold is chosen for: sets of thousands of
# pictures of one scene would otherwise fill the memory.
_EXCESS = 8


def close_pairs(
    descriptors: NDArray[np.float32],
    others: NDArray[np.float32],
    pairs_each: int,
    *,
    symmetric: bool,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """Find the pairs with the largest cosines, about so many for each descriptor.

    Parameters
    ----------
    descriptors : ndarray of float32, shape (pictures, components)
        Of norm 1.
    others : ndarray of float32, same shape
        The same, or those of the same pictures turned.
    pairs_each : int
        How many pairs to find for each picture on average.
    symmetric : bool
        Whether i and j are as close as j and i; each pair is then given once.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    first, second : ndarray of int64, shape (pairs,)
        Rows of `descriptors` and of `others`, never the same row.
    complete : bool
        False where there were far more pairs than asked for and the search was given up.
    """
    count = len(descriptors)
    threshold = _threshold(descriptors, others, pairs_each)
    room = _EXCESS * pairs_each * count
    first, second = [], []
    starts = range(0, count, _ROWS)
    product = np.empty((_ROWS, _ROWS), np.float32)
    for number, top in enumerate(starts):
        for left in starts[number if symmetric else 0 :]:
            rows, columns = descriptors[top : top + _ROWS], others[left : left + _ROWS]
            cosines = product[: len(rows), : len(columns)]
            np.matmul(rows, columns.T, out=cosines)
            if cosines.max() <= threshold:
                continue
            # Several times as fast as `np.nonzero` of two dimensions.
            i, j = np.divmod(np.flatnonzero((cosines > threshold).ravel()), len(columns))
            i, j = i + top, j + left
            kept = i < j if symmetric else i != j
            first.append(i[kept])
            second.append(j[kept])
            room -= int(kept.sum())
        if room < 0:
            break
        if progress is not None:
            progress(number + 1, len(starts))
    nothing = np.zeros(0, np.int64)
    return (
        np.concatenate([nothing, *first]),
        np.concatenate([nothing, *second]),
        room >= 0,
    )


def _threshold(
    descriptors: NDArray[np.float32], target: NDArray[np.float32], pairs_each: int
) -> float:
    """Return the cosine above which a picture has twice `pairs_each` others on average."""
    count = len(descriptors)
    sample = descriptors[:: max(1, count // _SAMPLE)]
    cosines = sample @ target.T
    wanted = len(sample) * (2 * pairs_each + 1)  # itself, too
    if wanted >= cosines.size:
        return _LOWEST_COSINE
    cosines = cosines.ravel()
    smallest = np.partition(cosines, len(cosines) - wanted)[len(cosines) - wanted]
    return float(np.clip(smallest, _LOWEST_COSINE, _HIGHEST_COSINE))
