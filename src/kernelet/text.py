"""Quantities and tables as text."""

from __future__ import annotations

from collections.abc import Sequence

_TIMES = (("s", 1.0), ("ms", 1e3), ("µs", 1e6))


def inert(text: str) -> str:
    r"""Return text on one line that no terminal takes for a command.

    Control characters, invisible ones and those that turn the direction of writing are shown as
    escapes.

    Examples
    --------
    >>> inert("cat\x1b[2J.png")
    'cat\\x1b[2J.png'
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def byte_size(count: int) -> str:
    """Return a number of bytes with a binary unit.

    Examples
    --------
    >>> byte_size(0), byte_size(245_760), byte_size(3 * 2**30)
    ('0 bytes', '240.0 KiB', '3.0 GiB')
    """
    if count < 1024:
        return f"{count} bytes"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:,.1f} TiB"


def short_time(seconds: float) -> str:
    """Return a time in three digits, with the unit that leaves it at least 1.

    Examples
    --------
    >>> short_time(2.5e-6), short_time(0.0123), short_time(75.0)
    ('2.50 µs', '12.3 ms', '75.0 s')
    """
    unit, factor = next(
        (unit, factor) for unit, factor in _TIMES if seconds * factor >= 1 or unit == "µs"
    )
    value = seconds * factor
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {unit}"


def quantity(count: float) -> str:
    """Return a number in three digits, with the decimal prefix that leaves it at least 1.

    Examples
    --------
    >>> quantity(15_052_800), quantity(984), quantity(0), quantity(1.2e11)
    ('15.1 M', '984', '0', '120 G')
    """
    for prefix, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        # 999.5 of one unit round to 1000, which is 1 of the next.
        if count >= 0.9995 * factor:
            return f"{_three_digits(count / factor)} {prefix}"
    return _three_digits(count) if count % 1 else f"{count:.0f}"


def _three_digits(value: float) -> str:
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:,.{digits}f}"


def table(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), gap: int = 2) -> str:
    """Align columns.

    Parameters
    ----------
    rows : sequence of sequences of str
        All of one length; the first are the headings.
    left : sequence of int
        Columns written flush left; the others stand flush right.
    gap : int
        Blanks between columns.

    Examples
    --------
    >>> print(table([("class", "recall"), ("bag", "98.0 %")]))
    class  recall
    bag    98.0 %
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)
