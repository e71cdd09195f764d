"""What copies of one picture mean: in which splits they lie, and whether their labels agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernelet.data.doctor.findings import Finding, Item, counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Group = tuple[Item, ...]

_KEEP = ("test", "validation", "train")


class _Words(msgspec.Struct, frozen=True):
    """What is said of copies of one kind: how they are alike, and what to do about them."""

    kind: str
    disagreement: str
    alike: str
    across: str
    within: str
    disagreeing: str


_EQUAL = _Words(
    "duplicates",
    "disagreeing-labels",
    "",
    "Leave them out of train: what the network has learned by heart, it is measured on.",
    "Keep one of each: copies count as often as they occur, and a validation split drawn "
    "at random tears them apart.",
    "Decide which class is right and remove the other copies; unresolved, leave out all.",
)
_NEAR = _Words(
    "near-duplicates",
    "disagreeing-near-duplicates",
    "nearly the same",
    "Leave them out of train: the result on the others looks better than it is.",
    "Keep one of each, or keep them together in one split.",
    "Look at them: one of the labels may be wrong.",
)


def copy_findings(groups: Sequence[Group]) -> Iterator[Finding]:
    """Judge groups of pictures with the same pixels."""
    disagreeing = [group for group in groups if len(_labels(group)) > 1]
    yield from _findings(groups, disagreeing, _EQUAL)


def near_copy_findings(alike: Sequence[Sequence[Group]]) -> Iterator[Finding]:
    """Judge pictures that are the same up to compression, size, cut or brightness.

    Parameters
    ----------
    alike : sequence of sequences of Group
        Pictures that are nearly the same, each with its equal copies.
    """
    groups = [tuple(item for copies in pictures for item in copies) for pictures in alike]
    disagreeing = [
        group
        for group, pictures in zip(groups, alike, strict=True)
        if not set.intersection(*map(_labels, pictures))
    ]
    yield from _findings(groups, disagreeing, _NEAR)


def _findings(
    groups: Sequence[Group], disagreeing: Sequence[Group], words: _Words
) -> Iterator[Finding]:
    """Judge groups by their splits, and those whose labels disagree."""
    before, behind = (f" {words.alike}", f", {words.alike}") if words.alike else ("", "")
    across = [group for group in groups if _splits(group) > 1]
    if across:
        yield Finding(
            f"{words.kind}-across-splits",
            f"{counted(len(across), 'picture')} {_is(across)}{before} in more than one split "
            f"({_where(across)})",
            words.across,
            *_sized(across),
        )
    within = [group for group in groups if _splits(group) == 1]
    if within:
        yield Finding(
            words.kind,
            f"{counted(len(within), 'picture')} {_is(within)} there several times in one split"
            f"{behind} ({_where(within)})",
            words.within,
            *_sized(within),
        )
    if disagreeing:
        yield Finding(
            words.disagreement,
            f"{counted(len(disagreeing), 'picture')} {_is(disagreeing)}{before} under more than "
            "one class",
            words.disagreeing,
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
