"""The survey of a folder or an archive."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernelet.data.decoding import (
    decoding_warnings,
    flatten,
    is_grey,
    open_picture,
    orientation,
    reason,
    turn_upright,
    upright_size,
)
from kernelet.data.doctor.contents import is_cut_off, why_unreadable
from kernelet.data.doctor.examination import BLANK_DEVIATION
from kernelet.data.doctor.findings import Item
from kernelet.data.doctor.survey import SIDE, Look, Place, Survey
from kernelet.data.listing import Entry, PictureFiles
from kernelet.data.memory import refuse_what_does_not_fit
from kernelet.data.reading import (
    PARALLEL_PIXELS,
    SAMPLE,
    check_threads,
    in_chunks,
    survey_headers,
)

# Pictures of more pixels are decoded one at a time: side by side they would multiply the memory.
_LARGE_PIXELS = 4_000_000
# Large JPEG files are decoded at a fraction of their size, at least twice that of the small copy.
_DRAFT_SIDE = 2 * SIDE

_CONTRAST_OF_LINES = 64

_FORMS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "La": "grey with transparency",
    "F": "grey, floating point",
    "RGB": "RGB",
    "RGBA": "RGB with transparency",
    "RGBa": "RGB with transparency",
    "P": "palette",
    "PA": "palette with transparency",
}


def survey_files(
    files: PictureFiles,
    entries: Sequence[Entry],
    places: Sequence[Place],
    source: str,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Survey:
    """Look at every file once.

    Parameters
    ----------
    files : PictureFiles
        What to read from.
    entries, places : sequences of one length
        The files, and where each belongs.
    source : str
        Name of the source.
    threads : int, optional
        Default: as many as there are processors to use.
    progress : callable, optional
        Called as ``progress(done, total)``.
    """
    refuse_what_does_not_fit(len(entries), (SIDE, SIDE, 3))
    thumbnails = np.empty((len(entries), SIDE, SIDE, 3), np.uint8)
    desk = _Desk(files, entries, places, thumbnails, threading.Lock())
    looks: list[Look] = []
    broken: list[Item] = []
    kept = np.ones(len(entries), np.bool_)
    with decoding_warnings():
        workers = check_threads(threads)
        step = max(1, len(entries) // SAMPLE)
        if survey_headers(files, entries[::step], workers).typical_pixels < PARALLEL_PIXELS:
            workers = 1
        done = 0
        for results in in_chunks(desk.look_at_chunk, len(entries), workers):
            for result in results:
                kept[done] = isinstance(result, Look)
                done += 1
                if isinstance(result, Look):
                    looks.append(result)
                else:
                    broken.append(result)
            if progress is not None:
                progress(done, len(entries))
    return Survey(source, looks, thumbnails if kept.all() else thumbnails[kept], broken)


class _Desk(msgspec.Struct, frozen=True):
    """What the threads that look at pictures share."""

    files: PictureFiles
    entries: Sequence[Entry]
    places: Sequence[Place]
    thumbnails: NDArray[np.uint8]
    large: threading.Lock

    def look_at_chunk(self, chunk: range) -> list[Look | Item]:
        return [self._look_at(index) for index in chunk]

    def _look_at(self, index: int) -> Look | Item:
        place, data = self.places[index], b""
        try:
            data = self.files.read(self.entries[index])
            image = open_picture(io.BytesIO(data))
            if image.width * image.height > _LARGE_PIXELS:
                with self.large:
                    return _look(image, data, place, self.thumbnails[index])
            return _look(image, data, place, self.thumbnails[index])
        except Exception as error:  # decoders raise nearly everything
            why = reason(error)
            if data or self.entries[index].size == 0:
                why = why_unreadable(data, why)
            return Item(place.name, place.split, place.class_name, detail=why)


def _look(image: Image.Image, data: bytes, place: Place, thumbnail: NDArray[np.uint8]) -> Look:
    """Decode a picture, write its small copy, and note the rest."""
    size, form, turned = upright_size(image), _form(image), orientation(image)
    picture_format, frames = image.format or "", _frames(image)
    whole = image.size
    if min(image.size) >= 2 * _DRAFT_SIDE:
        image.draft(None, (_DRAFT_SIDE, _DRAFT_SIDE))
    drafted = image.size != whole
    turn_upright(image)
    flat = flatten(image, 1 if is_grey(image) else 3)
    thumbnail[...] = small_copy(flat)
    return Look(
        place,
        size,
        form,
        picture_format,
        turned,
        frames,
        _is_blank(thumbnail, flat),
        None if drafted else pixel_digest(flat),
        "it ends before its end marker" if is_cut_off(data, picture_format) else "",
    )


def _is_blank(thumbnail: NDArray[np.uint8], flat: Image.Image) -> bool:
    """Whether a picture shows one colour.

    The small copy has lost the noise of a sensor, but thin lines as well: those have a contrast
    that noise has not.
    """
    if thumbnail.std(axis=(0, 1)).max() >= BLANK_DEVIATION:
        return False
    extremes = np.reshape(flat.getextrema(), (-1, 2))
    return bool((extremes[:, 1] - extremes[:, 0]).max() < _CONTRAST_OF_LINES)


def small_copy(flat: Image.Image) -> NDArray[np.uint8]:
    """Return a picture (L or RGB) as RGB of `SIDE` × `SIDE` pixels."""
    picture = flat if flat.mode == "RGB" else flat.convert("RGB")
    if picture.size != (SIDE, SIDE):
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)


def pixel_digest(flat: Image.Image) -> bytes:
    """Return 128 bits over size and pixels (L or RGB); grey pictures count as grey in both."""
    pixels = np.asarray(flat)
    if pixels.ndim == 3 and _equal_channels(pixels):
        pixels = pixels[..., 0]
    digest = hashlib.blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _equal_channels(pixels: NDArray[np.uint8]) -> bool:
    red, green, blue = (pixels[..., channel] for channel in range(3))
    return np.array_equal(red, green) and np.array_equal(green, blue)


def whole_digest(data: bytes) -> bytes | None:
    """Return the `pixel_digest` of a picture file decoded at its full size; None if it fails."""
    try:
        image = open_picture(io.BytesIO(data))
        turn_upright(image)
        return pixel_digest(flatten(image, 1 if is_grey(image) else 3))
    except Exception:  # its small copy could be decoded, its whole could not
        return None


def _form(image: Image.Image) -> str:
    mode = image.mode
    packing = str(getattr(image, "tile", ""))
    deep = mode.startswith("I") or ";16" in packing
    if deep:
        return "16-bit grey" if mode.startswith(("I", "L")) else f"16-bit {_FORMS.get(mode, mode)}"
    if mode in ("L", "RGB") and "transparency" in image.info:
        return f"{_FORMS[mode]} with transparency"
    return _FORMS.get(mode, mode)


def _frames(image: Image.Image) -> int:
    # The second picture in a phone's JPEG file is a preview of the first.
    return 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
