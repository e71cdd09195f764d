"""Charts: curves, shares with their uncertainty, tables of counts as shades.

They are as wide as a phone's page, so that their texts keep their size there; pages put them side
by side where there is room.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.listing import visible
from kernelet.explain.numbers import number_text
from kernelet.explain.svg import Anchor, Drawing

#: Width of a chart, in pixels.
WIDTH = 336.0

_SIZE = 11.0
_TITLE_SIZE = 13.0
# Mean width of a character of the widest sans font named in svg.py, in sizes; texts are cut, never
# measured.
_ADVANCE = 0.62
_BOLD_ADVANCE = 0.64
# More points than pixels only make files large.
_MOST_POINTS = 400
_STROKES = (("first", 0.0), ("second", 6.0), ("third", 2.0))


class Bar(msgspec.Struct, frozen=True):
    """One row of a bar chart.

    Attributes
    ----------
    label : str
    value : float or None
        Share, 0 to 1; None where there is nothing to measure.
    interval : (float, float) or None
        Ends of its uncertainty.
    note : str
        Written at the end of the row.
    """

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    note: str = ""


def shortened(text: str, width: float, size: float = _SIZE) -> str:
    """Return a name without invisible characters, cut to about a width in pixels.

    Examples
    --------
    >>> shortened("a rather long name", 60)
    'a rathe…'
    """
    text = visible(text)
    most = max(1, int(width / (size * _ADVANCE)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most `most` round numbers from `low` to `high`, equally far apart.

    Examples
    --------
    >>> ticks(0, 0.93), ticks(3, 3)
    ([0.0, 0.2, 0.4, 0.6, 0.8], [3.0])
    """
    if not high > low:
        return [float(low)]
    raw = (high - low) / most
    unit = 10.0 ** math.floor(math.log10(raw))
    for factor in (1, 2, 5, 10, 20):
        step = factor * unit
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [round(number * step, 12) for number in range(first, last + 1)]


def line_chart(
    curves: Mapping[str, Sequence[float]],
    title: str,
    x_label: str,
    *,
    x: Sequence[float] | None = None,
    limits: tuple[float, float] | None = None,
    percent: bool = False,
    mark: tuple[float, str] | None = None,
    height: float = 220,
) -> Drawing:
    """Draw up to three curves over one axis.

    Parameters
    ----------
    curves : mapping of str to sequence of float
        Heights by name, a number for each place; a curve has gaps where they are not finite.
    title, x_label : str
        What is drawn, and over what.
    x : sequence of float, optional
        The places, rising; by default 1, 2, …. Of more than 400, that many are drawn.
    limits : (float, float), optional
        Ends of the vertical axis; by default those of the numbers, with 0 where it is near.
    percent : bool
        Whether heights are shares, written in per cent.
    mark : (float, str), optional
        A place to mark by a vertical line, and what it is called.
    height : float
        Of the drawing, in pixels.

    Examples
    --------
    >>> chart = line_chart({"training": [2.0, 1.0, 0.5]}, "loss", "epoch")
    >>> chart.to_svg().count("<polyline") > 0
    True
    """
    length = max(map(len, curves.values()))
    places = list(range(1, length + 1)) if x is None else list(x)
    if length > _MOST_POINTS:
        kept = np.linspace(0, length - 1, _MOST_POINTS).round().astype(int).tolist()
        places = [places[k] for k in kept]
        curves = {name: [values[k] for k in kept] for name, values in curves.items()}
    known = [value for values in curves.values() for value in values if math.isfinite(value)]
    bottom, top = limits or _limits(known)
    frame = _Frame(title, height, (places[0], places[-1]), (bottom, top), percent=percent)
    frame.axes(x_label, whole=all(float(place).is_integer() for place in places))
    if mark is not None:
        frame.mark(*mark)
    for (_, values), (stroke, dash) in zip(curves.items(), _STROKES, strict=False):
        frame.curve(places, values, stroke, dash)
    frame.legend(list(curves))
    return frame.drawing


def _limits(known: Sequence[float]) -> tuple[float, float]:
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if low >= 0 and low < high:
        low = 0.0 if low < 0.5 * high else low
    if low == high:
        return (low - 0.5, low + 0.5) if low else (0.0, 1.0)
    return low, high


class _Frame:
    """Axes of a line chart, and the way from numbers to pixels."""

    def __init__(
        self,
        title: str,
        height: float,
        across: tuple[float, float],
        up: tuple[float, float],
        *,
        percent: bool,
    ) -> None:
        self.drawing = Drawing(WIDTH, height, title)
        self.left, self.right, self.top, self.bottom = 46.0, WIDTH - 10, 50.0, height - 36
        self.across, self.up, self.percent = across, up, percent
        self.drawing.text(0, 10, title, size=_TITLE_SIZE, bold=True)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a pair of numbers lies on the paper."""
        (low, high), (bottom, top) = self.across, self.up
        share = (x - low) / (high - low) if high > low else 0.5
        rise = (min(max(y, bottom), top) - bottom) / (top - bottom)
        return (
            self.left + share * (self.right - self.left),
            self.bottom - rise * (self.bottom - self.top),
        )

    def axes(self, x_label: str, *, whole: bool) -> None:
        for value in ticks(*self.up, most=6):
            _, y = self.place(self.across[0], value)
            self.drawing.curve([(self.left, y), (self.right, y)], stroke="line")
            text = f"{number_text(round(100 * value, 6))} %" if self.percent else number_text(value)
            self.drawing.text(self.left - 5, y, text, size=_SIZE, fill="faint", anchor="end")
        for value in ticks(*self.across, most=6):
            if whole and not value.is_integer():
                continue
            x, _ = self.place(value, self.up[0])
            self.drawing.curve([(x, self.bottom), (x, self.bottom + 4)], stroke="faint")
            text = number_text(value)
            # The last number stays on the paper.
            middle = min(x, self.drawing.width - len(text) * _SIZE * _ADVANCE / 2 - 1)
            y = self.bottom + 13
            self.drawing.text(middle, y, text, size=_SIZE, fill="faint", anchor="middle")
        self.drawing.curve([(self.left, self.bottom), (self.right, self.bottom)], stroke="faint")
        middle = (self.left + self.right) / 2
        self.drawing.text(
            middle, self.bottom + 28, x_label, size=_SIZE, fill="faint", anchor="middle"
        )

    def mark(self, place: float, name: str) -> None:
        x, _ = self.place(place, self.up[0])
        self.drawing.curve([(x, self.top), (x, self.bottom)], stroke="mark", dash=3)
        anchors: tuple[Anchor, ...] = ("start", "middle", "end")
        anchor = anchors[round(2 * (x - self.left) / (self.right - self.left))]
        self.drawing.text(x, self.top - 8, name, size=_SIZE, fill="mark", anchor=anchor)

    def curve(
        self, places: Sequence[float], values: Sequence[float], stroke: str, dash: float
    ) -> None:
        part: list[tuple[float, float]] = []
        for x, y in [*zip(places, values, strict=False), (math.nan, math.nan)]:
            if math.isfinite(y):
                part.append(self.place(x, y))
            elif len(part) == 1:
                self.drawing.circle(*part.pop(), 2.5, fill=stroke)
            elif part:
                self.drawing.curve(part, stroke=stroke, thickness=2, dash=dash)
                part = []

    def legend(self, names: Sequence[str]) -> None:
        if len(names) < 2:
            return
        room = (self.right - self.left) / len(names)
        for number, (name, (stroke, dash)) in enumerate(zip(names, _STROKES, strict=False)):
            x = self.left + number * room
            self.drawing.curve([(x, 28), (x + 18, 28)], stroke=stroke, thickness=2, dash=dash)
            self.drawing.text(x + 23, 28, shortened(name, room - 26), size=_SIZE, fill="faint")


def bar_chart(bars: Sequence[Bar], title: str, *, label_width: float = 96) -> Drawing:
    """Draw shares as horizontal bars, with their uncertainty as a line over each end.

    Examples
    --------
    >>> chart = bar_chart([Bar("bag", 0.98, (0.96, 0.99), "490 of 500")], "recall")
    >>> "490 of 500" in chart.to_svg()
    True
    """
    notes = max((len(bar.note) for bar in bars), default=0)
    left, right = label_width, WIDTH - notes * _SIZE * _ADVANCE - 10
    drawing = Drawing(WIDTH, 44 + 20 * len(bars), title)
    drawing.text(0, 10, title, size=_TITLE_SIZE, bold=True)
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = left + share * (right - left)
        drawing.curve([(x, 36), (x, 40 + 20 * len(bars))], stroke="line")
        if share in (0, 0.5, 1):
            text = f"{100 * share:.0f} %"
            drawing.text(x, 28, text, size=_SIZE, fill="faint", anchor="middle")
    for row, bar in enumerate(bars):
        y = 50 + 20 * row
        label = shortened(bar.label, left - 6)
        drawing.text(left - 6, y, label, size=_SIZE, anchor="end")
        if bar.value is not None:
            _bar(drawing, bar.value, bar.interval, left, right - left, y)
        drawing.text(WIDTH, y, bar.note, size=_SIZE, fill="faint", anchor="end")
    return drawing


def _bar(
    drawing: Drawing,
    value: float,
    interval: tuple[float, float] | None,
    left: float,
    length: float,
    y: float,
) -> None:
    drawing.rectangle(left, y - 6, max(0.5, value * length), 12, fill="new")
    if interval is None:
        return
    low, high = (left + share * length for share in interval)
    drawing.curve([(low, y), (high, y)], stroke="ink", thickness=1.5)
    for x in (low, high):
        drawing.curve([(x, y - 4), (x, y + 4)], stroke="ink", thickness=1.5)


def heat_map(
    shades: NDArray[Any],
    texts: Sequence[Sequence[str]],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    marked: Sequence[tuple[int, int]] = (),
) -> Drawing:
    """Draw a table of short texts, a shade behind each.

    Parameters
    ----------
    shades : ndarray of float, shape (rows, columns)
        From 0, none, to 1; at most some twenty each way, for the texts to be readable.
    texts : sequence of sequence of str
        One a shade.
    rows, columns : sequence of str
        Their names, from outside the program or not.
    title : str
        What is drawn.
    marked : sequence of (int, int)
        Rows and columns of cells with another border.

    Examples
    --------
    >>> chart = heat_map(np.eye(2), [["yes", ""], ["", "yes"]], ["a", "b"], ["a", "b"], "equal")
    >>> chart.to_svg().count("yes")
    2
    """
    across, along = (
        min(90.0, 8 + max(len(visible(name)) for name in names) * _SIZE * _ADVANCE)
        for names in (rows, columns)
    )
    widest = max(len(text) for line in texts for text in line)
    cell = min(36.0, max(14.0, (WIDTH - across - 1) / len(columns)))
    size = min(_SIZE, (cell - 3) / (max(1, widest) * 0.62))
    turned = along > cell
    top = 24 + (along if turned else 1.5 * _SIZE)
    width = max(across + cell * len(columns), len(title) * _TITLE_SIZE * _BOLD_ADVANCE)
    drawing = Drawing(width + 1, top + cell * len(rows) + 1, title)
    drawing.text(0, 10, title, size=_TITLE_SIZE, bold=True)
    for k, name in enumerate(columns):
        x = across + (k + 0.5) * cell
        if turned:
            drawing.text(x, top - 5, shortened(name, along - 5), size=_SIZE, turned=True)
        else:
            drawing.text(x, top - 0.8 * _SIZE, visible(name), size=_SIZE, anchor="middle")
    for row, name in enumerate(rows):
        y = top + row * cell
        label = shortened(name, across - 5)
        drawing.text(across - 5, y + cell / 2, label, size=_SIZE, anchor="end")
        for column, text in enumerate(texts[row]):
            x = across + column * cell
            shade = float(shades[row, column])
            drawing.rectangle(x, y, cell, cell, fill="new", stroke="line", opacity=shade)
            drawing.text(x + cell / 2, y + cell / 2, text, size=size, anchor="middle")
    for row, column in marked:
        x, y = across + column * cell, top + row * cell
        drawing.rectangle(x, y, cell, cell, stroke="mark", thickness=1.5)
    return drawing


def confusion_chart(counts: NDArray[np.int64], names: Sequence[str], title: str) -> Drawing:
    """Draw a confusion matrix: true classes down, predicted ones across.

    Parameters
    ----------
    counts : ndarray of int64, shape (classes, classes)
        Pictures by true class (row) and predicted class (column).
    names : sequence of str
        Of the classes.
    title : str
        What is drawn.

    Examples
    --------
    >>> chart = confusion_chart(np.array([[9, 1], [0, 8]]), ["cat", "dog"], "confusion")
    >>> [f">{count}<" in chart.to_svg() for count in (9, 1, 0, 8)]
    [True, True, False, True]
    """
    # A few mistakes must show too: shades follow the root of the share of the row.
    shades = np.sqrt(counts / np.maximum(1, counts.sum(axis=1, keepdims=True)))
    texts = [[f"{count}" if count else "" for count in row] for row in counts.tolist()]
    right = [(k, k) for k in range(len(names))]
    return heat_map(shades, texts, names, names, title, right)
