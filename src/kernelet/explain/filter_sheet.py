"""All filters of a layer on one sheet."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from kernelet.explain.comparison import framed, scaled, signed_picture

#: A filter is enlarged by a whole factor to at most this many pixels.
LARGEST_FILTER = 64

#: Sheets become no wider than this, where a filter's channels leave the choice.
WIDTH = 640

_PAPER, _FAINT = (255, 255, 255), (89, 99, 110)
_GAP, _MARGIN, _CAPTION = 6, 12, 15
# Room for a short caption below a single filter.
_CAPTION_WIDTH = 120


def filter_sheet(kernel: NDArray[Any], limit: float, caption: str = "") -> Image.Image:
    """Draw every filter of a layer.

    Parameters
    ----------
    kernel : ndarray, shape (rows, columns, channels, filters)
        Filters of three channels are drawn in colour, 0 as middle grey. All others are drawn
        blue below 0, white at 0 and red above; the channels of one filter stand in a row.
    limit : float
        Absolute value of the full colours.
    caption : str
        Written below.

    Returns
    -------
    PIL.Image.Image
        RGB; its size depends on the shape, and on whether there is a caption.

    Examples
    --------
    >>> filter_sheet(np.ones((5, 5, 1, 6)), 1.0).size
    (426, 86)
    """
    tiles = _tiles(kernel, limit)
    across = _columns(tiles[0].width, len(tiles), kernel.shape[2])
    down = math.ceil(len(tiles) / across)
    width, height = tiles[0].width + _GAP, tiles[0].height + _GAP
    wide = max(across * width - _GAP, _CAPTION_WIDTH if caption else 0)
    below = _CAPTION + _GAP if caption else 0
    paper = Image.new("RGB", (wide + 2 * _MARGIN, down * height - _GAP + 2 * _MARGIN + below))
    paper.paste(_PAPER, (0, 0, *paper.size))
    for place, tile in enumerate(tiles):
        row, column = divmod(place, across)
        paper.paste(tile, (_MARGIN + column * width, _MARGIN + row * height))
    if caption:
        line = paper.height - _MARGIN
        ImageDraw.Draw(paper).text((_MARGIN, line), caption, _FAINT, _font(), anchor="ls")
    return paper


def _tiles(kernel: NDArray[Any], limit: float) -> list[Image.Image]:
    """Return a picture of each filter, or of each of its channels."""
    if kernel.shape[2] == 3:
        shares = np.clip(np.moveaxis(kernel, 3, 0) / (limit or 1), -1, 1)
        pictures = list(map(Image.fromarray, np.round(127.5 + 127.5 * shares).astype(np.uint8)))
    else:
        slices = kernel.transpose(3, 2, 0, 1).reshape(-1, *kernel.shape[:2])
        pictures = [signed_picture(one, limit) for one in slices]
    scale = max(1, LARGEST_FILTER // max(kernel.shape[:2]))
    return [framed(scaled(picture, scale)) for picture in pictures]


def _columns(tile: int, tiles: int, channels: int) -> int:
    """Return how many tiles stand in a row."""
    if channels not in (1, 3):
        return channels
    fitting = max(1, (WIDTH - 2 * _MARGIN + _GAP) // (tile + _GAP))
    # As many rows as are needed, all about equally full.
    return math.ceil(tiles / math.ceil(tiles / fitting))


def _font() -> Any:
    return ImageFont.load_default(_CAPTION)
