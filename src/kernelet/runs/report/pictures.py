"""Answers to look at, and how far their probabilities can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernelet.explain.certainty import Calibration, calibration
from kernelet.explain.charts import line_chart
from kernelet.explain.pages import photo_uri
from kernelet.explain.recognition import Share

if TYPE_CHECKING:
    from kernelet.explain.svg import Drawing
    from kernelet.runs.report.subject import Subject

_MISTAKES = 24
_SUREST = 12
# Certainties below which an answer may be handed to a person instead.
_THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.99)


class Answered(msgspec.Struct, frozen=True):
    """A picture with its answer.

    Attributes
    ----------
    uri : str
        The picture.
    file, truth, answer : str
        Its name, its class, and the class it was taken for.
    certainty : float
        Probability of the answer.
    """

    uri: str
    file: str
    truth: str
    answer: str
    certainty: float


def answered(subject: Subject, row: int) -> Answered:
    """Return a measured picture with its answer."""
    found = subject.answers
    return Answered(
        photo_uri(subject.pictures.images[row]),
        subject.file(row),
        subject.class_of(row),
        subject.class_names[int(found.answers[row])],
        float(found.certainty[row]),
    )


def mistakes_part(subject: Subject) -> dict[str, Any]:
    """Return the surest wrong answers and the surest right ones."""
    found = subject.answers
    return {
        "count": int((~found.right).sum()),
        "worst": [answered(subject, row) for row in found.worst(_MISTAKES)],
        "surest": [answered(subject, row) for row in _surest_by_class(subject)],
    }


def _surest_by_class(subject: Subject) -> list[int]:
    """Return the surest right answer of each class, the surest first."""
    labels = subject.pictures.labels
    rows: dict[int, int] = {}
    for row in subject.answers.surest(len(labels)):
        rows.setdefault(int(labels[row]), row)
    return list(rows.values())[:_SUREST]


def certainty_part(subject: Subject) -> dict[str, Any]:
    """Return certainty against right answers, and what a threshold would bring."""
    found = subject.answers
    measured = calibration(found)
    total = len(found.right)
    kept = []
    for threshold in _THRESHOLDS:
        sure = found.certainty >= threshold
        right = Share(int(found.right[sure].sum()), int(sure.sum()))
        kept.append((threshold, Share(right.trials, total), right))
    mean = float(found.certainty.mean(dtype="float64"))
    return {
        "chart": _chart(measured),
        "bins": measured.bins,
        "error": measured.error,
        "excess": mean - subject.scores.accuracy,
        "kept": kept,
    }


def _chart(measured: Calibration) -> Drawing:
    places = [one.certainty for one in measured.bins]
    shares = [one.right.value or 0.0 for one in measured.bins]
    curves = {"right answers": shares, "as claimed": places}
    title = "Right answers by certainty"
    return line_chart(curves, title, "certainty", x=places, limits=(0, 1), percent=True)
