"""Every class: how it is recognised, and what it is taken for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.data.listing import visible
from kernelet.explain.charts import Bar, bar_chart, confusion_chart
from kernelet.explain.pages import map_uri
from kernelet.explain.pages.rendering import percent
from kernelet.explain.recognition import Share, class_results, confusions

if TYPE_CHECKING:
    from kernelet.explain.recognition import ClassResult
    from kernelet.explain.svg import Drawing
    from kernelet.runs.report.subject import Subject

# The numbers of a confusion matrix are readable up to so many classes.
_NUMBERED = 16
_CHARTED = 25
_LISTED = 1000
_PAIRS = 15


def class_part(subject: Subject) -> dict[str, Any]:
    """Return recall and precision of each class, and the confusions."""
    names, counts = subject.class_names, subject.scores.confusion
    results = class_results(counts, names)
    worst_first = sorted(results, key=_by_recall)
    numbered = len(names) <= _NUMBERED
    return {
        "count": len(names),
        "chart": _recall_chart(worst_first),
        "matrix": confusion_chart(counts, names, "True class by answer") if numbered else None,
        "shades": None if numbered else _shades(counts),
        "pairs": confusions(counts, names, _PAIRS),
        "rows": [_row(one, subject) for one in worst_first[:_LISTED]],
        "left": max(0, len(names) - _LISTED),
    }


def _by_recall(one: ClassResult) -> float:
    """Return what sorts the worst class first and those without pictures last."""
    return 2.0 if one.recall.value is None else one.recall.value


def _recall_chart(worst_first: list[ClassResult]) -> Drawing:
    shown = [
        Bar(
            one.name,
            one.recall.value,
            one.recall.interval,
            f"{one.recall.successes:,}/{one.recall.trials:,}",
        )
        for one in worst_first[:_CHARTED]
    ]
    few = len(worst_first) <= _CHARTED
    title = "Recall" if few else f"Recall of the {_CHARTED} worst classes"
    return bar_chart(shown, title)


def _row(one: ClassResult, subject: Subject) -> tuple[str, ...]:
    train = subject.dataset.class_counts("train")[one.name]
    return (
        visible(one.name),
        f"{train:,}",
        f"{one.recall.trials:,}",
        *_share_cells(one.recall),
        *_share_cells(one.precision),
    )


def _share_cells(share: Share) -> tuple[str, str]:
    if share.interval is None:
        return "–", ""
    low, high = share.interval
    return percent(share.value), f"{100 * low:.1f} – {100 * high:.1f}"


def _shades(counts: np.ndarray[Any, np.dtype[np.int64]]) -> str:
    """Return the confusion matrix as a picture of one pixel a cell."""
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    return map_uri(np.sqrt(shares), (0.0, 1.0))
