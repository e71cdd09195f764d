"""What an examination of a data set finds: kinds of findings, and how much each matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "note"]

#: Kinds of findings in the order in which they matter, with what each is. Errors make a result
#: wrong, warnings make it worse or doubtful; notes say what kernelet deals with by itself.
KINDS: dict[str, Severity] = {
    "layout": "error",
    "unreadable": "error",
    "disagreeing-labels": "error",
    "duplicates-across-splits": "error",
    "near-duplicates-across-splits": "warning",
    "disagreeing-near-duplicates": "warning",
    "doubtful-labels": "warning",
    "duplicates": "warning",
    "near-duplicates": "warning",
    "turned-copies": "warning",
    "blank": "warning",
    "small-class": "warning",
    "imbalance": "warning",
    "revealing-form": "warning",
    "wrong-extension": "warning",
    "suspicious-file": "warning",
    "several-frames": "warning",
    "passed-over": "warning",
    "odd-size": "warning",
    "odd-proportions": "warning",
    "orientation": "note",
    "colour-forms": "note",
    "sizes": "note",
    "links": "note",
    "left-out": "note",
    "limits": "note",
}


#: Detail of an item that is a symbolic link.
LINK = "symbolic link"


class Item(msgspec.Struct, frozen=True):
    """A picture, a file or a class that a finding is about.

    Attributes
    ----------
    name : str
        Name of the file inside its source, or of the class; of a picture of an array, its split
        and row (``train[12]``).
    split : str or None
        "train", "validation" or "test"; None outside of them.
    class_name : str or None
        The picture's label.
    index : int or None
        Row in the images of the split, where they are in memory.
    detail : str
        What else is to be said of this one.
    """

    name: str
    split: str | None = None
    class_name: str | None = None
    index: int | None = None
    detail: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    title : str
        What was found, in a line; it holds no name of a file or class that is not quoted.
    advice : str
        What to do about it.
    groups : tuple of tuple of Item
        What belongs together: the copies of one picture, or one item each.
    count : int
        How many pictures, files or classes are concerned; `groups` may hold fewer.
    """

    kind: str
    title: str
    advice: str
    groups: tuple[tuple[Item, ...], ...] = ()
    count: int = 0

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self.kind]


class Findings(msgspec.Struct, frozen=True):
    """All that was found in a data set, what matters most first.

    Attributes
    ----------
    source : str
        Where the pictures came from.
    pictures : int
        How many were looked at.
    found : tuple of Finding
    """

    source: str
    pictures: int
    found: tuple[Finding, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether there are neither errors nor warnings."""
        return not any(finding.severity != "note" for finding in self.found)

    def of(self, kind: str) -> tuple[Finding, ...]:
        """Return the findings of one kind."""
        assert kind in KINDS
        return tuple(finding for finding in self.found if finding.kind == kind)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort by what matters most; of one kind, the given order stays."""
    ranks = {kind: rank for rank, kind in enumerate(KINDS)}
    return tuple(sorted(findings, key=lambda finding: ranks[finding.kind]))


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "picture"), counted(1200, "picture"), counted(2, "class", "classes")
    ('1 picture', '1,200 pictures', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
