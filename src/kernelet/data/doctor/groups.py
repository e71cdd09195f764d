"""From pairs of pictures to groups, and from the survey to what is there more than once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kernelet.data.doctor.chance import MOST_COPIES
from kernelet.data.doctor.similar import QUARTER

if TYPE_CHECKING:
    from kernelet.data.doctor.similar import SimilarPairs
    from kernelet.data.doctor.survey import Survey

# Cuts and rounding change the proportions of a copy by no more.
_MOST_DISTORTED = 1.25

#: A group: indices of pictures in a survey, in rising order.
Rows = tuple[int, ...]


class Repeats(msgspec.Struct, frozen=True):
    """Pictures that are there more than once.

    Attributes
    ----------
    equal : sequence of Rows
        The same pixels.
    near : sequence of sequences of Rows
        Nearly the same: different pictures, each with all its equal copies.
    turned : sequence of (Rows, str)
        Two pictures, and what was done to the second.
    lookalikes : int
        Pictures of which so many resemble each other that they are no copies but one kind.
    """

    equal: Sequence[Rows]
    near: Sequence[Sequence[Rows]]
    turned: Sequence[tuple[Rows, str]]
    lookalikes: int


def find_repeats(
    survey: Survey,
    blank: Iterable[int],
    similar: Callable[[list[int]], SimilarPairs],
    whole_digest: Callable[[int], bytes | None],
) -> Repeats:
    """Find what is there more than once.

    Parameters
    ----------
    survey : Survey
        All pictures.
    blank : iterable of int
        Those that show nothing: only equal ones of them are the same picture.
    similar : callable
        ``similar(rows)`` returns pairs of positions in `rows`.
    whole_digest : callable
        ``whole_digest(row)`` decodes a picture at its full size.
    """
    digests = [look.digest for look in survey.looks]
    shows_nothing = set(blank)
    for row in shows_nothing:
        digests[row] = digests[row] or whole_digest(row)
    first = _first_of_equals(digests)
    unlike = [row for row in range(len(digests)) if first[row] == row and row not in shows_nothing]
    pairs = similar(unlike)
    near = [
        (unlike[a], unlike[b])
        for a, b in pairs.near.tolist()
        if _same_proportions(survey, unlike[a], unlike[b], turned=False)
    ]
    _digest_alike(survey, near, digests, whole_digest)
    first = _first_of_equals(digests)
    copies: dict[int, list[int]] = defaultdict(list)
    for row, original in enumerate(first):
        copies[original].append(row)
    joined = join((first[a], first[b]) for a, b in near)
    believed = [group for group in joined if len(group) <= 1 + MOST_COPIES]
    group_of = {row: number for number, group in enumerate(joined) for row in group}
    turned = {
        (min(a, b), max(a, b)): turn
        for (a, b), turn in zip(
            ((first[unlike[a]], first[unlike[b]]) for a, b in pairs.turned.tolist()),
            pairs.turns,
            strict=True,
        )
        if group_of.get(a, -1 - a) != group_of.get(b, -1 - b)
        and _same_proportions(survey, a, b, turned=turn == QUARTER)
    }
    return Repeats(
        [tuple(group) for group in copies.values() if len(group) > 1],
        [[tuple(copies[member]) for member in group] for group in believed],
        sorted(turned.items()),
        sum(map(len, joined)) - sum(map(len, believed)),
    )


def _same_proportions(survey: Survey, a: int, b: int, *, turned: bool) -> bool:
    """Whether two pictures have about one ratio of width to height; small copies are squares."""
    (height, width), (other_height, other_width) = survey.looks[a].size, survey.looks[b].size
    if turned:
        other_height, other_width = other_width, other_height
    ratio = (width * other_height) / (height * other_width)
    return 1 / _MOST_DISTORTED < ratio < _MOST_DISTORTED


def join(pairs: Iterable[tuple[int, int]]) -> list[Rows]:
    """Return the groups that pairs connect, of at least two, by their first member.

    Examples
    --------
    >>> join([(5, 3), (1, 2), (3, 9), (4, 4)])
    [(1, 2), (3, 5, 9)]
    """
    parent: dict[int, int] = {}

    def root(row: int) -> int:
        while parent.setdefault(row, row) != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    groups: dict[int, list[int]] = defaultdict(list)
    for row in sorted(parent):
        groups[root(row)].append(row)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def _first_of_equals(digests: Sequence[bytes | None]) -> list[int]:
    """Return, for each picture, the first one with its pixels, where those are known."""
    seen: dict[bytes, int] = {}
    return [
        row if digest is None else seen.setdefault(digest, row)
        for row, digest in enumerate(digests)
    ]


def _digest_alike(
    survey: Survey,
    near: Iterable[tuple[int, int]],
    digests: list[bytes | None],
    whole_digest: Callable[[int], bytes | None],
) -> None:
    """Decode whole what looks alike and has one size, so that equal pixels are known."""
    for row in _of_equal_size(survey, near):
        digests[row] = digests[row] or whole_digest(row)


def _of_equal_size(survey: Survey, near: Iterable[tuple[int, int]]) -> Iterator[int]:
    sizes = [look.size for look in survey.looks]
    rows = np.array([pair for pair in near if sizes[pair[0]] == sizes[pair[1]]], np.int64)
    yield from np.unique(rows).tolist()
