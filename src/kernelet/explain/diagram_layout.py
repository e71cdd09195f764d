"""Where the boxes of a diagram stand: columns from left to right, broken into rows.

A box stands one column behind the last of what it reads. Between columns that lie further apart,
a connection passes through *gaps*, which take part in the order of their columns like boxes
(Sugiyama, Tagawa and Toda 1981), so that it runs into no box.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import msgspec

# Rounds in which columns are ordered by what they read and by what reads them; more change little.
_ROUNDS = 4


class Slot(msgspec.Struct, eq=False):
    """A place in a column.

    Attributes
    ----------
    stage : int or None
        Number of the box; None for a gap.
    column : int
    before, behind : list of Slot
        What it is joined with in the columns beside it.
    """

    stage: int | None
    column: int
    before: list[Slot] = msgspec.field(default_factory=list)
    behind: list[Slot] = msgspec.field(default_factory=list)


Column = list[Slot]


def columns(reads: Sequence[Sequence[int]]) -> list[Column]:
    """Return the columns of a network.

    Parameters
    ----------
    reads : sequence of sequence of int
        For each box, those that it reads: smaller numbers.

    Returns
    -------
    list of list of Slot
        Each from top to bottom.

    Examples
    --------
    A box that reads the first and the second leaves a gap beside the second:

    >>> [[slot.stage for slot in column] for column in columns([[], [0], [0, 1]])]
    [[0], [1, None], [2]]
    """
    places: list[int] = []
    for sources in reads:
        places.append(1 + max((places[k] for k in sources), default=-1))
    made: list[Column] = [[] for _ in range(1 + max(places))]
    slots = [Slot(number, place) for number, place in enumerate(places)]
    for slot in slots:
        made[slot.column].append(slot)
    passing: dict[tuple[int, int], Slot] = {}
    for number, sources in enumerate(reads):
        for source in dict.fromkeys(sources):
            last = slots[source]
            for place in range(last.column + 1, places[number]):
                # Connections of one box to several run together as long as they can.
                if (source, place) not in passing:
                    passing[source, place] = Slot(None, place)
                    made[place].append(passing[source, place])
                    _join(last, passing[source, place])
                last = passing[source, place]
            _join(last, slots[number])
    _order(made)
    return made


def _join(one: Slot, next_: Slot) -> None:
    one.behind.append(next_)
    next_.before.append(one)


def _order(made: list[Column]) -> None:
    """Bring each column into the order of the middles of what its slots are joined with."""

    def sort(column: Column, beside: Column, joined: Callable[[Slot], list[Slot]]) -> None:
        position = {id(slot): (k + 0.5) / len(beside) for k, slot in enumerate(beside)}
        own = {id(slot): (k + 0.5) / len(column) for k, slot in enumerate(column)}

        def middle(slot: Slot) -> float:
            places = [position[id(other)] for other in joined(slot)]
            return sum(places) / len(places) if places else own[id(slot)]

        column.sort(key=middle)

    for _ in range(_ROUNDS):
        for beside, column in pairwise(made):
            sort(column, beside, lambda slot: slot.before)
        for beside, column in pairwise(made[::-1]):
            sort(column, beside, lambda slot: slot.behind)


def rows(made: Sequence[Column], widths: Sequence[float], most: float) -> list[list[int]]:
    """Return the numbers of the columns in each row.

    Rows end behind a box through which everything passes, where the columns up to the next such
    box would make the row too wide.

    Parameters
    ----------
    made : sequence of list of Slot
    widths : sequence of float
        Of the columns.
    most : float
        Width of a row; wider only where it cannot be broken.

    Examples
    --------
    >>> chain = columns([[], [0], [1], [2]])
    >>> rows(chain, [10, 10, 10, 10], 20)
    [[0, 1], [2, 3]]
    """
    parts: list[list[int]] = []
    for number in range(len(made)):
        # Several inputs of a network share its first column.
        if number == 0 or len(made[number - 1]) == 1:
            parts.append([])
        parts[-1].append(number)
    lines: list[list[int]] = [[]]
    for part in parts:
        used = sum(widths[k] for k in lines[-1])
        if lines[-1] and used + sum(widths[k] for k in part) > most:
            lines.append([])
        lines[-1] += part
    return lines
