"""Labels that a trained network contradicts.

A class's threshold is the probability that the network gives it on average where it is the label
(C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset
Labels", 2021, section 3.1). A picture counts as doubtful if another class reaches its threshold and
is ahead of the label by most of it. The threshold is the network's own measure of being sure: a
class that it never recognises well is not held to the standard of one that it always does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.data.doctor.findings import Finding, Item, counted
from kernelet.data.listing import quoted

# Share of the threshold by which a class must be ahead of the label. Of 300 wrong labels among
# 10,000 of Fashion-MNIST, a network of 88.7 % accuracy contradicts 243 by any margin, along with
# 447 right ones; by this margin, 242 and 365.
_LEAST_MARGIN = 0.8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from kernelet.data.dataset import Dataset


def contradicted(
    probabilities: NDArray[Any], labels: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Find the pictures whose label the probabilities contradict, the surest first.

    Parameters
    ----------
    probabilities : ndarray of float, shape (pictures, classes)
    labels : ndarray of int, shape (pictures,)

    Returns
    -------
    rows, classes : ndarray of int64, shape (doubtful,)
        The pictures, and what they are taken for.
    margins : ndarray of float64, shape (doubtful,)
        By how much that class is more probable than the label, in falling order.

    Examples
    --------
    >>> sure, other = [0.9, 0.1], [0.1, 0.9]
    >>> given = np.array([0, 0, 1, 0])
    >>> rows, classes, _ = contradicted(np.array([sure, sure, other, other]), given)
    >>> rows.tolist(), classes.tolist()
    ([3], [1])
    """
    count, classes = probabilities.shape
    values = probabilities.astype(np.float64)
    own = values[np.arange(count), labels]
    members = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, weights=own, minlength=classes)
    thresholds = np.where(members > 0, sums / np.maximum(members, 1), np.inf)
    sure = np.where(values >= thresholds, values, -np.inf)
    sure[np.arange(count), labels] = -np.inf
    best = sure.argmax(axis=1)
    margins = sure[np.arange(count), best] - own
    rows = np.flatnonzero(margins >= _LEAST_MARGIN * thresholds[best])
    rows = rows[np.argsort(-margins[rows], kind="stable")]
    return rows, best[rows], margins[rows]


def doubtful_labels(
    dataset: Dataset,
    probabilities: Mapping[str, NDArray[Any]],
    learned: NDArray[np.bool_] | None,
) -> list[Finding]:
    """Report the labels of a data set that a network contradicts.

    Parameters
    ----------
    dataset : Dataset
        With the classes of the network.
    probabilities : mapping of str to ndarray
        By split, shape (pictures, classes).
    learned : ndarray of bool, shape (training pictures,), or None
        Which training pictures the network has learned from; None if from none of these.
    """
    found: list[tuple[float, Item]] = []
    for name, split in dataset.splits.items():
        rows, classes, margins = contradicted(probabilities[name], split.labels)
        for row, taken, margin in zip(rows.tolist(), classes.tolist(), margins, strict=True):
            sure = float(probabilities[name][row, taken])
            detail = f"taken for {quoted(dataset.class_names[taken])} ({100 * sure:.0f} %)"
            label = dataset.class_names[int(split.labels[row])]
            item = Item(dataset.name_of(name, row), name, label, row, detail)
            found.append((float(margin), item))
    found.sort(key=lambda pair: -pair[0])
    caution = ""
    if learned is not None:
        seen = sum(
            item.split == "train" and item.index is not None and bool(learned[item.index])
            for _, item in found
        )
        caution = (
            f" From {int(learned.sum()):,} of these pictures the network has learned, from "
            f"{seen:,} of those listed: errors that it knows by heart are not found. A network "
            "trained on other pictures finds more."
        )
    if not found:
        if learned is None:
            return []
        text = "no label is contradicted, but the network has learned from these pictures"
        return [Finding("limits", text, "Errors that it knows by heart are not found.")]
    return [
        Finding(
            "doubtful-labels",
            f"{counted(len(found), 'label')} {'is' if len(found) == 1 else 'are'} contradicted by "
            "the network",
            "Look at them, the first ones first: the label is wrong or the picture is hard."
            + caution,
            tuple((item,) for _, item in found),
            len(found),
        )
    ]
