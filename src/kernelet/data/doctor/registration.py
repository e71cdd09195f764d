"""Whether one picture is another one, moved, scaled or brightened a little.

Candidates are laid over each other by one step of Lucas and Kanade ("An iterative image
registration technique", 1981): the second picture as a sum of the first, a constant, and the
gradients that shifting and scaling it add. What this sum cannot explain, seen in the directions
in which the pictures of the set differ, tells a copy from a stranger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kernelet.data.doctor.descriptors import GRID, INSIDE, Whitening, contrasts, insides

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 4096
# What "a little" is: a shift in cells of the grid, the same at the border by scaling, and the
# ratio of contrasts. A linear step tells no more.
_MOST_SHIFT = 1.5
_MOST_SCALING = 2.0
_LEAST_CONTRAST = 0.4
_POSITIONS = (np.arange(1, GRID - 1, dtype=np.float32) - (GRID - 1) / 2) / ((GRID - 1) / 2)
#: Returned for what is no copy at all; strangers can be further apart than a picture and nothing.
STRANGERS = 4.0


def unexplained(
    grids: NDArray[np.float32],
    others: NDArray[np.float32],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    whitening: Whitening,
) -> NDArray[np.float32]:
    """Return how much of each second picture its first one does not explain.

    Parameters
    ----------
    grids, others : ndarray of float32, shape (pictures, GRID, GRID)
    first, second : ndarray of int64, shape (pairs,)
        Rows of `grids` and of `others`.
    whitening : Whitening
        Of the set.

    Returns
    -------
    ndarray of float32, shape (pairs,)
        From 0 for copies to `STRANGERS`.
    """
    shares = np.empty(len(first), np.float32)
    for begin in range(0, len(first), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        shares[rows] = _block(grids[first[rows]], others[second[rows]], whitening)
    return shares


def _block(
    a: NDArray[np.float32], b: NDArray[np.float32], whitening: Whitening
) -> NDArray[np.float32]:
    terms, wanted = _terms(a, b), insides(b)
    normal = terms @ terms.transpose(0, 2, 1)
    # Keeps the equations solvable where a picture has no gradient in some direction.
    normal += 1e-2 * np.eye(normal.shape[1], dtype=np.float32)
    solution = np.linalg.solve(normal, terms @ wanted[..., None])
    left = wanted - (solution.transpose(0, 2, 1) @ terms)[:, 0]
    rows, norms = contrasts(b)
    _, first_norms = contrasts(a)
    gain, _, right, down, wider, higher = solution[..., 0].T
    contrast = np.abs(gain) * first_norms / np.maximum(norms, 1e-6)
    plausible = (
        (gain > 0)
        & (contrast > _LEAST_CONTRAST)
        & (np.maximum(np.abs(right), np.abs(down)) < _MOST_SHIFT)
        & (np.maximum(np.abs(wider), np.abs(higher)) < _MOST_SCALING)
    )
    left /= np.maximum(norms, 1e-6)[:, None]
    missing = ((left @ whitening.projection) ** 2).sum(axis=1)
    whole = (((rows - whitening.mean) @ whitening.projection) ** 2).sum(axis=1)
    share = np.minimum(missing / np.maximum(whole, 1e-12), STRANGERS)
    return np.where(plausible, share, STRANGERS).astype(np.float32)


def _terms(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what a picture may be put together from, shape (pairs, 6, INSIDE²)."""
    # The mean of both gradients makes the step exact to the second order.
    middle = (a + b) / 2
    right = (middle[:, 1:-1, 2:] - middle[:, 1:-1, :-2]) / 2
    down = (middle[:, 2:, 1:-1] - middle[:, :-2, 1:-1]) / 2
    terms = np.empty((len(a), 6, INSIDE, INSIDE), np.float32)
    terms[:, 0] = a[:, 1:-1, 1:-1]
    terms[:, 1] = 1
    terms[:, 2], terms[:, 3] = right, down
    terms[:, 4] = right * _POSITIONS
    terms[:, 5] = down * _POSITIONS[:, None]
    return terms.reshape(len(a), 6, -1)
