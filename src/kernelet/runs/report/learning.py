"""The result, and the way to it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kernelet.explain.charts import line_chart
from kernelet.explain.recognition import Share, baseline, class_results, confusions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernelet.runs.report.subject import Subject

# A validation loss this many times its lowest says that pictures are being learned by heart.
_RISEN = 1.1


def answer_part(subject: Subject) -> dict[str, Any]:
    """Return the accuracy with its uncertainty, beside that of no network at all."""
    counts = subject.scores.confusion
    commonest, always = baseline(counts)
    measured = [one for one in class_results(counts, subject.class_names) if one.recall.trials]
    weakest = min(measured, key=lambda one: one.recall.value or 0.0)
    mistaken = confusions(counts, subject.class_names, counts.size)
    taken = next((one for one in mistaken if one.truth == weakest.name), None)
    return {
        "accuracy": Share(int(counts.diagonal().sum()), int(counts.sum())),
        "loss": subject.scores.loss,
        "split": subject.split,
        "classes": len(subject.class_names),
        "commonest": subject.class_names[commonest],
        "baseline": always.value,
        "weakest": weakest,
        "taken": taken,
        "epochs": len(subject.history["loss"]),
        "best_epoch": subject.best_epoch,
    }


def learning_part(subject: Subject) -> dict[str, Any]:
    """Return the curves of the training."""
    history = subject.history
    best = (subject.best_epoch, f"kept: {subject.best_epoch}")
    charts = [
        line_chart(_both(history, "loss"), "Loss", "epoch", mark=best),
        line_chart(_both(history, "accuracy"), "Accuracy", "epoch", mark=best, percent=True),
        line_chart({"rate": history["learning_rate"]}, "Learning rate", "epoch", mark=best),
    ]
    return {
        "charts": charts,
        "epochs": len(history["loss"]),
        "planned": subject.configuration.epochs,
        "best_epoch": subject.best_epoch,
        "validated": "val_loss" in history,
        "lowest": _risen(history.get("val_loss", ())),
        "last": {name: values[-1] for name, values in history.items()},
    }


def _both(history: dict[str, list[float]], name: str) -> dict[str, list[float]]:
    curves = {"training": history[name]}
    if f"val_{name}" in history:
        curves["validation"] = history[f"val_{name}"]
    return curves


def _risen(losses: Sequence[float]) -> int | None:
    """Return the epoch of the lowest loss where it has risen much since, else None."""
    known = [loss if math.isfinite(loss) else math.inf for loss in losses]
    if not known or known[-1] <= _RISEN * min(known):
        return None
    return known.index(min(known)) + 1
