"""How close to a picture a stranger can come by chance.

In a set of trousers, two pairs of trousers are no copies because they agree better than a pair of
trousers and a boat. For every picture, its nearest ones among a random sample are taken for
strangers, and what lies nearer in the whole set is extrapolated: the number of strangers within a
distance grows as a power of it, whose exponent the sample shows (E. Levina and P. Bickel, "Maximum
likelihood estimation of intrinsic dimension", 2004).
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.doctor.descriptors import Whitening
from kernelet.data.doctor.registration import STRANGERS, unexplained

_SAMPLE = 2000
# Of so many of them the neighbours are looked at, to see how their number grows.
_MEASURED = 500
# Neighbours by descriptor, beyond those needed, of which the distances are measured exactly.
_MORE = 8
# Of these ranks the exponent is estimated: the first may be a copy.
_FIRST_RANK, _LAST_RANK = 2, 8
_LOWEST_EXPONENT, _HIGHEST_EXPONENT, _USUAL_EXPONENT = 3.0, 15.0, 8.0
#: A picture may have so many copies without their passing for strangers.
MOST_COPIES = 32
#: How many strangers of a picture may be taken for its copies.
ALLOWED = 0.01
_BLOCK = 2048


class Strangers(msgspec.Struct, frozen=True, eq=False):
    """A random sample of a set, to measure what chance brings.

    Attributes
    ----------
    grids : ndarray of float32, shape (pictures, GRID, GRID)
    descriptors : ndarray of float32, shape (pictures, components)
    whitening : Whitening
        In which differences are measured.
    """

    grids: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    whitening: Whitening

    def closest(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return, for each picture, how close its copies must be to be no chance.

        Parameters
        ----------
        rows : ndarray of int64, shape (k,)
            Which pictures.

        Returns
        -------
        ndarray of float32, shape (k,)
            In the units of `unexplained`.
        """
        count = len(self.grids)
        # Philox's raw stream is the same in all releases of NumPy.
        keys = np.random.Philox(key=0).random_raw(count)
        sample = np.sort(np.argsort(keys, kind="stable")[:_SAMPLE])
        rank = 1 + -(-MOST_COPIES * len(sample) // count)
        nearest = self._nearest(rows, sample, rank)
        some = sample[:: max(1, len(sample) // _MEASURED)]
        exponent = _exponent(self._nearest(some, sample, rank))
        if nearest.shape[1] < rank:
            return np.full(len(rows), STRANGERS, np.float32)
        expected = rank * count / len(sample)
        reach: NDArray[np.float32] = nearest[:, rank - 1]
        return reach * np.float32((ALLOWED / expected) ** (1 / exponent))

    def _nearest(
        self, rows: NDArray[np.int64], sample: NDArray[np.int64], rank: int
    ) -> NDArray[np.float32]:
        """Return how far the nearest of the sample are, in rising order, shape (k, ≥ rank)."""
        most = min(max(rank, _LAST_RANK) + _MORE, len(sample) - 1)
        distances = np.empty((len(rows), most), np.float32)
        if most == 0:
            return distances
        for begin in range(0, len(rows), _BLOCK):
            block = rows[begin : begin + _BLOCK]
            cosines = self.descriptors[block] @ self.descriptors[sample].T
            cosines[block[:, None] == sample] = -2
            chosen = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
            found = unexplained(
                self.grids,
                self.grids,
                np.repeat(block, most),
                sample[chosen].ravel(),
                self.whitening,
            )
            distances[begin : begin + _BLOCK] = np.sort(found.reshape(-1, most), axis=1)
        return distances


def _exponent(nearest: NDArray[np.float32]) -> float:
    """Estimate the power with which the number of strangers grows with their distance."""
    if nearest.shape[1] < _LAST_RANK or len(nearest) == 0:
        return _USUAL_EXPONENT
    ranked = np.maximum(nearest[:, _FIRST_RANK - 1 : _LAST_RANK], 1e-6)
    ratios = np.log(ranked[:, -1:] / ranked[:, :-1]).sum(axis=1)
    known = (ratios > 0) & (ranked[:, -1] < STRANGERS)
    if not known.any():
        return _USUAL_EXPONENT
    estimates = (_LAST_RANK - _FIRST_RANK - 1) / ratios[known]
    return float(np.clip(np.median(estimates), _LOWEST_EXPONENT, _HIGHEST_EXPONENT))
