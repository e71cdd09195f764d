"""Where values lie: offsets in an arena, by the time between first write and last read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import msgspec

from kernelet.plan.candidate import round_up


class Lifetime(msgspec.Struct, frozen=True):
    """A value of ``size`` floats that is needed from moment ``first`` to moment ``last``."""

    key: Hashable
    size: int
    first: int
    last: int


class Layout(msgspec.Struct, frozen=True):
    """Offsets in floats, by key, and the size of the arena."""

    offsets: dict[Hashable, int]
    size: int


def pack(lifetimes: Iterable[Lifetime], alignment: int) -> Layout:
    """Place values so that those needed at the same moment do not overlap.

    The largest value is placed first, each at the lowest offset that is free throughout its
    lifetime; every offset is a multiple of ``alignment``.

    Examples
    --------
    >>> chain = [Lifetime("a", 16, 0, 1), Lifetime("b", 16, 1, 2), Lifetime("c", 16, 2, 3)]
    >>> layout = pack(chain, alignment=16)
    >>> layout.offsets, layout.size
    ({'a': 0, 'b': 16, 'c': 0}, 32)
    """
    placed: list[tuple[Lifetime, int]] = []
    for item in sorted(lifetimes, key=lambda item: (-item.size, item.first)):
        alive = sorted(
            (offset, offset + round_up(other.size, alignment))
            for other, offset in placed
            if other.first <= item.last and item.first <= other.last
        )
        place = 0
        for begin, end in alive:
            if place + item.size <= begin:
                break
            place = max(place, end)
        placed.append((item, place))
    size = max((o + round_up(item.size, alignment) for item, o in placed), default=0)
    return Layout({item.key: offset for item, offset in placed}, size)


class Stack:
    """An arena without reuse: each value lies behind the one before."""

    def __init__(self, alignment: int) -> None:
        self.alignment = alignment
        self.offsets: dict[Hashable, int] = {}
        self.size = 0

    def place(self, key: Hashable, size: int) -> int:
        """Return the offset of a value, placing it at the first call."""
        if key not in self.offsets:
            self.offsets[key] = self.size
            self.size += round_up(size, self.alignment)
        return self.offsets[key]
