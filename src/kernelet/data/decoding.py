"""One picture file to pixels: formats, colour forms, orientation, size."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from kernelet.data.sizing import Target, source_box
from kernelet.data.values import to_uint8
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: What is decoded, by content: an extension does not make a file anything else. MPO, the
#: container of phone cameras, is reached through JPEG.
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")

#: Largest picture decoded, in pixels; larger ones are refused from the header alone.
MAXIMUM_PIXELS = 89_478_485

_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
# Scaling in two steps, the first by whole factors down to twice the target, costs a fraction and
# changes little (Pillow: at 2.0 and above close to indistinguishable from one step).
_REDUCING_GAP = 2.0
_SIXTEEN_BIT_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})
# A palette may itself hold transparent colours.
_TRANSPARENT_MODES = frozenset({"LA", "La", "RGBA", "RGBa", "PA", "P"})
_GREY_MODES = frozenset({"1", "L", "LA", "La", "F"}) | _SIXTEEN_BIT_MODES


@contextmanager
def decoding_warnings() -> Iterator[None]:
    """Silence Pillow's remarks on damaged metadata while pictures are read.

    A picture too large is an error here (`open_picture`), so Pillow's warning says it twice.
    Filters are global to the process: enter once around all threads, not once a picture.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def open_picture(file: BinaryIO) -> Image.Image:
    """Open a picture by its header, decoding nothing.

    Raises
    ------
    DataError
        If there are more than `MAXIMUM_PIXELS`.
    Exception
        Whatever Pillow raises for files it cannot read; see `reason`.
    """
    image = Image.open(file, formats=FORMATS)
    if image.width * image.height > MAXIMUM_PIXELS:
        raise DataError(
            f"{image.width:,}×{image.height:,} pixels; at most {MAXIMUM_PIXELS:,} are decoded"
        )
    return image


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return ``(height, width)`` as the picture is shown, its EXIF orientation applied."""
    # Of TIFF alone, Pillow gives the upright size before decoding, and turns while decoding.
    if image.format != "TIFF" and orientation(image) in _SIDEWAYS:
        return image.width, image.height
    return image.height, image.width


def turn_upright(image: Image.Image) -> None:
    """Decode a picture and apply its EXIF orientation, in place."""
    image.load()
    if orientation(image) != 1:
        ImageOps.exif_transpose(image, in_place=True)


def is_grey(image: Image.Image) -> bool:
    """Whether the colour form holds grey values only; a palette counts by its colours."""
    if image.mode != "P":
        return image.mode in _GREY_MODES
    palette = image.getpalette() or []
    return palette[0::3] == palette[1::3] == palette[2::3]


def decode(image: Image.Image, target: Target) -> NDArray[np.uint8]:
    """Bring an opened picture to the target.

    Only the first frame counts; its orientation (EXIF) is applied. Scaling is bilinear over all
    pixels that contribute. Colour forms become RGB or grey so:

    ==========================  ==================================================================
    found                       result
    ==========================  ==================================================================
    1 bit                       0 and 255
    grey                        as it is; three equal channels in RGB
    RGB, CMYK, YCbCr, HSV, LAB  RGB; as grey, its luma 0.299 R + 0.587 G + 0.114 B (ITU-R 601)
    palette                     its colours
    transparent, of any form    laid over white
    16-bit grey                 value / 257, rounded
    16-bit colour               the high byte of each channel
    floating point              as `kernelet.data.values.to_uint8` says
    ==========================  ==================================================================

    Parameters
    ----------
    image : PIL.Image.Image
        From `open_picture`; large JPEG files are decoded at a fraction of their size.
    target : Target
        The shape to bring it to.

    Returns
    -------
    ndarray of uint8, shape (height, width, channels)
    """
    side = 2 * max(target.height, target.width)
    if min(image.size) >= 2 * side:
        image.draft(None, (side, side))
    turn_upright(image)
    flat = flatten(image, target.channels)
    if flat.size != (target.width, target.height):
        box = source_box(flat.width, flat.height, target)
        flat = flat.resize(
            (target.width, target.height),
            Image.Resampling.BILINEAR,
            box=box,
            reducing_gap=_REDUCING_GAP,
        )
    return np.asarray(flat).reshape(target.shape)


def reason(error: Exception) -> str:
    """Say in a few words why a picture could not be read."""
    if isinstance(error, UnidentifiedImageError):
        return f"not a picture of a kind that is read ({', '.join(FORMATS)})"
    if isinstance(error, Image.DecompressionBombError):
        return f"too many pixels; at most {MAXIMUM_PIXELS:,} are decoded"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1–8; 1 (upright) where EXIF is absent or damaged."""
    # Asked for EXIF it has not met yet, Pillow decodes a whole PNG to look behind the pixels.
    if image.format == "PNG" and not image.info.keys() & {"exif", "Raw profile type exif"}:
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged metadata says nothing about the pixels
        return 1
    return value if value in range(1, 9) else 1


def flatten(image: Image.Image, channels: int) -> Image.Image:
    """Convert any colour form to L or RGB without transparency."""
    mode = "L" if channels == 1 else "RGB"
    if image.mode in _SIXTEEN_BIT_MODES:
        image = Image.fromarray(to_uint8(np.asarray(image), sixteen_bit=True))
    elif image.mode == "F":
        image = Image.fromarray(to_uint8(np.asarray(image)))
    elif image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        image = _over_white(image)
    elif image.mode in ("CMYK", "YCbCr", "HSV", "LAB"):  # not all convert to L directly
        image = image.convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def _over_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":  # Pillow converts it to nothing but its own straight form
        image = image.convert("LA")
    picture = image if image.mode == "RGBA" else image.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white
