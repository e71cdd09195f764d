"""How well classes are recognised, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

#: Half of the width of an interval that holds 95 % of a normal distribution, in deviations.
DEVIATIONS = 1.959963984540054

Interval = tuple[float, float]


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a share that was measured by counting.

    Parameters
    ----------
    successes, trials : int
        At least one trial.

    Returns
    -------
    (float, float)
        From 0 to 1. Of repeated measurements, about 95 in 100 such intervals hold the true share,
        also where it is near 0 or 1.

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22 (1927), 209–212.

    Examples
    --------
    >>> low, high = wilson_interval(90, 100)
    >>> f"{low:.3f} {high:.3f}"
    '0.826 0.945'
    """
    square = DEVIATIONS**2
    share = successes / trials
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    spread = math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    half = DEVIATIONS * spread / (1 + square / trials)
    # At the ends the formula gives 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    return low, 1.0 if successes == trials else min(1.0, middle + half)


class Share(msgspec.Struct, frozen=True):
    """A measured share, such as a recall.

    Attributes
    ----------
    successes, trials : int
    """

    successes: int
    trials: int

    @property
    def value(self) -> float | None:
        """The share, from 0 to 1; None without trials."""
        return self.successes / self.trials if self.trials else None

    @property
    def interval(self) -> Interval | None:
        """Its 95 % interval; None without trials."""
        return wilson_interval(self.successes, self.trials) if self.trials else None


class ClassResult(msgspec.Struct, frozen=True):
    """How one class is recognised.

    Attributes
    ----------
    name : str
    recall : Share
        Of the pictures of the class, those that were taken for it.
    precision : Share
        Of the pictures that were taken for the class, those that are of it.
    """

    name: str
    recall: Share
    precision: Share


class Confusion(msgspec.Struct, frozen=True):
    """Pictures of one class that were taken for another.

    Attributes
    ----------
    truth, answer : str
        Names of the classes.
    count : int
        Pictures.
    share : float
        Of the pictures of the class.
    """

    truth: str
    answer: str
    count: int
    share: float


def class_results(counts: NDArray[np.int64], names: Sequence[str]) -> list[ClassResult]:
    """Return recall and precision of every class.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, classes)
        Pictures by true class (row) and predicted class (column).
    names : sequence of str
        Of the classes.

    Examples
    --------
    >>> cat, dog = class_results(np.array([[9, 1], [3, 7]]), ["cat", "dog"])
    >>> cat.recall.value, cat.precision.value
    (0.9, 0.75)
    """
    right, there, answered = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    return [
        ClassResult(name, Share(hits, pictures), Share(hits, taken))
        for name, hits, pictures, taken in zip(
            names, right.tolist(), there.tolist(), answered.tolist(), strict=True
        )
    ]


def confusions(counts: NDArray[np.int64], names: Sequence[str], most: int) -> list[Confusion]:
    """Return the most frequent confusions, the most frequent first.

    Parameters
    ----------
    counts, names
        As for `class_results`.
    most : int
        How many at most.

    Examples
    --------
    >>> [first] = confusions(np.array([[9, 1], [3, 7]]), ["cat", "dog"], 1)
    >>> first.truth, first.answer, first.count, first.share
    ('dog', 'cat', 3, 0.3)
    """
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    pictures = counts.sum(axis=1)
    found = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:most].tolist():
        truth, answer = divmod(place, len(names))
        count = int(wrong[truth, answer])
        if count:
            share = count / int(pictures[truth])
            found.append(Confusion(names[truth], names[answer], count, share))
    return found


def baseline(counts: NDArray[np.int64]) -> tuple[int, Share]:
    """Return the most frequent true class, and how often naming it always would be right.

    Examples
    --------
    >>> baseline(np.array([[9, 1], [3, 17]]))
    (1, Share(successes=20, trials=30))
    """
    pictures = counts.sum(axis=1)
    commonest = int(pictures.argmax())
    return commonest, Share(int(pictures[commonest]), int(pictures.sum()))
