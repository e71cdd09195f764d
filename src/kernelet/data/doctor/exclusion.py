"""Lists of pictures to leave out of training: one name a line, reasons as comments."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kernelet.data.doctor.findings import LINK, Findings, Item, counted
from kernelet.data.listing import quoted
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Kinds of findings of which every picture is left out.
_ALL = ("unreadable", "disagreeing-labels", "doubtful-labels", "blank")
#: Kinds of which one copy of each group stays.
_COPIES = (
    "duplicates-across-splits",
    "near-duplicates-across-splits",
    "duplicates",
    "near-duplicates",
    "turned-copies",
)
# What results are measured on stays as it is: the copy to leave out is the one to learn from.
_KEEP_FIRST = ("test", "validation", "train", None)
_LARGEST = 64 * 1024 * 1024


def chosen(findings: Findings) -> dict[str, str]:
    """Return the names of pictures to leave out, each with the first reason for it.

    Of copies, one of the last split in the order train, validation, test stays; of pictures
    whose labels disagree, are contradicted, or that show nothing, none.
    """
    left: dict[str, str] = {}
    for kind in _ALL:
        for finding in findings.of(kind):
            for group in finding.groups:
                for item in group:
                    reason = item.detail or finding.title
                    if kind == "disagreeing-labels":
                        reason = f"the same picture under {_labels(group)}"
                    left.setdefault(item.name, f"{kind}: {reason}")
    for kind in _COPIES:
        for finding in findings.of(kind):
            for group in finding.groups:
                there = [item for item in group if item.name not in left]
                kept = min(there, key=_rank, default=None)
                if kept is None:
                    continue
                for item in there:
                    if item is not kept:
                        left[item.name] = f"{kind}: {quoted(kept.name)} stays"
    return left


def write_exclusion(findings: Findings, path: Path) -> int:
    """Write what is to be left out, and return how many names that are.

    A name that begins with a blank, ``#`` or ``"``, ends with a blank, or holds characters that
    are not printed is written as a JSON string.
    """
    left = chosen(findings)
    pictures = counted(len(left), "picture")
    lines = [
        f"# {pictures} to leave out of training, from {quoted(findings.source)}",
        "# kernelet train DATA --exclude THIS_FILE",
    ]
    reason = ""
    for name, why in left.items():
        if why != reason:
            lines.append(f"# {''.join(c if c.isprintable() else '?' for c in why)}")
            reason = why
        lines.append(_written(name))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(left)


def read_exclusion(path: Path) -> frozenset[str]:
    r"""Read the names in a list.

    Raises
    ------
    DataError
        If the file cannot be read, is no text, or names nothing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "leave.txt"
    >>> _ = path.write_text("# blurred\ntrain/cat/7.jpg\n")
    >>> sorted(read_exclusion(path))
    ['train/cat/7.jpg']
    """
    where = quoted(str(path))
    try:
        if path.is_file() and path.stat().st_size > _LARGEST:
            raise DataError(f"{where} is larger than {_LARGEST:,} bytes: no list of names.")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{where} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is no text in UTF-8; expected one name a line.") from error
    names = frozenset(_names(text, where))
    if not names:
        raise DataError(
            f"{where} names no picture to leave out; expected one name a line.\n"
            "  Leave out --exclude to train on all pictures."
        )
    return names


def _names(text: str, where: str) -> Iterator[str]:
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if not stripped.startswith('"'):
            yield stripped
            continue
        try:
            name = json.loads(stripped)
        except ValueError:
            name = None
        if not isinstance(name, str):
            raise DataError(f"{where}, line {number}: {quoted(stripped)} is no JSON string.")
        yield name


def _written(name: str) -> str:
    plain = name.isprintable() and name == name.strip() and not name.startswith(("#", '"'))
    return name if plain and name else json.dumps(name)


def _rank(item: Item) -> tuple[int, bool]:
    split = _KEEP_FIRST.index(item.split) if item.split in _KEEP_FIRST else len(_KEEP_FIRST)
    return split, item.detail == LINK


def _labels(group: tuple[Item, ...]) -> str:
    return ", ".join(sorted({quoted(item.class_name or "") for item in group}))
