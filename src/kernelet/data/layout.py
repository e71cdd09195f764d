"""From file names to classes: which picture belongs to which split and which class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.listing import PICTURE_EXTENSIONS, Entry, is_picture_name, quoted, visible
from kernelet.errors import DataError

#: The parts of a data set, in their order.
SPLITS = ("train", "validation", "test")

#: Folder names (in lower case) that hold a split, and the split they hold.
SPLIT_FOLDERS = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}

# By split: the pictures of each class, and the index of the class folder in a picture's path.
_ByClass = dict[str, tuple[dict[str, list[Entry]], int]]

_EXPECTED = (
    "  Expected one folder a class (ROOT/cat/1.jpg, ROOT/dog/2.jpg), or those inside\n"
    "  ROOT/train, ROOT/validation and ROOT/test."
)


class LabelledEntries(msgspec.Struct, frozen=True):
    """The pictures of one split: ``labels[i]`` (int32) is the class number of ``entries[i]``."""

    entries: list[Entry]
    labels: NDArray[np.int32]


class Layout(msgspec.Struct, frozen=True):
    """Class names and, by split name, the pictures; `notes` says what was left out."""

    class_names: tuple[str, ...]
    splits: dict[str, LabelledEntries]
    notes: list[str] = msgspec.field(default_factory=list)


def find_layout(
    entries: Sequence[Entry],
    source: str,
    class_names: Sequence[str] | None = None,
    folders: Sequence[str] = (),
) -> Layout:
    """Find splits and classes in a listing.

    The class is the first folder (below the split's), pictures may lie deeper. A single folder
    that holds everything else is looked into. ``train`` counts as a split when its pictures lie
    in class folders; among others it may be the name of a class.

    Parameters
    ----------
    entries : sequence of Entry
        The listing, in the order of names.
    source : str
        What to call the source in messages.
    class_names : sequence of str, optional
        Classes that already have numbers, those of a trained model. Default: the class folders
        of train, sorted.
    folders : sequence of str
        Names of folders, so that empty ones are noticed.

    Raises
    ------
    DataError
        If there are no pictures in class folders, fewer than two classes, a class that train
        does not have, or two folders for one split.
    """
    notes: list[str] = []
    pictures = [entry for entry in entries if is_picture_name(entry.name)]
    _note_other_files(entries, notes)
    if not pictures:
        raise _no_pictures(entries, source)
    depth = _top_depth(pictures)
    tops = _split_folders(pictures, depth, source, may_lack_train=class_names is not None)
    found: _ByClass = {}
    for split, (chosen, class_depth) in _assign_splits(pictures, depth, tops, notes).items():
        classes = _by_class(chosen, class_depth, split, notes)
        if classes:
            found[split] = (classes, class_depth)
    _note_empty_classes(entries, folders, found, notes)
    by_split = {split: classes for split, (classes, _) in found.items()}
    names = _number_classes(by_split, source, class_names, notes)
    splits = {split: _labelled(classes, names) for split, classes in by_split.items()}
    return Layout(names, splits, notes)


def _no_pictures(entries: Sequence[Entry], source: str) -> DataError:
    archives = [entry.name for entry in entries if entry.name.lower().endswith(".zip")]
    hint = ""
    if archives:
        hint = (
            f"\n  Archives inside are not read: take {quoted(archives[0])} out, and name it alone."
        )
    others = f"{len(entries):,} other file{'' if len(entries) == 1 else 's'}"
    return DataError(
        f"No pictures in {quoted(source)} ({others}).\n{_EXPECTED}\n"
        f"  Read are: {', '.join(sorted(PICTURE_EXTENSIONS))}.{hint}"
    )


def _note_other_files(entries: Sequence[Entry], notes: list[str]) -> None:
    kinds: Counter[str] = Counter()
    for entry in entries:
        if not is_picture_name(entry.name):
            extension = entry.parts[-1].rpartition(".")
            kinds["." + extension[2].lower() if extension[1] else "no extension"] += 1
    if kinds:
        listed = ", ".join(f"{visible(kind)} {count:,}" for kind, count in kinds.most_common(5))
        notes.append(f"files left out, not pictures: {kinds.total():,} ({listed})")


def _top_depth(pictures: list[Entry]) -> int:
    """How many folders that hold all others to skip: data.zip often contains data/train/…."""
    depth = 0
    while True:
        below = [entry.parts[depth:] for entry in pictures if len(entry.parts) > depth + 1]
        tops = {parts[0] for parts in below}
        if len(tops) != 1 or tops.pop().lower() in SPLIT_FOLDERS:
            return depth
        has_train = any(len(parts) > 3 and parts[1].lower() == "train" for parts in below)
        if any(len(parts) == 2 for parts in below) and not has_train:
            return depth
        depth += 1


def _split_folders(
    pictures: list[Entry], depth: int, source: str, *, may_lack_train: bool
) -> dict[str, str]:
    """Return {folder: split}, empty where the classes stand at the top."""
    tops = {entry.parts[depth] for entry in pictures if len(entry.parts) > depth + 1}
    folders = {top: SPLIT_FOLDERS[top.lower()] for top in tops if top.lower() in SPLIT_FOLDERS}
    nested = {entry.parts[depth] for entry in pictures if len(entry.parts) > depth + 2}
    if "train" not in folders.values():
        if not folders or folders.keys() != tops or nested != tops:
            return {}
        if may_lack_train:
            return folders
        listed = ", ".join(map(quoted, sorted(folders)))
        raise DataError(f"{quoted(source)} has {listed} but no train folder.\n{_EXPECTED}")
    train = next(top for top, split in folders.items() if split == "train")
    if train not in nested:
        if folders.keys() != tops:
            return {}
        raise DataError(
            f"{quoted(source)}: the pictures in {quoted(train)} lie in no class folder.\n"
            f"{_EXPECTED}"
        )
    _refuse_repeats(folders, source)
    return folders


def _refuse_repeats(folders: dict[str, str], source: str) -> None:
    for split in SPLITS:
        same = sorted(top for top, name in folders.items() if name == split)
        if len(same) > 1:
            raise DataError(
                f"{quoted(source)} has several {split} folders: {', '.join(map(quoted, same))}.\n"
                "  Keep one of them, or move their pictures together."
            )


def _assign_splits(
    pictures: list[Entry], depth: int, folders: dict[str, str], notes: list[str]
) -> dict[str, tuple[list[Entry], int]]:
    """Return {split: (pictures, index of the class in the path)}."""
    if not folders:
        return {"train": (pictures, depth)}
    chosen: dict[str, list[Entry]] = defaultdict(list)
    elsewhere: Counter[str] = Counter()
    for entry in pictures:
        top = "/".join(entry.parts[:-1][: depth + 1])
        if len(entry.parts) > depth + 1 and entry.parts[depth] in folders:
            chosen[entry.parts[depth]].append(entry)
        else:
            elsewhere[top] += 1
    for top, count in sorted(elsewhere.items()):
        where = quoted(top) if top else "the top folder"
        notes.append(f"pictures left out, not in train, validation or test: {count:,} in {where}")
    by_split = {folders[top]: (pictures, depth + 1) for top, pictures in chosen.items()}
    return {split: by_split[split] for split in SPLITS if split in by_split}


def _by_class(
    pictures: list[Entry], depth: int, split: str, notes: list[str]
) -> dict[str, list[Entry]]:
    classes: dict[str, list[Entry]] = defaultdict(list)
    loose = 0
    for entry in pictures:
        if len(entry.parts) > depth + 1:
            classes[entry.parts[depth]].append(entry)
        else:
            loose += 1
    if loose:
        notes.append(f"pictures left out, in no class folder of {split}: {loose:,}")
    return dict(classes)


def _note_empty_classes(
    entries: Sequence[Entry], folders: Sequence[str], layout: _ByClass, notes: list[str]
) -> None:
    """Name the folders that stand where class folders do but hold no picture."""
    class_folders = {
        entry.parts[: depth + 1]
        for classes, depth in layout.values()
        for pictures in classes.values()
        for entry in pictures[:1]
    }
    parents = {parts[:-1] for parts in class_folders}
    found = {tuple(folder.split("/")) for folder in folders}
    found |= {
        entry.parts[: len(parent) + 1]
        for entry in entries
        for parent in parents
        if len(entry.parts) > len(parent) + 1
    }
    empty = {parts for parts in found if parts[:-1] in parents} - class_folders
    if empty:
        listed = ", ".join(quoted("/".join(parts)) for parts in sorted(empty)[:5])
        notes.append(f"folders without pictures, not classes: {len(empty):,} ({listed})")


def _number_classes(
    by_split: dict[str, dict[str, list[Entry]]],
    source: str,
    class_names: Sequence[str] | None,
    notes: list[str],
) -> tuple[str, ...]:
    train = by_split.get("train", {})
    names = tuple(sorted(train)) if class_names is None else tuple(class_names)
    if not by_split:
        raise DataError(f"No picture in {quoted(source)} lies in a class folder.\n{_EXPECTED}")
    if len(names) < 2:
        raise DataError(
            f"{quoted(source)} has one class, {quoted(names[0])}; a classifier needs two or more.\n"
            f"{_EXPECTED}\n  To find one kind of thing, add a folder of pictures without it."
        )
    known = "train" if class_names is None else "the model"
    for split, classes in by_split.items():
        unknown = sorted(set(classes) - set(names))
        if unknown:
            raise DataError(
                f"{split} has {_listed(unknown)}, which {known} does not have.\n"
                f"  {known.capitalize()} has {_listed(names)}.\n"
                "  Classes are matched by the name of their folder: rename or remove the folder."
            )
        missing = [name for name in names if name not in classes]
        if missing:
            notes.append(f"classes without pictures in {split}: {_listed(missing)}")
    return names


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(quoted, names[:5]))
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5:,} more"


def _labelled(classes: dict[str, list[Entry]], names: tuple[str, ...]) -> LabelledEntries:
    number = {name: index for index, name in enumerate(names)}
    ordered = sorted(classes, key=number.__getitem__)
    counts = [len(classes[name]) for name in ordered]
    labels = np.repeat(np.array([number[name] for name in ordered], np.int32), counts)
    return LabelledEntries([entry for name in ordered for entry in classes[name]], labels)
