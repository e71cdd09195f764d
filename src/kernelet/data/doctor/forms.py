"""Sizes, proportions, orientation and colour forms: what differs, and what gives a class away."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from kernelet.data.doctor.findings import Finding, counted
from kernelet.data.listing import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kernelet.data.doctor.survey import Look, Survey

# A picture is small whose short side is less than this share of the median, or this many pixels.
_SMALL_SHARE, _SMALL_SIDE = 0.25, 8
# Proportions are odd that differ so many times from the median: cutting the middle out loses more
# than half of the picture.
_ODD_FACTOR = 2.5
# A form gives a class away if nearly all of its pictures have it, and hardly any others.
_NEARLY_ALL, _HARDLY_ANY = 0.9, 0.1
_ENOUGH = 10
_SHOWN = 5


def form_findings(survey: Survey) -> Iterator[Finding]:
    """Judge what forms the pictures have.

    Parameters
    ----------
    survey : Survey
        At least one picture.
    """
    yield from _odd_sizes(survey)
    yield from _odd_proportions(survey)
    yield from _orientations(survey)
    yield from _revealing(survey)
    forms = Counter(look.form for look in survey.looks)
    if len(forms) > 1:
        yield Finding(
            "colour-forms",
            f"pictures of {len(forms)} colour forms: {_listed(forms)}",
            "Training converts all to RGB, or to grey if all are grey.",
            count=len(survey.looks) - max(forms.values()),
        )
    sizes = Counter(look.size for look in survey.looks)
    if len(sizes) > 1:
        smallest, largest = (shape(pick(sizes, key=area)) for pick in (min, max))
        yield Finding(
            "sizes",
            f"pictures of {len(sizes):,} sizes, from {smallest} to {largest} (height × width)",
            "Training brings all to one size; --image-size chooses it.",
            count=len(survey.looks) - max(sizes.values()),
        )


def area(size: tuple[int, int]) -> tuple[int, tuple[int, int]]:
    """Return what sizes are ordered by."""
    return size[0] * size[1], size


def shape(size: tuple[int, int]) -> str:
    """Return a size as text.

    Examples
    --------
    >>> shape((480, 640))
    '480×640'
    """
    return f"{size[0]:,}×{size[1]:,}"


def _odd_sizes(survey: Survey) -> Iterator[Finding]:
    sides = np.array([min(look.size) for look in survey.looks])
    usual = float(np.median(sides))
    least = max(_SMALL_SHARE * usual, min(_SMALL_SIDE, usual / 2))
    rows = np.flatnonzero(sides < least).tolist()
    if rows:
        yield Finding(
            "odd-size",
            f"{counted(len(rows), 'picture')} {_is(rows)} much smaller than the rest "
            f"(short side below {least:,.0f} of usually {usual:,.0f} pixels)",
            "Replace them by larger ones: enlarged, they show no detail.",
            tuple((survey.item(row, shape(survey.looks[row].size)),) for row in rows),
            len(rows),
        )


def _odd_proportions(survey: Survey) -> Iterator[Finding]:
    ratios = np.log([look.size[1] / look.size[0] for look in survey.looks])
    rows = np.flatnonzero(np.abs(ratios - np.median(ratios)) > np.log(_ODD_FACTOR)).tolist()
    if rows:
        yield Finding(
            "odd-proportions",
            f"{counted(len(rows), 'picture')} {'has' if len(rows) == 1 else 'have'} proportions "
            "far from the rest",
            "Cut them to what matters: training cuts out the middle (or distorts, with --resize "
            "stretch).",
            tuple((survey.item(row, shape(survey.looks[row].size)),) for row in rows),
            len(rows),
        )


def _orientations(survey: Survey) -> Iterator[Finding]:
    rows = [row for row, look in enumerate(survey.looks) if look.orientation != 1]
    if rows:
        yield Finding(
            "orientation",
            f"{counted(len(rows), 'picture')} {_is(rows)} stored turned, with a note (EXIF "
            "orientation) how to show them",
            "kernelet turns them; a program that ignores the note sees them otherwise.",
            tuple(
                (survey.item(row, f"orientation {survey.looks[row].orientation}"),) for row in rows
            ),
            len(rows),
        )


def _revealing(survey: Survey) -> Iterator[Finding]:
    """Report what tells a class without looking at what the picture shows."""
    looks = [look for look in survey.looks if look.place.split in ("train", None)]
    properties: tuple[tuple[str, Callable[[Look], str]], ...] = (
        ("colour form", lambda look: look.form),
        ("file format", lambda look: look.format),
        ("size", lambda look: shape(look.size)),
    )
    for name, value_of in properties:
        found = _given_away(looks, value_of)
        if found:
            listed = "; ".join(f"{quoted(label)}: {value}" for label, value in found[:_SHOWN])
            yield Finding(
                "revealing-form",
                f"the {name} gives the class away ({listed})",
                "Bring all classes to one form, or the network may learn the form instead of what "
                "the pictures show.",
                count=len(found),
            )


def _given_away(looks: Sequence[Look], value_of: Callable[[Look], str]) -> list[tuple[str, str]]:
    """Return the classes that nearly alone have a value, each with the value."""
    pairs = Counter((look.place.class_name, value_of(look)) for look in looks)
    classes = Counter(look.place.class_name for look in looks)
    values = Counter(value_of(look) for look in looks)
    return [
        (label, value)
        for (label, value), count in sorted(pairs.items(), key=str)
        if label is not None
        and count >= max(_ENOUGH, _NEARLY_ALL * classes[label])
        and len(looks) - classes[label] >= _ENOUGH
        and values[value] - count <= _HARDLY_ANY * (len(looks) - classes[label])
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


def _is(rows: Sequence[int]) -> str:
    return "is" if len(rows) == 1 else "are"
