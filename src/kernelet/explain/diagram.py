"""A network as a drawing: boxes as large as its maps, from left to right."""

from __future__ import annotations

import math

import msgspec

from kernelet.data.listing import visible
from kernelet.errors import UsageError
from kernelet.explain.charts import shortened
from kernelet.explain.diagram_layout import Column, Slot, columns, rows
from kernelet.explain.diagram_stages import Stage, stages
from kernelet.explain.summary import Summary, summarize
from kernelet.explain.svg import Drawing
from kernelet.model.base import Model
from kernelet.program import Shape

_WIDTH = 960.0
_NARROWEST = 240.0
# Sides in pixels: of the largest map, the least that can be seen, and of what rows of numbers are.
_LARGEST, _SMALLEST, _ROW = 92.0, 7.0, 9.0
# Maps recede by this share of their width, up and to the right.
_RECEDING = 0.32
_SIZE, _LINE = 11.0, 14.0
_ADVANCE, _BOLD_ADVANCE = 0.56, 0.6
_LONGEST_NOTE = 24
_GAP, _MARGIN, _TOP, _PASSAGE = 30.0, 14.0, 76.0, 22.0
_COLOURS = {
    "input": "done",
    "convolution": "new",
    "pooling": "seen",
    "dense": "absent",
    "other": "paper",
}


class Diagram(msgspec.Struct, frozen=True):
    """A network as boxes.

    Attributes
    ----------
    summary : Summary
        Of the model.
    stages : tuple of Stage
        The boxes: a layer each, with those behind it that leave the size of its maps.
    """

    summary: Summary
    stages: tuple[Stage, ...]

    def to_svg(self, width: float = _WIDTH) -> str:
        """Return the drawing.

        Parameters
        ----------
        width : float
            Of the drawing, in pixels; wider only where branches, which stay together, need it.

        Returns
        -------
        str
            The text of an SVG file, which loads nothing and follows the reader's choice of light
            or dark. Heights and depths of boxes follow height and width of maps, their widths
            the logarithm of the number of maps.

        Raises
        ------
        UsageError
            If the width is too small for any box.
        """
        if not width >= _NARROWEST:
            raise UsageError(f"width must be at least {_NARROWEST:.0f} pixels, not {width!r}.")
        return _Sheet(self, width).drawing.to_svg()

    def _repr_svg_(self) -> str:
        """Show the drawing in notebooks."""
        return self.to_svg()


def diagram(model: Model) -> Diagram:
    """Draw a network: its layers with the sizes of their maps.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Diagram
        Shows itself in notebooks; `to_svg` returns the text of a file.

    Raises
    ------
    UsageError
        If the input shape of the model is not known yet.

    Examples
    --------
    >>> from kernelet.networks import lenet5
    >>> drawn = diagram(lenet5())
    >>> [stage.name for stage in drawn.stages if stage.kind == "pooling"]
    ['pool1', 'pool2']
    >>> ">10×10×16</text>" in drawn.to_svg()
    True
    """
    summary = summarize(model, forecast=False)
    return Diagram(summary, tuple(stages(model.graph, summary.layers)))


class _Box(msgspec.Struct, frozen=True):
    """Sides of a box in pixels, and the lines below it."""

    width: float
    height: float
    receding: float
    lines: tuple[str, ...]

    @property
    def across(self) -> float:
        texts = [len(line) * _SIZE * _ADVANCE for line in self.lines[1:]]
        return max(self.width + self.receding, len(self.lines[0]) * _SIZE * _BOLD_ADVANCE, *texts)


def _box(stage: Stage, scale: float) -> _Box:
    lines = [visible(stage.name), "×".join(map(str, stage.shape)), stage.notes[0]]
    for note in stage.notes[1:]:
        if len(lines) > 3 and len(lines[-1]) + len(note) + 2 <= _LONGEST_NOTE:
            lines[-1] += f", {note}"
        else:
            lines.append(note)
    if len(stage.shape) == 1:
        height = min(_LARGEST, 12 + 8 * math.log2(stage.shape[0]))
        return _Box(_ROW, height, 0, tuple(lines))
    tall, wide = _sides(stage.shape)
    return _Box(
        width=4 + 4 * math.log2(1 + stage.shape[-1]),
        height=max(_SMALLEST, tall * scale),
        receding=_RECEDING * max(_SMALLEST, wide * scale) if wide else 0,
        lines=tuple(lines),
    )


def _sides(shape: Shape) -> tuple[int, int]:
    """Return height and width of maps; of sequences the length, and nothing."""
    return (shape[0], 0) if len(shape) == 2 else (shape[-3], shape[-2])


class _Sheet:
    """The paper with the network on it."""

    def __init__(self, of: Diagram, most: float) -> None:
        self.of = of
        sides = [side for one in of.stages if len(one.shape) > 1 for side in _sides(one.shape)]
        scale = _LARGEST / max(sides, default=1)
        self.boxes = [_box(stage, scale) for stage in of.stages]
        self.columns = columns([stage.reads for stage in of.stages])
        self.widths = [max(self._slot(slot, "across") for slot in c) + _GAP for c in self.columns]
        self.places: dict[int, tuple[float, float]] = {}
        self.lefts: list[float] = []
        self.rows = rows(self.columns, self.widths, most - 2 * _MARGIN)
        self.bottoms: list[float] = []
        bottom = self._place_rows()
        width = max(sum(self.widths[k] for k in row) for row in self.rows)
        self.drawing = Drawing(
            max(width, _NARROWEST) + 2 * _MARGIN, bottom + 30, visible(of.summary.name)
        )
        self._heading()
        self._connect()
        for slot in (slot for column in self.columns for slot in column):
            if slot.stage is not None:
                self._draw(slot.stage, *self.places[id(slot)])
        self._legend(bottom + 12)

    def _slot(self, slot: Slot, attribute: str) -> float:
        return 0.0 if slot.stage is None else float(getattr(self.boxes[slot.stage], attribute))

    def _heading(self) -> None:
        summary, room = self.of.summary, self.drawing.width - 2 * _MARGIN
        name = shortened(summary.name, room, 15 * _BOLD_ADVANCE / _ADVANCE)
        self.drawing.text(_MARGIN, 20, name, size=15, bold=True)
        counts = (
            f"{summary.parameters:,} parameters",
            f"{summary.multiply_adds:,} multiply-adds a sample",
        )
        for line, text in enumerate(counts):
            self.drawing.text(_MARGIN, 39 + line * _LINE, text, size=_SIZE, fill="faint")

    # -- places ------------------------------------------------------------------------------------

    def _place_rows(self) -> float:
        """Give every slot its place; return where the last row ends."""
        self.lefts = [0.0] * len(self.columns)
        top = _TOP
        for row in self.rows:
            boxes = [
                self.boxes[s.stage] for k in row for s in self.columns[k] if s.stage is not None
            ]
            above = max(box.height / 2 + box.receding for box in boxes)
            below = max(box.height / 2 + _LINE * len(box.lines) for box in boxes) + 16
            tallest = max(_column_height(self.columns[k], above + below) for k in row)
            left = _MARGIN
            for k in row:
                self.lefts[k] = left
                height = _column_height(self.columns[k], above + below)
                self._place_column(k, top + (tallest - height) / 2, above, below)
                left += self.widths[k]
            top += tallest
            self.bottoms.append(top)
            top += 18
        return top - 18

    def _place_column(self, number: int, top: float, above: float, below: float) -> None:
        middle = self.lefts[number] + (self.widths[number] - _GAP) / 2
        for slot in self.columns[number]:
            down = _PASSAGE / 2 if slot.stage is None else above
            self.places[id(slot)] = (middle, top + down)
            top += _PASSAGE if slot.stage is None else above + below

    # -- drawing -----------------------------------------------------------------------------------

    def _connect(self) -> None:
        row_of = {k: number for number, row in enumerate(self.rows) for k in row}
        for column in self.columns:
            for slot in column:
                for behind in slot.behind:
                    if row_of[slot.column] == row_of[behind.column]:
                        self._beside(slot, behind)
                    else:
                        self._below(slot, behind, self.bottoms[row_of[slot.column]])

    def _ends(self, slot: Slot) -> tuple[float, float, float]:
        """Return where connections reach a slot, where they leave it, and at what height."""
        x, y = self.places[id(slot)]
        if slot.stage is None:
            half = (self.widths[slot.column] - _GAP) / 2
            return x - half, x + half, y
        box = self.boxes[slot.stage]
        half = (box.width + box.receding) / 2
        return x - half, x + half, y

    def _beside(self, slot: Slot, behind: Slot) -> None:
        _, left, y0 = self._ends(slot)
        right, _, y1 = self._ends(behind)
        edges = (self.lefts[behind.column] - _GAP, self.lefts[behind.column])
        points = [(left, y0), (edges[0], y0), (edges[1], y1), (right, y1)]
        self.drawing.swing(points, stroke="faint", thickness=1.3)
        self._arrive(behind)

    def _below(self, slot: Slot, behind: Slot, bottom: float) -> None:
        _, left, y0 = self._ends(slot)
        right, _, y1 = self._ends(behind)
        turn = self.lefts[slot.column] + self.widths[slot.column] - _GAP / 2
        points = [(left, y0), (turn, y0), (turn, bottom + 6), (5.0, bottom + 6), (5.0, y1)]
        self.drawing.curve([*points, (right, y1)], stroke="faint", thickness=1.3)
        self._arrive(behind)

    def _arrive(self, slot: Slot) -> None:
        """End a connection with an arrow, or lead it through a gap."""
        x, end, y = self._ends(slot)
        if slot.stage is None:
            self.drawing.curve([(x, y), (end, y)], stroke="faint", thickness=1.3)
        else:
            self.drawing.polygon([(x, y), (x - 7, y - 3.5), (x - 7, y + 3.5)], fill="faint")

    def _draw(self, number: int, x: float, y: float) -> None:
        stage, box = self.of.stages[number], self.boxes[number]
        fill = _COLOURS[stage.kind]
        left, top = x - (box.width + box.receding) / 2, y - box.height / 2
        right, bottom, back = left + box.width, top + box.height, box.receding
        with self.drawing.tooltip(stage.description):
            if back:
                upper = [(left, top), (left + back, top - back), (right + back, top - back)]
                side = [(right, top), (right + back, top - back), (right + back, bottom - back)]
                for face in ([*upper, (right, top)], [*side, (right, bottom)]):
                    self.drawing.polygon(face, fill="paper")
                    self.drawing.polygon(face, fill=fill, stroke="ink", opacity=0.55)
            self.drawing.rectangle(left, top, box.width, box.height, fill=fill, stroke="ink")
            for line, text in enumerate(box.lines):
                self.drawing.text(
                    x,
                    bottom + 14 + line * _LINE,
                    text,
                    size=_SIZE,
                    anchor="middle",
                    bold=line == 0,
                    fill="ink" if line < 2 else "faint",
                )

    def _legend(self, y: float) -> None:
        x = _MARGIN
        present = {stage.kind for stage in self.of.stages}
        for kind, fill in _COLOURS.items():
            if kind in present:
                self.drawing.rectangle(x, y - 5, 10, 10, fill=fill, stroke="ink")
                self.drawing.text(x + 14, y, kind, size=_SIZE, fill="faint")
                x += 22 + len(kind) * _SIZE * _ADVANCE


def _column_height(column: Column, box: float) -> float:
    return sum(_PASSAGE if slot.stage is None else box for slot in column)
