"""Plain text: what may be shown of a foreign name, and numbers as people read them."""

from __future__ import annotations

from kernelet.text import inert

__all__ = ["duration", "inert", "inert_lines", "share"]


def inert_lines(text: str) -> str:
    """Apply `inert` to each line."""
    return "\n".join(map(inert, text.split("\n")))


def duration(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> duration(4.21), duration(127), duration(7260)
    ('4.2 s', '2 min 07 s', '2 h 01 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def share(value: float | None) -> str:
    """Return a share as a percentage, a dash where there is none.

    Examples
    --------
    >>> share(0.91234), share(None)
    ('91.2 %', '–')
    """
    return "–" if value is None else f"{100 * value:.1f} %"
