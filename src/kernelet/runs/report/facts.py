"""The data, the settings, and how to do the run again."""

from __future__ import annotations

import platform
import shlex
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from kernelet._version import __version__
from kernelet.data.dataset import Dataset
from kernelet.data.doctor import doubtful_labels, examine
from kernelet.data.doctor.findings import in_order
from kernelet.executors.native_processor import processor, resolve_isa
from kernelet.explain.pages import photo_uri
from kernelet.runs.repeat import repeating
from kernelet.text import inert

if TYPE_CHECKING:
    from kernelet.data.doctor import Finding, Item
    from kernelet.runs.report.subject import Subject

_TOLD_ELSEWHERE = ("format", "kernelet", "instruction_set", "data", "data_fingerprint", "exclude")
_FINDINGS = 12
_ITEMS = 6
_NOTES = 30


def data_part(subject: Subject) -> dict[str, Any]:
    """Return what the data set holds, and what is wrong with it."""
    dataset = subject.dataset
    found = in_order([*examine(dataset).found, *_doubts(subject)])
    return {
        "source": subject.configuration.data,
        "splits": [(name, len(split)) for name, split in dataset.splits.items()],
        "shape": dataset.image_shape,
        "notes": dataset.notes[:_NOTES],
        "excluded": len(subject.configuration.exclude),
        "list": subject.configuration.exclude_list,
        "findings": [_finding(one, subject) for one in found[:_FINDINGS]],
        "clean": all(one.severity == "note" for one in found),
        "left": max(0, len(found) - _FINDINGS),
    }


def _doubts(subject: Subject) -> list[Finding]:
    """Return the labels of the measured pictures that the network contradicts."""
    train, validation, test = (
        subject.pictures if name == subject.split else None
        for name in ("train", "validation", "test")
    )
    source = subject.dataset.source
    measured = Dataset(subject.class_names, train, validation, test, source)
    learned = np.ones(len(subject.pictures), np.bool_) if subject.split == "train" else None
    return doubtful_labels(measured, {subject.split: subject.probabilities}, learned)


def _finding(finding: Finding, subject: Subject) -> dict[str, Any]:
    items = [item for group in finding.groups for item in group]
    return {
        "severity": finding.severity,
        "title": finding.title,
        "advice": finding.advice,
        "items": [(item, _picture(item, subject)) for item in items[:_ITEMS]],
        "left": max(0, finding.count - _ITEMS),
    }


def _picture(item: Item, subject: Subject) -> str | None:
    if item.split is None or item.index is None:
        return None
    return photo_uri(subject.dataset.splits[item.split].images[item.index])


def repeat_part(subject: Subject) -> dict[str, Any]:
    """Return settings, versions and the command of the run."""
    configuration = subject.configuration
    settings = msgspec.to_builtins(configuration)
    for name in _TOLD_ELSEWHERE:
        del settings[name]
    height, width = configuration.image_size
    return {
        "command": inert(shlex.join(["kernelet", *repeating(configuration)])),
        "settings": {
            name.replace("_", " "): _setting(value)
            for name, value in {**settings, "image_size": f"{height}×{width}"}.items()
        },
        "began_with": (configuration.kernelet, configuration.instruction_set),
        "versions": {
            "kernelet": __version__,
            "Python": platform.python_version(),
            "NumPy": np.__version__,
            "instruction set": resolve_isa(),
            "processor": processor().brand or platform.machine(),
            "threads": str(subject.workers),
        },
        "fingerprint": configuration.data_fingerprint,
        "weights": subject.model.weights.sha256(),
    }


def _setting(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)
