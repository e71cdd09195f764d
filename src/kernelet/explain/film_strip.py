"""The film strip of a sliding window: one frame a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.explain.numbers import number_text
from kernelet.explain.svg import MONO_ADVANCE, Drawing

if TYPE_CHECKING:
    from kernelet.explain.sliding_window import SlidingWindow, Step

#: Most cells drawn in one strip, about 10 MB of SVG.
MAXIMUM_CELLS = 50_000

_MARGIN = 20.0
_GAP = 28.0
_FIGURE = 14.0
_SMALL = 10.0
_LINE = 17.0
_HEADING = 24.0
_LEGEND = 24.0
# A strip no wider than this is read without scrolling on most screens.
_WIDTH = 1600.0


def film_strip(
    shown: SlidingWindow, steps: Sequence[int] | None = None, columns: int | None = None
) -> str:
    """Draw a sliding window; see `kernelet.explain.sliding_window.SlidingWindow.to_svg`."""
    chosen = _chosen(shown, steps)
    strip = _Strip(shown)
    if columns is not None and columns < 1:
        raise UsageError(f"columns must be at least 1, not {columns}.")
    return strip.draw(chosen, columns)


def _chosen(shown: SlidingWindow, steps: Sequence[int] | None) -> list[int]:
    """Return the indices of the steps to draw, all from 0 on."""
    count = len(shown.steps)
    chosen = list(range(count) if steps is None else steps)
    outside = [index for index in chosen if not -count <= index < count]
    if outside or not chosen:
        named = f"there is no step {outside[0]}" if outside else "no step is named"
        raise UsageError(f"steps must be numbers from 0 to {count - 1}; {named}.")
    cells = len(chosen) * (_padded(shown).size + shown.result.size)
    if cells > MAXIMUM_CELLS:
        raise UsageError(
            f"A film strip of {len(chosen):,} steps would have {cells:,} cells;"
            f" at most {MAXIMUM_CELLS:,} are drawn.\n"
            "  Name fewer steps, such as steps=range(10), or take a smaller signal."
        )
    return [index % count for index in chosen]


def _padded(shown: SlidingWindow) -> NDArray[Any]:
    """Return the signal with its padding, NaN there, with two axes."""
    padding = [(one.before, one.after) for one in shown.placed]
    return np.atleast_2d(np.pad(shown.signal.astype(np.float64), padding, constant_values=np.nan))


def _grid(array: NDArray[Any]) -> list[list[str]]:
    return [
        ["0" if np.isnan(value) else number_text(value) for value in row]
        for row in np.atleast_2d(array).tolist()
    ]


class _Strip:
    """Sizes that all frames share, and the drawing of one."""

    def __init__(self, shown: SlidingWindow) -> None:
        self.shown = shown
        self.absent = np.isnan(_padded(shown))
        self.signal = _grid(_padded(shown))
        self.weights = _grid(shown.window)
        self.result = _grid(shown.result)
        self.equations = shown.equations()
        figures = [cell for grid in (self.signal, self.result) for row in grid for cell in row]
        widest = max(map(len, figures))
        # The weight stands below its value, in the corner.
        small = max(len(cell) for row in self.weights for cell in row)
        self.cell = max(
            36.0, widest * _FIGURE * MONO_ADVANCE + 12, (small + 1) * _SMALL * MONO_ADVANCE + 10
        )
        characters = max(len(line) for lines in self.equations for line in lines) + 2
        grids = (len(self.signal[0]) + len(self.result[0])) * self.cell + _GAP
        rows = max(len(self.signal), len(self.result))
        self.inner = max(grids, characters * 12 * MONO_ADVANCE)
        self.tall = rows * self.cell
        self.width = self.inner + 2 * 14
        self.height = _HEADING + self.tall + 12 + _LINE * len(self.weights) + 18

    def draw(self, chosen: Sequence[int], columns: int | None) -> str:
        fitting = max(1, int((_WIDTH - 2 * _MARGIN) // (self.width + 12)))
        across = columns or min(len(self.result[0]), fitting, len(chosen))
        down = -(-len(chosen) // across)
        top = _MARGIN + _HEADING + 2 * _LEGEND
        shown = self.shown
        title = f"{shown.operation}, {shown.mode}: {shown.arithmetic}"
        width = max(across * (self.width + 12) - 12, 760.0) + 2 * _MARGIN
        drawing = Drawing(width, top + down * (self.height + 12) + _MARGIN - 12, title)
        drawing.text(_MARGIN, _MARGIN + 8, _capital(title), size=16, bold=True)
        self._legend(drawing, _MARGIN + _HEADING + 10)
        for place, index in enumerate(chosen):
            row, column = divmod(place, across)
            self._frame(
                drawing, _MARGIN + column * (self.width + 12), top + row * (self.height + 12), index
            )
        return drawing.to_svg()

    def _legend(self, drawing: Drawing, y: float) -> None:
        x = _MARGIN
        entries = [
            ("seen", "mark", "under the window; its weight in the corner"),
            ("new", "line", "computed in this frame"),
            ("done", "line", "computed before"),
        ]
        if self.absent.any():
            entries.insert(1, ("absent", "line", "padding, a zero that is not in the signal"))
        for fill, stroke, meaning in entries:
            drawing.rectangle(x, y - 7, 14, 14, fill=fill, stroke=stroke)
            drawing.text(x + 20, y, meaning, size=12, fill="faint")
            x += 20 + 6.3 * len(meaning) + 16

    def _frame(self, drawing: Drawing, x: float, y: float, index: int) -> None:
        step = self.shown.steps[index]
        drawing.rectangle(x, y, self.width, self.height, stroke="line", radius=6)
        left, top = x + 14, y + _HEADING + 6
        cell = ", ".join(map(str, step.cell))
        drawing.text(left, y + 15, f"{index + 1} of {len(self.shown.steps)}", size=11, fill="faint")
        drawing.text(
            x + self.width - 14, y + 15, f"output [{cell}]", size=11, fill="faint", anchor="end"
        )
        self._signal(drawing, left, top + (self.tall - self.cell * len(self.signal)) / 2, step)
        right = x + self.width - 14 - self.cell * len(self.result[0])
        self._result(drawing, right, top + (self.tall - self.cell * len(self.result)) / 2, index)
        below = top + self.tall + 16
        for number, line in enumerate(self.equations[index]):
            text = f"{'+ ' if number else '  '}{line}"
            drawing.text(left, below + number * _LINE, text, size=12, font="mono")

    def _signal(self, drawing: Drawing, x: float, y: float, step: Step) -> None:
        rows, columns = len(self.weights), len(self.weights[0])
        first_row, first_column = (0, *step.cell)[-2:]
        for row, values in enumerate(self.signal):
            for column, value in enumerate(values):
                under = row - first_row, column - first_column
                seen = 0 <= under[0] < rows and 0 <= under[1] < columns
                absent = bool(self.absent[row, column])
                fill = "absent" if absent else "seen" if seen else None
                self._cell(drawing, x, y, (row, column), value, fill, faint=absent)
                if seen:
                    drawing.text(
                        x + (column + 1) * self.cell - 3,
                        y + (row + 1) * self.cell - 7,
                        f"×{self.weights[under[0]][under[1]]}",
                        size=_SMALL,
                        fill="mark",
                        anchor="end",
                        font="mono",
                    )
        drawing.rectangle(
            x + first_column * self.cell,
            y + first_row * self.cell,
            columns * self.cell,
            rows * self.cell,
            stroke="mark",
            thickness=2.5,
        )

    def _result(self, drawing: Drawing, x: float, y: float, index: int) -> None:
        width = len(self.result[0])
        for place in range(len(self.result) * width):
            row, column = divmod(place, width)
            value = self.result[row][column] if place <= index else ""
            fill = "new" if place == index else "done" if place < index else None
            self._cell(drawing, x, y, (row, column), value, fill, bold=place == index)

    def _cell(
        self,
        drawing: Drawing,
        x: float,
        y: float,
        place: tuple[int, int],
        value: str,
        fill: str | None,
        *,
        faint: bool = False,
        bold: bool = False,
    ) -> None:
        left, top = x + place[1] * self.cell, y + place[0] * self.cell
        drawing.rectangle(left, top, self.cell, self.cell, fill=fill, stroke="line")
        if value:
            drawing.text(
                left + self.cell / 2,
                top + self.cell / 2 - 2,
                value,
                size=_FIGURE,
                fill="faint" if faint else "ink",
                anchor="middle",
                font="mono",
                bold=bold,
            )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
