"""How far a classifier's probabilities can be trusted."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.recognition import Share


class Answers(msgspec.Struct, frozen=True):
    """What was answered for each picture.

    Attributes
    ----------
    answers : ndarray of int64, shape (pictures,)
        The class of the largest probability.
    certainty : ndarray of float, shape (pictures,)
        That probability.
    right : ndarray of bool, shape (pictures,)
        Whether it is the true class.
    """

    answers: NDArray[np.int64]
    certainty: NDArray[Any]
    right: NDArray[np.bool_]

    def worst(self, most: int) -> list[int]:
        """Return the rows of the surest wrong answers, the surest first."""
        return self._surest(~self.right, most)

    def surest(self, most: int) -> list[int]:
        """Return the rows of the surest right answers, the surest first."""
        return self._surest(self.right, most)

    def _surest(self, wanted: NDArray[np.bool_], most: int) -> list[int]:
        rows = np.flatnonzero(wanted)
        order = np.argsort(-self.certainty[rows], kind="stable")
        chosen: list[int] = rows[order[:most]].tolist()
        return chosen


def answers(probabilities: NDArray[Any], labels: NDArray[Any]) -> Answers:
    """Compare probabilities with the true classes.

    Parameters
    ----------
    probabilities : ndarray of float, shape (pictures, classes)
    labels : ndarray of int, shape (pictures,)

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> found = answers(probabilities, np.array([0, 1, 0]))
    >>> found.worst(5), found.surest(5)
    ([2, 1], [0])
    """
    answered = probabilities.argmax(axis=1)
    return Answers(answered, probabilities.max(axis=1), answered == labels)


class Bin(msgspec.Struct, frozen=True):
    """Answers of about the same certainty.

    Attributes
    ----------
    low, high : float
        Of the certainty.
    certainty : float
        Its mean.
    right : Share
        How many of them are right.
    """

    low: float
    high: float
    certainty: float
    right: Share


class Calibration(msgspec.Struct, frozen=True):
    """Certainty against the share of right answers.

    Attributes
    ----------
    bins : tuple of Bin
        Those with answers, by rising certainty.
    error : float
        Expected calibration error: the mean difference between certainty and share of right
        answers, bins weighted by their answers.
    """

    bins: tuple[Bin, ...]
    error: float


def calibration(found: Answers, bins: int = 10) -> Calibration:
    """Compare certainty with the share of right answers.

    Parameters
    ----------
    found : Answers
        At least one.
    bins : int
        Into which certainties from 0 to 1 fall, all of one width.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks",
    ICML 2017.

    Examples
    --------
    >>> sure = np.array([[0.95, 0.05]] * 4)
    >>> found = calibration(answers(sure, np.array([0, 0, 0, 1])))
    >>> [one.right.value for one in found.bins], round(found.error, 6)
    ([0.75], 0.2)
    """
    # A certainty on a border belongs below it, so that 1 has a place.
    places = np.clip(np.ceil(found.certainty * bins).astype(np.int64) - 1, 0, bins - 1)
    filled, error = [], 0.0
    for place in np.unique(places).tolist():
        inside = places == place
        right = Share(int(found.right[inside].sum()), int(inside.sum()))
        certainty = float(found.certainty[inside].mean(dtype=np.float64))
        filled.append(Bin(place / bins, (place + 1) / bins, certainty, right))
        error += abs(certainty - right.successes / right.trials) * right.trials
    return Calibration(tuple(filled), error / len(places))
