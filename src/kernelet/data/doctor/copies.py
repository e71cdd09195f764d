"""What copies of one picture mean: in which splits they lie, and whether their labels agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data.doctor.findings import Finding, Item, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Group = tuple[Item, ...]

_KEEP = ("test", "validation", "train")


def copy_findings(groups: Sequence[Group]) -> Iterator[Finding]:
    """Judge groups of pictures with the same pixels."""
    across = [group for group in groups if _splits(group) > 1]
    if across:
        yield Finding(
            "duplicates-across-splits",
            f"{counted(len(across), 'picture')} {_is(across)} in more than one split "
            f"({_where(across)})",
            "Leave them out of train: what the network has learned by heart, it is measured on.",
            *_sized(across),
        )
    within = [group for group in groups if _splits(group) == 1]
    if within:
        yield Finding(
            "duplicates",
            f"{counted(len(within), 'picture')} {_is(within)} there several times in one split "
            f"({_where(within)})",
            "Keep one of each: copies count as often as they occur, and a validation split drawn "
            "at random tears them apart.",
            *_sized(within),
        )
    disagreeing = [group for group in groups if len(_labels(group)) > 1]
    if disagreeing:
        yield Finding(
            "disagreeing-labels",
            f"{counted(len(disagreeing), 'picture')} {_is(disagreeing)} under more than one class",
            "Decide which class is right and remove the other copies; unresolved, leave out all.",
            *_sized(disagreeing),
        )


def near_copy_findings(alike: Sequence[Sequence[Group]]) -> Iterator[Finding]:
    """Judge pictures that are the same up to compression, size, cut or brightness.

    Parameters
    ----------
    alike : sequence of sequences of Group
        Pictures that are nearly the same, each with its equal copies.
    """
    groups = [tuple(item for copies in pictures for item in copies) for pictures in alike]
    across = [group for group in groups if _splits(group) > 1]
    if across:
        yield Finding(
            "near-duplicates-across-splits",
            f"{counted(len(across), 'picture')} {_is(across)} nearly the same in more than one "
            f"split ({_where(across)})",
            "Leave them out of train: the result on the others looks better than it is.",
            *_sized(across),
        )
    within = [group for group in groups if _splits(group) == 1]
    if within:
        yield Finding(
            "near-duplicates",
            f"{counted(len(within), 'picture')} {_is(within)} there several times in one split, "
            f"nearly the same ({_where(within)})",
            "Keep one of each, or keep them together in one split.",
            *_sized(within),
        )
    disagreeing = [
        group
        for group, pictures in zip(groups, alike, strict=True)
        if not set.intersection(*map(_labels, pictures))
    ]
    if disagreeing:
        yield Finding(
            "disagreeing-near-duplicates",
            f"{counted(len(disagreeing), 'picture')} {_is(disagreeing)} nearly the same under "
            "more than one class",
            "Look at them: one of the labels may be wrong.",
            *_sized(disagreeing),
        )


def turned_copy_findings(groups: Sequence[Group]) -> Iterator[Finding]:
    """Judge groups of pictures that are the same up to a turn or a mirror."""
    if groups:
        yield Finding(
            "turned-copies",
            f"{counted(len(groups), 'picture')} {_is(groups)} there turned or mirrored as well "
            f"({_where(groups)})",
            "Keep one of each, upright.",
            *_sized(groups),
        )


def _sized(groups: Sequence[Group]) -> tuple[tuple[Group, ...], int]:
    return tuple(groups), sum(map(len, groups))


def _is(groups: Sequence[Group]) -> str:
    return "is" if len(groups) == 1 else "are"


def _splits(group: Group) -> int:
    return len({item.split for item in group})


def _labels(group: Group) -> set[str | None]:
    return {item.class_name for item in group}


def _where(groups: Sequence[Group]) -> str:
    """Say between which splits, with the number of groups: "train and test 3"."""
    counts: dict[str, int] = {}
    for group in groups:
        splits = {item.split or "no split" for item in group}
        name = " and ".join(sorted(splits, key=lambda split: -_rank(split)))
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _rank(split: str) -> int:
    return _KEEP.index(split) if split in _KEEP else len(_KEEP)
