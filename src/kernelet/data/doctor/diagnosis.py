"""`diagnose`: everything that can be told of a set of pictures before training."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec.structs import replace

from kernelet.data.arrays import LabelledArrays
from kernelet.data.doctor.classes import class_findings
from kernelet.data.doctor.copies import copy_findings, near_copy_findings, turned_copy_findings
from kernelet.data.doctor.examination import blank_findings
from kernelet.data.doctor.files import links, passed_over, suspicious_files, unreadable
from kernelet.data.doctor.findings import LINK, Finding, Findings, Item, in_order
from kernelet.data.doctor.forms import form_findings
from kernelet.data.doctor.groups import Repeats, find_repeats
from kernelet.data.doctor.previews import Previews
from kernelet.data.doctor.similar import SimilarPairs, similar_pairs
from kernelet.data.doctor.survey import Place, Survey
from kernelet.data.layout import find_layout
from kernelet.data.listing import is_picture_name
from kernelet.data.loading import dataset_of, open_source
from kernelet.errors import DataError

if TYPE_CHECKING:
    from kernelet.data.dataset import Dataset
    from kernelet.data.listing import Entry, PictureTree
    from kernelet.data.loading import Source

    Progress = Callable[[str, int, int], None]


class Diagnosis(msgspec.Struct, frozen=True):
    """What was found, and the pictures to show with it."""

    findings: Findings
    previews: Mapping[str, Any] = msgspec.field(default_factory=dict)


class _Case(msgspec.Struct, frozen=True):
    """A surveyed source, and how to look at one of its pictures again."""

    survey: Survey
    counts: dict[str, dict[str, int]]
    others: list[Finding]
    whole_digest: Callable[[int], bytes | None]
    previews: Previews
    linked: frozenset[str] = frozenset()


def diagnose(
    source: Source = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    previews: int = 0,
    further: Callable[[], Sequence[Finding]] | None = None,
) -> Diagnosis:
    """Look through the files of a data set, or its arrays, for all that spoils a training.

    Parameters
    ----------
    source : path, (path, path), str or None
        As for `kernelet.data.load_dataset`.
    threads : int, optional
        Default: as many as there are processors to use.
    progress : callable, optional
        Called as ``progress(task, done, total)``.
    previews : int
        How many groups of each finding to give small pictures of.
    further : callable, optional
        Returns findings of another origin, to be shown with the others.

    Returns
    -------
    Diagnosis

    Raises
    ------
    DataError
        If there is no picture at all.

    Examples
    --------
    >>> findings = diagnose("sample").findings
    >>> findings.pictures, [finding.kind for finding in findings.of("unreadable")]
    (6300, [])
    """
    with open_source(source) as (opened, name):
        if isinstance(opened, LabelledArrays):
            case = _arrays_case(dataset_of(opened, name))
        else:
            case = _files_case(opened, name, threads, progress)
        found = [*_judge(case, progress), *(further() if further is not None else ())]
        named = os.fspath(source) if isinstance(source, str | os.PathLike) else name
        findings = Findings(named, case.survey.total, in_order(found))
        shown = case.previews.of(findings, previews) if previews else {}
    return Diagnosis(findings, shown)


def _arrays_case(dataset: Dataset) -> _Case:
    from kernelet.data.doctor.survey_arrays import survey_arrays

    counts = {name: dataset.class_counts(name) for name in dataset.splits}
    previews = Previews(lambda item: _row_of(dataset, item))
    return _Case(survey_arrays(dataset), counts, [], lambda _: None, previews)


def _row_of(dataset: Dataset, item: Item) -> Any:
    if item.split is None or item.index is None:
        return None
    return dataset.splits[item.split].images[item.index]


def _files_case(
    tree: PictureTree, name: str, threads: int | None, progress: Progress | None
) -> _Case:
    from kernelet.data.doctor.survey_files import survey_files, whole_digest

    entries, places, class_names, others = _placed(tree, name)
    survey = survey_files(
        tree, entries, places, name, threads=threads, progress=_named(progress, "reading pictures")
    )
    others += passed_over(tree, tree.entries)
    by_name = {entry.name: entry for entry in entries}
    counted = Counter((look.place.split, look.place.class_name) for look in survey.looks)
    counts = {
        split: {label: counted[split, label] for label in class_names}
        for split in dict.fromkeys(place.split for place in places)
        if split is not None
    }

    def digest(row: int) -> bytes | None:
        try:
            return whole_digest(tree.read(by_name[survey.looks[row].place.name]))
        except (OSError, ValueError):
            return None

    def content(item: Item) -> Any:
        entry = by_name.get(item.name)
        return None if entry is None else io.BytesIO(tree.read(entry))

    linked = frozenset(getattr(tree, "links", ()))
    return _Case(survey, counts, others, digest, Previews(content), linked)


def _placed(
    tree: PictureTree, source: str
) -> tuple[list[Entry], list[Place], tuple[str, ...], list[Finding]]:
    """Return all pictures with their places, the class names, and what the layout brings."""
    pictures = [entry for entry in tree.entries if is_picture_name(entry.name)]
    notes = [Finding("left-out", note, "") for note in tree.notes]
    try:
        layout = find_layout(tree.entries, source, None, tree.folders)
    except DataError as error:
        if not pictures:
            raise
        title, _, advice = str(error).partition("\n")
        wrong = Finding("layout", title, " ".join(advice.split()))
        return pictures, [_guess(entry) for entry in pictures], (), [*notes, wrong]
    notes += [Finding("left-out", note, "") for note in layout.notes]
    entries, places = [], []
    for split, files in layout.splits.items():
        for entry, label in zip(files.entries, files.labels.tolist(), strict=True):
            entries.append(entry)
            places.append(Place(entry.name, split, layout.class_names[label]))
    return entries, places, layout.class_names, notes


def _guess(entry: Entry) -> Place:
    """Place a picture of a set without a layout by its folder."""
    folder = entry.parts[-2] if len(entry.parts) > 1 else None
    return Place(entry.name, None, folder)


def _judge(case: _Case, progress: Progress | None) -> Iterator[Finding]:
    survey = case.survey
    yield from case.others
    yield from unreadable(survey.broken)
    yield from class_findings(case.counts)
    if not survey.looks:
        return
    yield from suspicious_files(survey)
    yield from links(survey, case.linked)
    yield from form_findings(survey)
    blank = [row for row, look in enumerate(survey.looks) if look.blank]
    yield from blank_findings([survey.item(row) for row in blank])
    repeats, limits = _repeats(case, blank, progress)
    yield from copy_findings([_items(case, group) for group in repeats.equal])
    yield from near_copy_findings(
        [[_items(case, copies) for copies in pictures] for pictures in repeats.near]
    )
    yield from turned_copy_findings(
        [
            (_item(case, pair[0]), replace(_item(case, pair[1]), detail=turn))
            for pair, turn in repeats.turned
        ]
    )
    if repeats.lookalikes:
        limits.append(
            f"{repeats.lookalikes:,} pictures look so much like each other that near duplicates "
            "cannot be told among them"
        )
    yield from (Finding("limits", limit, "") for limit in limits)


def _repeats(case: _Case, blank: list[int], progress: Progress | None) -> tuple[Repeats, list[str]]:
    limits: list[str] = []

    def similar(rows: list[int]) -> SimilarPairs:
        thumbnails = case.survey.thumbnails
        chosen = thumbnails if len(rows) == len(thumbnails) else thumbnails[np.array(rows, int)]
        pairs = similar_pairs(chosen, _named(progress, "comparing pictures"))
        limits.extend(pairs.limits)
        return pairs

    return find_repeats(case.survey, blank, similar, case.whole_digest), limits


def _items(case: _Case, group: tuple[int, ...]) -> tuple[Item, ...]:
    return tuple(_item(case, row) for row in group)


def _item(case: _Case, row: int) -> Item:
    item = case.survey.item(row)
    return replace(item, detail=LINK) if item.name in case.linked else item


def _named(progress: Progress | None, task: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(task, done, total)
