"""Drawings as self-contained SVG that can be read on light and on dark paper.

Colours are named by what they stand for. The style sheet in each drawing gives them their values,
and others where the reader prefers dark; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from itertools import pairwise
from typing import Literal

#: Value on light and on dark paper, by what a colour stands for.
COLOURS = {
    "paper": ("#ffffff", "#14181f"),
    "ink": ("#1f2328", "#e6edf3"),
    "faint": ("#59636e", "#9aa5b1"),
    "line": ("#c9d1d9", "#3d444d"),
    "absent": ("#d5dae0", "#343b45"),
    "seen": ("#fff0b8", "#54430a"),
    "mark": ("#bc4c00", "#f0883e"),
    "done": ("#dceefb", "#10304f"),
    "new": ("#9fd0f5", "#1b5a92"),
    "first": ("#0550ae", "#79c0ff"),
    "second": ("#bc4c00", "#f0883e"),
    "third": ("#1a7f37", "#56d364"),
    "wrong": ("#cf222e", "#ff7b72"),
}

Anchor = Literal["start", "middle", "end"]

_SCOPE = "kernelet-drawing"
_FONTS = {
    "sans": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
    "mono": "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}

#: Width of a character of the fixed-width font, in sizes; none of those above is wider.
MONO_ADVANCE = 0.605


class Drawing:
    """A drawing under construction; coordinates in pixels, from the upper left corner.

    Parameters
    ----------
    width, height : float
        Size of the paper.
    title : str
        What is drawn, for those who hear it and for tooltips.

    Examples
    --------
    >>> drawing = Drawing(40, 20, "one square")
    >>> drawing.rectangle(2, 2, 16, 16, fill="seen", stroke="mark")
    >>> "<title>one square</title>" in drawing.to_svg()
    True
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width = width
        self.height = height
        self.title = title
        self._elements: list[str] = []
        self.rectangle(0, 0, width, height, fill="paper")

    def rectangle(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str | None = None,
        stroke: str | None = None,
        thickness: float = 1,
        radius: float = 0,
        opacity: float = 1,
    ) -> None:
        """Draw a rectangle; `fill` and `stroke` are names of `COLOURS`, `opacity` is the fill's."""
        classes = [f"f-{fill}" if fill else "hollow"] + ([f"s-{stroke}"] if stroke else [])
        shape = {"x": x, "y": y, "width": width, "height": height}
        if stroke and thickness != 1:
            shape["stroke-width"] = thickness
        if radius:
            shape["rx"] = radius
        if opacity != 1:
            shape["fill-opacity"] = opacity
        numbers = " ".join(f'{name}="{_number(value)}"' for name, value in shape.items())
        self._elements.append(f'<rect {numbers} class="{" ".join(classes)}"/>')

    def curve(
        self,
        points: Sequence[tuple[float, float]],
        *,
        stroke: str,
        thickness: float = 1,
        dash: float = 0,
    ) -> None:
        """Join points by straight lines, dashed where `dash` gives a length."""
        joined = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{_number(dash)}"' if dash else ""
        self._elements.append(
            f'<polyline points="{joined}" stroke-width="{_number(thickness)}"{dashes}'
            f' stroke-linejoin="round" class="hollow s-{stroke}"/>'
        )

    def polygon(
        self,
        points: Sequence[tuple[float, float]],
        *,
        fill: str,
        stroke: str | None = None,
        opacity: float = 1,
    ) -> None:
        """Fill what straight lines enclose."""
        joined = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        opaque = f' fill-opacity="{_number(opacity)}"' if opacity != 1 else ""
        line = f" s-{stroke}" if stroke else ""
        self._elements.append(
            f'<polygon points="{joined}"{opaque} stroke-linejoin="round" class="f-{fill}{line}"/>'
        )

    def swing(
        self, points: Sequence[tuple[float, float]], *, stroke: str, thickness: float = 1
    ) -> None:
        """Join points by a line that leaves and reaches each of them from left to right."""
        path = f"M{_number(points[0][0])},{_number(points[0][1])}"
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (x0 + x1) / 2
            bends = ((middle, y0), (middle, y1), (x1, y1))
            path += " C" + " ".join(f"{_number(x)},{_number(y)}" for x, y in bends)
        self._elements.append(
            f'<path d="{path}" stroke-width="{_number(thickness)}" class="hollow s-{stroke}"/>'
        )

    @contextmanager
    def tooltip(self, text: str) -> Iterator[None]:
        """Give what is drawn meanwhile a text that shows where a pointer rests on it."""
        self._elements.append(f"<g><title>{escape(text, quote=False)}</title>")
        yield
        self._elements.append("</g>")

    def circle(self, x: float, y: float, radius: float, *, fill: str) -> None:
        """Draw a disc."""
        centre = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
        self._elements.append(f'<circle {centre} class="f-{fill}"/>')

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: float = 14,
        fill: str = "ink",
        anchor: Anchor = "start",
        font: Literal["sans", "mono"] = "sans",
        bold: bool = False,
        turned: bool = False,
    ) -> None:
        """Write one line of text, its middle at height `y`; `turned`, upwards with it at `x`."""
        classes = f"f-{fill} {font}" + (" bold" if bold else "")
        if font == "mono":  # where spaces align something; SVG joins ordinary ones
            content = content.replace(" ", "\N{NO-BREAK SPACE}")
        # The middle of figures and capitals lies 0.35 sizes above the line of writing.
        left, line = (x + 0.35 * size, y) if turned else (x, y + 0.35 * size)
        turn = f' transform="rotate(-90 {_number(left)} {_number(line)})"' if turned else ""
        self._elements.append(
            f'<text x="{_number(left)}" y="{_number(line)}" font-size="{_number(size)}"{turn}'
            f' text-anchor="{anchor}" class="{classes}">{escape(content, quote=False)}</text>'
        )

    def to_svg(self) -> str:
        """Return the drawing as the text of an SVG file."""
        width, height = _number(self.width), _number(self.height)
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{_SCOPE}" role="img"'
            f' width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        )
        title = f"<title>{escape(self.title, quote=False)}</title>"
        style = f"<style>{_style()}</style>"
        return "\n".join((opening, title, style, *self._elements, "</svg>\n"))

    def __html__(self) -> str:
        """Return the drawing as a template that escapes texts may take it in."""
        return self.to_svg()


def _style() -> str:
    """Return a style sheet that touches nothing beside the drawing, also inside a web page."""
    fixed = [
        f".{_SCOPE} .hollow{{fill:none}}",
        f".{_SCOPE} .bold{{font-weight:600}}",
        *(f".{_SCOPE} .{name}{{font-family:{family}}}" for name, family in _FONTS.items()),
    ]
    light, dark = (
        "".join(
            f".{_SCOPE} .f-{name}{{fill:{values[scheme]}}}"
            f".{_SCOPE} .s-{name}{{stroke:{values[scheme]}}}"
            for name, values in COLOURS.items()
        )
        for scheme in (0, 1)
    )
    return f"{''.join(fixed)}{light}@media screen and (prefers-color-scheme:dark){{{dark}}}"


def _number(value: float) -> str:
    """Return a coordinate with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
