"""Files that are not what they seem, and files that are passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data.doctor.contents import (
    HEAD_BYTES,
    is_picture_signature,
    signature,
    wrong_extension,
)
from kernelet.data.doctor.findings import Finding, Item, counted
from kernelet.data.listing import is_picture_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kernelet.data.doctor.survey import Look, Survey
    from kernelet.data.listing import Entry, PictureFiles

# Other files of which the first bytes are read.
_MOST_OTHERS = 10_000


def unreadable(items: Sequence[Item]) -> Iterator[Finding]:
    """Report files that could not be decoded."""
    yield from _each(
        "unreadable",
        items,
        lambda count: f"{counted(count, 'file')} cannot be read",
        "Repair or remove them; training leaves them out.",
    )


def suspicious_files(survey: Survey) -> Iterator[Finding]:
    """Report pictures that can be read and whose files are odd all the same."""
    yield from _each(
        "wrong-extension",
        _items(
            survey,
            lambda look: wrong_extension(look.place.name, look.format),
            lambda look: f"it is {look.format}",
        ),
        lambda count: (
            f"{counted(count, 'file')} {_verb(count)} of another format than the name says"
        ),
        "Rename them; kernelet goes by the content, other programs may not.",
    )
    yield from _each(
        "suspicious-file",
        _items(survey, lambda look: bool(look.remark), lambda look: look.remark),
        lambda count: f"{counted(count, 'file')} {'seems' if count == 1 else 'seem'} cut off",
        "Look at them, and copy or download them again: a part of the picture may be missing.",
    )
    yield from _each(
        "several-frames",
        _items(
            survey,
            lambda look: look.frames > 1,
            lambda look: f"{look.frames:,} frames",
        ),
        lambda count: (
            f"{counted(count, 'file')} {_verb(count, 'hold')} several pictures (animated, or pages)"
        ),
        "Only the first picture of each is used: save the others as files of their own.",
    )


def passed_over(files: PictureFiles, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Report files that are pictures by content, and are not read because of their names."""
    items = []
    for entry in [e for e in entries if not is_picture_name(e.name)][:_MOST_OTHERS]:
        try:
            with files.open(entry) as file:
                what = signature(file.read(HEAD_BYTES))
        except (OSError, ValueError):
            continue
        if is_picture_signature(what):
            items.append(Item(entry.name, detail=f"it is {what}"))
    yield from _each(
        "passed-over",
        items,
        lambda count: (
            f"{counted(count, 'picture')} {_verb(count)} passed over: files of other "
            "kinds or names than are read"
        ),
        "Convert them to PNG or JPEG, or give them their right extension.",
    )


def links(survey: Survey, names: frozenset[str]) -> Iterator[Finding]:
    """Note the pictures that are symbolic links into the same folder."""
    yield from _each(
        "links",
        _items(survey, lambda look: look.place.name in names, lambda _: ""),
        lambda count: (
            f"{counted(count, 'file')} {_verb(count)} symbolic links to others"
            if count > 1
            else "1 file is a symbolic link to another"
        ),
        "Each counts as a picture of its own.",
    )


def _items(
    survey: Survey, chosen: Callable[[Look], bool], detail: Callable[[Look], str]
) -> list[Item]:
    return [survey.item(row, detail(look)) for row, look in enumerate(survey.looks) if chosen(look)]


def _each(
    kind: str, items: Sequence[Item], title: Callable[[int], str], advice: str
) -> Iterator[Finding]:
    """Yield a finding with an item a group, where there are items."""
    if items:
        yield Finding(kind, title(len(items)), advice, tuple((item,) for item in items), len(items))


def _verb(count: int, verb: str = "") -> str:
    if not verb:
        return "is" if count == 1 else "are"
    return verb + "s" if count == 1 else verb
