"""How well a classifier does: accuracy, loss, recall of each class, confusion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Probabilities are kept this far from 0, as Keras does in its cross-entropy.
_SMALLEST = 1e-7


class Scores(msgspec.Struct, frozen=True):
    """Results over a set of pictures.

    Attributes
    ----------
    accuracy : float
        Share of the pictures whose class was recognised.
    loss : float
        Mean cross-entropy.
    per_class : dict of str to float or None
        Recall: of the pictures of a class, the share that was recognised; None without pictures.
    confusion : ndarray of int64, shape (classes, classes)
        Pictures by true class (row) and predicted class (column).
    """

    accuracy: float
    loss: float
    per_class: dict[str, float | None]
    confusion: NDArray[np.int64]


def score(probabilities: NDArray[Any], labels: NDArray[Any], class_names: Sequence[str]) -> Scores:
    """Compare predictions with the true classes.

    Parameters
    ----------
    probabilities : ndarray of float, shape (pictures, classes)
        At least one picture.
    labels : ndarray of int, shape (pictures,)
        True classes.
    class_names : sequence of str
        One a class.

    Examples
    --------
    >>> scores = score(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), ["cat", "dog"])
    >>> scores.accuracy, scores.per_class, scores.confusion.tolist()
    (0.5, {'cat': 1.0, 'dog': 0.0}, [[1, 0], [1, 0]])
    """
    classes = len(class_names)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * classes + predicted, minlength=classes**2)
    confusion = confusion.reshape(classes, classes)
    right, counts = confusion.diagonal(), confusion.sum(axis=1)
    recall = [int(hit) / int(n) if n else None for hit, n in zip(right, counts, strict=True)]
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Scores(
        accuracy=int(right.sum()) / len(labels),
        loss=float(np.log(1 / np.maximum(of_truth, _SMALLEST)).mean()),
        per_class=dict(zip(class_names, recall, strict=True)),
        confusion=confusion,
    )
