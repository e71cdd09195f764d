"""Results of a classifier as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.cli.text import share
from kernelet.text import inert, table

if TYPE_CHECKING:
    from kernelet.runs.scores import Scores

# Classes that a class is most often taken for.
_MOST_CONFUSIONS = 2


def class_table(scores: Scores) -> str:
    """Return a line a class: pictures, recall, and what it was taken for instead."""
    names = list(scores.per_class)
    rows = [("class", "pictures", "recall", "taken for")]
    for index, (name, recall) in enumerate(scores.per_class.items()):
        counts = scores.confusion[index]
        wrong = [k for k in (-counts).argsort(kind="stable") if k != index and counts[k] > 0]
        taken_for = ", ".join(f"{inert(names[k])} {counts[k]:,}" for k in wrong[:_MOST_CONFUSIONS])
        rows.append((inert(name), f"{counts.sum():,}", share(recall), taken_for))
    return table(rows, left=(0, 3))
