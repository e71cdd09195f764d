"""Near duplicates: pictures that are the same up to compression, size, cut, brightness, turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.doctor.chance import Strangers
from kernelet.data.doctor.descriptors import Whitening, grey_grids, measure_spread
from kernelet.data.doctor.neighbours import close_pairs
from kernelet.data.doctor.registration import unexplained

if TYPE_CHECKING:
    Turn = Callable[[NDArray[np.generic]], NDArray[np.generic]]

#: What may stay unexplained of a copy. Of pictures of CIFAR-10 compressed at JPEG quality 30 all
#: stay below 0.3, cut by 5 % of each side nine in ten below 0.45; strangers begin at 0.9.
MOST_UNEXPLAINED = 0.45

# Components and floor: few and smooth ones to find candidates, more to compare them exactly.
_COARSE = (64, 0.001)
_FINE = (128, 0.0003)
# Chance is measured among pictures as they are; turned in three ways, there are more of them.
_TURNED_CLOSER = 0.85
# Deviation of red and blue from green, in grey levels, below which a picture may have a grey copy.
_PALE = 40
_FADING = (0.4, 2.5)
# Candidates looked at for each picture, among pictures as they are and among turned ones.
_PAIRS_EACH = 8
_TURNED_PAIRS_EACH = 1
#: From so many pictures on, turned copies and near duplicates are not searched for: the time
#: grows with the square of the number.
MOST_TURNED, MOST_NEAR = 150_000, 500_000

#: The turn that exchanges width and height.
QUARTER = "turned by 90°"
_TURNS: dict[str, Turn] = {
    "mirrored": lambda pictures: pictures[:, :, ::-1],
    "mirrored top to bottom": lambda pictures: pictures[:, ::-1],
    "turned by 180°": lambda pictures: pictures[:, ::-1, ::-1],
    QUARTER: lambda pictures: np.rot90(pictures, 1, (1, 2)),
}


class SimilarPairs(msgspec.Struct):
    """Pairs of rows.

    Attributes
    ----------
    near : ndarray of int64, shape (pairs, 2)
    turned : ndarray of int64, shape (turned pairs, 2)
    turns : list of str
        What was done to the second of each turned pair.
    limits : list of str
        What was not searched for, and why.
    """

    near: NDArray[np.int64]
    turned: NDArray[np.int64]
    turns: list[str] = msgspec.field(default_factory=list)
    limits: list[str] = msgspec.field(default_factory=list)


class _Candidates(msgspec.Struct, frozen=True, eq=False):
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shares: NDArray[np.float32]


def similar_pairs(
    thumbnails: NDArray[np.uint8],
    progress: Callable[[int, int], None] | None = None,
) -> SimilarPairs:
    """Find near duplicates.

    Parameters
    ----------
    thumbnails : ndarray of uint8, shape (pictures, side, side, channels)
        Small copies of different pictures, none of them blank.
    progress : callable, optional
        Called as ``progress(done, total)``.
    """
    count = len(thumbnails)
    found = SimilarPairs(np.zeros((0, 2), np.int64), np.zeros((0, 2), np.int64))
    if count < 2:
        return found
    if count > MOST_NEAR:
        found.limits.append(f"near duplicates were not searched for among {count:,} pictures")
        return found
    search = _Search.among(thumbnails, progress)
    candidates = {"": search.candidates(None, found.limits)}
    if count <= MOST_TURNED:
        for name, turn in _TURNS.items():
            candidates[name] = search.candidates(turn, [], symmetric=name != QUARTER)
    else:
        found.limits.append(f"turned copies were not searched for among {count:,} pictures")
    sure = search.beyond_chance(candidates)
    found.near = sure.pop("")
    found.turned = np.concatenate([found.turned, *sure.values()])
    found.turns = [name for name, pairs in sure.items() for _ in pairs]
    return found


class _Search(msgspec.Struct, frozen=True, eq=False):
    thumbnails: NDArray[np.uint8]
    grids: NDArray[np.float32]
    coarse: Whitening
    fine: Whitening
    descriptors: NDArray[np.float32]
    progress: Callable[[int, int], None] | None

    @staticmethod
    def among(
        thumbnails: NDArray[np.uint8], progress: Callable[[int, int], None] | None
    ) -> _Search:
        grids = grey_grids(thumbnails)
        spread = measure_spread(grids)
        coarse, fine = spread.whitening(*_COARSE), spread.whitening(*_FINE)
        return _Search(thumbnails, grids, coarse, fine, coarse.describe(grids), progress)

    def candidates(
        self, turn: Turn | None, limits: list[str], *, symmetric: bool = True
    ) -> _Candidates:
        """Return the pairs that look alike, whatever chance brings."""
        grids, others, wanted = self.grids, self.descriptors, _PAIRS_EACH
        if turn is not None:
            grids = np.ascontiguousarray(turn(self.grids), np.float32)
            others, wanted = self.coarse.describe(grids), _TURNED_PAIRS_EACH
        first, second, complete = close_pairs(
            self.descriptors, others, wanted, symmetric=symmetric, progress=self.progress
        )
        if not complete:
            limits.append("so many pictures are alike that not all pairs of them were compared")
        shares = unexplained(self.grids, grids, first, second, self.fine)
        kept = shares <= MOST_UNEXPLAINED
        first, second, shares = first[kept], second[kept], shares[kept]
        originals, copies = self.thumbnails[first], self.thumbnails[second]
        if turn is not None:
            copies = turn(copies).astype(np.uint8, copy=False)
        kept = same_colours(originals, copies)
        return _Candidates(first[kept], second[kept], shares[kept])

    def beyond_chance(self, candidates: dict[str, _Candidates]) -> dict[str, NDArray[np.int64]]:
        """Return the pairs that are closer than strangers come."""
        parts = [part for pairs in candidates.values() for part in (pairs.first, pairs.second)]
        rows = np.unique(np.concatenate(parts))
        closest = np.zeros(len(self.grids), np.float32)
        closest[rows] = Strangers(self.grids, self.descriptors, self.fine).closest(rows)
        sure = {}
        for name, pairs in candidates.items():
            allowed = np.minimum(closest[pairs.first], closest[pairs.second])
            kept = pairs.shares <= (_TURNED_CLOSER * allowed if name else allowed)
            sure[name] = np.stack((pairs.first[kept], pairs.second[kept]), axis=1)
        return sure


def same_colours(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether pictures that agree in grey agree in colour; a pale one may have become grey.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (pairs, side, side, channels)
    """
    if a.shape[3] == 1 or len(a) == 0:
        return np.ones(len(a), np.bool_)
    first, second = _colour_differences(a), _colour_differences(b)
    one, other = (np.sqrt((part**2).mean(axis=(1, 2, 3))) for part in (first, second))
    # Colours fade with contrast.
    fading = (first * second).mean(axis=(1, 2, 3)) / np.maximum(other, 1) ** 2
    fading = np.clip(fading, *_FADING)[:, None, None, None]
    apart = np.sqrt(((first - fading * second) ** 2).mean(axis=(1, 2, 3)))
    grey = (np.minimum(one, other) < 2) & (np.maximum(one, other) < _PALE)
    result: NDArray[np.bool_] = grey | (apart < np.maximum(8, 0.35 * one))
    return result


def _colour_differences(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return red − green and blue − green, averaged to 8 × 8 cells, shape (pairs, 8, 8, 2)."""
    count, side, _, _ = thumbnails.shape
    cells = thumbnails.reshape(count, 8, side // 8, 8, side // 8, 3)
    means: NDArray[np.float32] = cells.mean(axis=(2, 4), dtype=np.float32)
    return means[..., ::2] - means[..., 1:2]
