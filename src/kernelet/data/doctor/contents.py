"""What a file is by its first and last bytes, whatever its name says."""

from __future__ import annotations

#: Formats that an extension promises, as Pillow names them. Pillow calls JPEG files that hold
#: several pictures, as phone cameras write them, MPO.
FORMATS_OF = {
    "jpg": ("JPEG", "MPO"),
    "jpeg": ("JPEG", "MPO"),
    "png": ("PNG",),
    "ppm": ("PPM",),
    "pgm": ("PPM",),
    "bmp": ("BMP",),
    "tif": ("TIFF",),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
}

# (offset, bytes, what it is); the registered signatures of the formats.
_SIGNATURES = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"GIF8", "GIF"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (8, b"WEBP", "WEBP"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (0, b"8BPS", "PSD"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "ZIP"),
    (0, b"\x1f\x8b", "GZIP"),
    (4, b"ftyp", "a video"),
)
_PICTURES = frozenset({"JPEG", "PNG", "GIF", "TIFF", "WEBP", "AVIF", "HEIC", "PSD"})
#: Bytes of a file that `signature` looks at.
HEAD_BYTES = 512


def signature(head: bytes) -> str | None:
    """Name what a file is by its first `HEAD_BYTES` bytes; None where that says nothing.

    Examples
    --------
    >>> signature(b"GIF89a"), signature(b"  <!DOCTYPE html>"), signature(b"hello")
    ('GIF', 'a web page', None)
    """
    for offset, magic, name in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return name
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    if text.startswith((b"<svg", b"<?xml")) and b"<svg" in text:
        return "SVG"
    return None


def is_picture_signature(name: str | None) -> bool:
    """Whether what `signature` returned is a picture, if not one that kernelet reads."""
    return name in _PICTURES or name == "SVG"


def why_unreadable(data: bytes, reason: str) -> str:
    """Say more of a file that no decoder knows than that it is unknown.

    Parameters
    ----------
    data : bytes
        The whole file, or its beginning.
    reason : str
        What the decoder said.
    """
    if not data:
        return "the file is empty"
    if not data.strip(b"\0"):
        return "the file holds nothing but zero bytes"
    what = signature(data[:HEAD_BYTES])
    if reason.startswith("not a picture") and what is not None:
        return f"it is {what}, which is not read"
    return reason


def is_cut_off(data: bytes, picture_format: str) -> bool:
    """Whether a picture that could be decoded lacks the end that its format demands.

    JPEG ends with an EOI marker after the last scan (ITU T.81, B.1.1.3), PNG with an IEND chunk.
    """
    if picture_format in ("JPEG", "MPO"):
        return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    return picture_format == "PNG" and data.rfind(b"IEND") < data.rfind(b"IDAT")


def wrong_extension(name: str, picture_format: str) -> bool:
    """Whether a file's extension promises another format than it has.

    Examples
    --------
    >>> wrong_extension("cat.png", "JPEG"), wrong_extension("cat.JPG", "JPEG")
    (True, False)
    """
    promised = FORMATS_OF.get(name.rpartition(".")[2].lower())
    return promised is not None and picture_format not in promised
