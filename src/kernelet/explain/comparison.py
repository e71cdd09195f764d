"""Pictures side by side with captions: what went in, the filter, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from kernelet.explain.numbers import number_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A picture is enlarged by whole factors while its longer side stays within the first, and scaled
#: down to the second.
SMALLEST, LARGEST = 320, 640

_PAPER = (255, 255, 255)
_INK = (31, 35, 40)
_FAINT = (89, 99, 110)
_LINE = (201, 209, 217)
_GAP = 48
_MARGIN = 24
_CAPTION = 16
_LEADING = 21
# Ends of the scale of signed numbers: below 0, above 0; white between. Told apart by those who see
# no difference between red and green.
_BELOW = np.array([33, 102, 172])
_ABOVE = np.array([178, 24, 43])
# The font that comes with Pillow draws boxes for these.
_DRAWABLE = str.maketrans({"×": "x", "−": "-", "–": "-", "→": ">"})


class Panel(msgspec.Struct, frozen=True):
    """One picture of a comparison.

    Attributes
    ----------
    picture : PIL.Image.Image
    caption : tuple of str
        Lines below it; the first stands out.
    sign : str
        Between this panel and the next, for example ``=``.
    """

    picture: Image.Image
    caption: tuple[str, ...]
    sign: str = ""


def side_by_side(rows: Sequence[Sequence[Panel]]) -> Image.Image:
    """Draw panels in rows on white paper.

    Parameters
    ----------
    rows : sequence of sequences of Panel

    Returns
    -------
    PIL.Image.Image

    Examples
    --------
    >>> panel = Panel(Image.new("RGB", (30, 20)), ("a", "b"))
    >>> side_by_side([[panel, panel]]).size
    (156, 118)
    """
    strips = [_strip(row) for row in rows]
    width = max(strip.width for strip in strips) + 2 * _MARGIN
    height = sum(strip.height + _MARGIN for strip in strips) + _MARGIN
    paper = Image.new("RGB", (width, height), _PAPER)
    top = _MARGIN
    for strip in strips:
        paper.paste(strip, (_MARGIN, top))
        top += strip.height + _MARGIN
    return paper


def scale_of(height: int, width: int) -> float:
    """Return by how much a picture is enlarged or reduced for the comparison.

    Examples
    --------
    >>> scale_of(32, 32), scale_of(400, 600), scale_of(1280, 1000)
    (10, 1, 0.5)
    """
    longer = max(height, width)
    return LARGEST / longer if longer > LARGEST else max(1, SMALLEST // longer)


def scaled(picture: Image.Image, scale: float) -> Image.Image:
    """Return a picture with cells that stay sharp when enlarged, and are averaged when reduced."""
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    way = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    return picture if size == picture.size else picture.resize(size, way)


def signed_picture(values: NDArray[Any], limit: float) -> Image.Image:
    """Return numbers as colours: blue below 0, white at 0, red above.

    Parameters
    ----------
    values : ndarray, shape (height, width)
    limit : float
        Absolute value of the full colours.

    Examples
    --------
    >>> signed_picture(np.array([[-2, 0, 2]]), 2).getpixel((1, 0))
    (255, 255, 255)
    """
    share = np.clip(np.asarray(values, np.float32) / (limit or 1), -1, 1)[..., None]
    ends = np.where(share < 0, _BELOW, _ABOVE)
    colours = 255 + (ends - 255) * np.abs(share)
    return Image.fromarray(np.floor(colours + 0.5).astype(np.uint8))


def filter_picture(weights: NDArray[Any]) -> Image.Image:
    """Return a filter enlarged, in signed colours, with its numbers where they fit.

    Parameters
    ----------
    weights : ndarray, shape (height, width) or (height, width, channels)
        Channels are drawn below one another.

    Examples
    --------
    >>> filter_picture(np.eye(3)).size
    (194, 194)
    """
    limit = float(np.abs(weights).max())
    if weights.ndim == 2:
        return framed(_window_picture(weights, limit, 192))
    slices = np.moveaxis(weights, 2, 0)
    names = ("red", "green", "blue") if len(slices) == 3 else [""] * len(slices)
    pictures = [framed(_window_picture(one, limit, 96)) for one in slices]
    height = sum(picture.height + _LEADING + 6 for picture in pictures)
    paper = Image.new("RGB", (max(picture.width for picture in pictures), height), _PAPER)
    pen, top = ImageDraw.Draw(paper), 0
    for name, picture in zip(names, pictures, strict=True):
        pen.text((0, top), name, _FAINT, _font(_CAPTION))
        paper.paste(picture, (0, top + _LEADING))
        top += picture.height + _LEADING + 6
    return paper


def framed(picture: Image.Image) -> Image.Image:
    """Return a picture with an edge, which white ones need on white paper."""
    return ImageOps.expand(picture, 1, _LINE)


def _window_picture(weights: NDArray[Any], limit: float, side: int) -> Image.Image:
    height, width = weights.shape
    cell = side // max(height, width)
    picture = signed_picture(weights, limit)
    if cell == 0:
        return scaled(picture, side / max(height, width))
    enlarged = scaled(picture, cell)
    if cell >= 6:
        pen = ImageDraw.Draw(enlarged)
        for x in range(cell, enlarged.width, cell):
            pen.line((x, 0, x, enlarged.height), _LINE)
        for y in range(cell, enlarged.height, cell):
            pen.line((0, y, enlarged.width, y), _LINE)
        _write_weights(pen, weights, limit, cell)
    return enlarged


def _write_weights(
    pen: ImageDraw.ImageDraw, weights: NDArray[Any], limit: float, cell: int
) -> None:
    """Write each weight into its cell, if all of them fit."""
    texts = [[_drawable(number_text(float(f"{w:.2g}"))) for w in row] for row in weights.tolist()]
    font = _font(min(15, cell // 2))
    if cell < 20 or max(font.getlength(text) for row in texts for text in row) > cell - 4:
        return
    for (i, j), weight in np.ndenumerate(weights):
        colour = _PAPER if abs(weight) > 0.6 * limit else _INK
        middle = (j + 0.5) * cell, (i + 0.5) * cell
        pen.text(middle, texts[i][j], colour, font, anchor="mm")


def _strip(row: Sequence[Panel]) -> Image.Image:
    """Draw one row of panels, pictures in the middle of its height, captions below."""
    widths = [max(panel.picture.width, _MARGIN) for panel in row]
    captions = [
        [line for text in panel.caption for line in _wrapped(_drawable(text), max(width, 240))]
        for panel, width in zip(row, widths, strict=True)
    ]
    columns = [
        max(width, *(round(_font(_CAPTION).getlength(line)) for line in lines), 0)
        for width, lines in zip(widths, captions, strict=True)
    ]
    tall = max(panel.picture.height for panel in row)
    below = max(map(len, captions)) * _LEADING
    size = sum(columns) + _GAP * (len(row) - 1), tall + 8 + below
    paper = Image.new("RGB", size, _PAPER)
    pen, x = ImageDraw.Draw(paper), 0
    for panel, column, lines in zip(row, columns, captions, strict=True):
        paper.paste(panel.picture, (x, (tall - panel.picture.height) // 2))
        for number, line in enumerate(lines):
            colour = _FAINT if number else _INK
            pen.text((x, tall + 8 + number * _LEADING), line, colour, _font(_CAPTION))
        x += column
        if panel.sign:
            pen.text((x + _GAP / 2, tall / 2), panel.sign, _FAINT, _font(28), anchor="mm")
        x += _GAP
    return paper


def _wrapped(text: str, width: float) -> list[str]:
    """Return a text in lines no wider than this, where words allow it."""
    font, lines = _font(_CAPTION), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _drawable(text: str) -> str:
    """Return a text in characters that the font has."""
    return text.translate(_DRAWABLE).encode("ascii", "replace").decode("ascii")


def _font(size: float) -> ImageFont.FreeTypeFont:
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))
