"""Single photos at their full depth and with their transparency; PNG files of them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from kernelet.data.decoding import decoding_warnings, is_grey, open_picture, reason, turn_upright
from kernelet.data.listing import MAXIMUM_FILE_BYTES, quoted
from kernelet.data.values import to_uint8
from kernelet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


# Pillow reads 16-bit colour as its high bytes. For these forms of PNG, its two ways of unpacking
# give the high and the low bytes, from which the values are put together.
_DEEP_COLOUR = {
    "RGB;16B": "RGB;16L",
    "RGBA;16B": "RGBA;16L",
}
# Grey with transparency takes four bytes a pixel, which unpack as if they were four channels.
_DEEP_GREY = "LA;16B"

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


class Photo(msgspec.Struct, frozen=True, eq=False):
    """One picture.

    Attributes
    ----------
    pixels : ndarray of uint8 or uint16, shape (height, width, channels)
        One channel (grey) or three (red, green, blue).
    alpha : ndarray of the same type, shape (height, width), or None
        Opacity, 0 where nothing is seen.
    profile : bytes or None
        ICC profile that says which colours the numbers mean.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    profile: bytes | None = None

    @property
    def white(self) -> int:
        """The largest value that the type can hold."""
        return int(np.iinfo(self.pixels.dtype).max)


def read_photo(path: Path) -> Photo:
    """Read a picture as it is shown, its EXIF orientation applied, in its own size and depth.

    Parameters
    ----------
    path : Path
        JPEG, PNG, PPM, BMP, TIFF or WebP, by content.

    Returns
    -------
    Photo
        16-bit grey and 16-bit PNG keep their depth, everything else has 8 bits. Palettes become
        their colours; CMYK and other colour spaces become RGB.

    Raises
    ------
    DataError
        If the file cannot be read or is not such a picture.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "red.png"
    >>> Image.new("RGBA", (3, 2), (255, 0, 0, 128)).save(path)
    >>> photo = read_photo(path)
    >>> photo.pixels.shape, photo.pixels[0, 0].tolist(), int(photo.alpha[0, 0])
    ((2, 3, 3), [255, 0, 0], 128)
    """
    name = quoted(str(path))
    try:
        if path.is_file() and path.stat().st_size > MAXIMUM_FILE_BYTES:
            raise DataError(f"{name} is larger than {MAXIMUM_FILE_BYTES:,} bytes.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{name} does not exist; expected a picture.") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    try:
        with decoding_warnings():
            return _decode(data)
    except Exception as error:  # Pillow's decoders raise whatever they like
        raise DataError(f"{name} cannot be read: {reason(error)}.") from error


def encode_png(photo: Photo) -> bytes:
    """Return a photo as a PNG file, in its own depth.

    Examples
    --------
    >>> grey = np.array([[[0], [65535]]], np.uint16)
    >>> encode_png(Photo(grey))[1:4]
    b'PNG'
    """
    pixels = photo.pixels
    if photo.alpha is not None:
        pixels = np.dstack((pixels, photo.alpha))
    if pixels.dtype == np.uint16:
        return _encode_deep(pixels, photo.profile)
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    picture.save(file, "PNG", icc_profile=photo.profile)
    return file.getvalue()


def _decode(data: bytes) -> Photo:
    image = open_picture(io.BytesIO(data))
    form = _packing(image)
    if form in _DEEP_COLOUR or form == _DEEP_GREY:
        return _deep_png(data, form)
    # Numbers of another colour space mean nothing after the conversion to RGB.
    converted = image.mode in ("CMYK", "YCbCr", "LAB", "HSV")
    profile = None if converted else image.info.get("icc_profile")
    transparent = image.info.get("transparency")
    turn_upright(image)
    if image.mode.startswith("I"):
        pixels = np.asarray(image)
        if pixels.min() < 0 or pixels.max() > np.iinfo(np.uint16).max:
            raise DataError("grey values beyond 16 bits")
        return _photo(pixels.astype(np.uint16)[..., None], profile, transparent)
    if image.mode == "F":
        return Photo(to_uint8(np.asarray(image))[..., None], None, profile)
    return _photo(np.atleast_3d(np.asarray(_plain(image))), profile, None)


def _packing(image: Image.Image) -> str:
    """Return how a PNG lays out its pixels, in Pillow's terms; empty for other files."""
    if not isinstance(image, PngImageFile) or not image.tile:
        return ""
    return str(image.tile[0].args)


def _plain(image: Image.Image) -> Image.Image:
    """Convert any 8-bit form to one of L, LA, RGB, RGBA."""
    clear = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if image.mode == "La":  # Pillow converts it to nothing but its own straight form
        image = image.convert("LA")
    mode = ("L" if is_grey(image) else "RGB") + ("A" if clear else "")
    if mode == "LA" and image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)


def _photo(pixels: NDArray[Any], profile: bytes | None, transparent: Any) -> Photo:
    """Take the last of two or four channels as opacity, or one value as the invisible one."""
    channels = pixels.shape[2]
    if channels in (2, 4):
        return Photo(pixels[..., :-1], pixels[..., -1], profile)
    if transparent is None:
        return Photo(pixels, None, profile)
    white = np.iinfo(pixels.dtype).max
    alpha = np.where((pixels == transparent).all(axis=2), 0, white).astype(pixels.dtype)
    return Photo(pixels, alpha, profile)


def _deep_png(data: bytes, form: str) -> Photo:
    """Read 16-bit colour, or 16-bit grey with transparency."""
    if form == _DEEP_GREY:
        image = _unpacked(data, "RGBA")
        halves = np.asarray(image).astype(np.uint16)
        pixels = halves[..., 0::2] << 8 | halves[..., 1::2]
    else:
        image = _unpacked(data, form)
        high = np.asarray(image).astype(np.uint16)
        pixels = high << 8 | np.asarray(_unpacked(data, _DEEP_COLOUR[form]))
    return _photo(pixels, image.info.get("icc_profile"), image.info.get("transparency"))


def _unpacked(data: bytes, form: str) -> Image.Image:
    image = open_picture(io.BytesIO(data))
    assert isinstance(image, PngImageFile)
    image.tile = [part._replace(args=form) for part in image.tile]
    turn_upright(image)
    return image


def _encode_deep(pixels: NDArray[np.uint16], profile: bytes | None) -> bytes:
    """Return a 16-bit PNG, which Pillow writes for one channel only.

    W3C, "Portable Network Graphics (PNG) Specification", chapters 5, 9 and 11.
    """
    height, width, channels = pixels.shape
    stored = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    # Each byte as its difference from the pixel to the left (filter type 1), which packs well.
    rows = np.empty((height, 1 + stored.shape[1]), np.uint8)
    rows[:, 0] = 1
    rows[:, 1:] = stored
    rows[:, 1 + 2 * channels :] -= stored[:, : -2 * channels]
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    chunks += [(b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return _PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
