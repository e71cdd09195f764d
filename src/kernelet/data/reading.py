"""Decoding many pictures at once, by threads, into one array."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.dataset import BrokenPicture
from kernelet.data.decoding import (
    decode,
    decoding_warnings,
    is_grey,
    open_picture,
    reason,
    upright_size,
)
from kernelet.data.memory import refuse_what_does_not_fit
from kernelet.data.sizing import Resize, Target, choose_image_size
from kernelet.data.splits import compact
from kernelet.errors import DataError

if TYPE_CHECKING:
    from kernelet.data.listing import Entry, PictureFiles

Progress = Callable[[int, int], None]
_Result = TypeVar("_Result")

#: Headers looked at before it is decided how to go on.
SAMPLE = 32
_CHUNK = 32
#: Decoding runs outside the interpreter's lock, opening and converting inside it. Two threads
#: decode JPEG files of 32×32 pixels half as fast as one, of 64×64 as fast, of 128×128 half as
#: fast again.
PARALLEL_PIXELS = 64 * 64


class Survey(msgspec.Struct):
    """How many pictures have each ``(height, width)`` and each colour form."""

    sizes: Counter[tuple[int, int]] = msgspec.field(default_factory=Counter)
    forms: Counter[str] = msgspec.field(default_factory=Counter)
    grey: int = 0

    def count(self, size: tuple[int, int], form: str, *, grey: bool) -> None:
        """Count a picture."""
        self.sizes[size] += 1
        self.forms[form] += 1
        self.grey += grey

    def add(self, other: Survey) -> None:
        """Count another survey's pictures too."""
        self.sizes += other.sizes
        self.forms += other.forms
        self.grey += other.grey

    @property
    def pictures(self) -> int:
        """How many pictures could be opened."""
        return self.sizes.total()

    @property
    def typical_pixels(self) -> int:
        """Median of height × width; 0 without pictures."""
        pixels = sorted((height * width, count) for (height, width), count in self.sizes.items())
        below = 0
        for area, count in pixels:
            below += count
            if 2 * below >= self.pictures:
                return area
        return 0

    @property
    def is_uniform(self) -> bool:
        """Whether one size and one channel count fit all pictures."""
        return len(self.sizes) == 1 and self.grey in (0, self.pictures)


class Decoded(msgspec.Struct):
    """The pictures that could be decoded.

    ``images[i]`` belongs to the entry at the i-th True of ``kept``.
    """

    images: NDArray[np.uint8]
    kept: NDArray[np.bool_]
    broken: list[BrokenPicture]
    survey: Survey
    target: Target


def check_threads(threads: int | None) -> int:
    """Return the number of threads to decode with: `threads`, or one a usable processor."""
    if threads is not None:
        if threads < 1:
            raise DataError(f"threads is {threads!r}; expected at least 1.")
        return threads
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def read_pictures(
    tree: PictureFiles,
    entries: Sequence[Entry],
    *,
    image_size: tuple[int, int] | None,
    channels: int | None,
    resize: Resize,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Decoded:
    """Decode all entries to one size and channel count, chosen from all of them unless given.

    Choosing takes a look at every header. Most collections are uniform, and opening a small
    picture costs as much as decoding it, so a sample is looked at first: if it is uniform, its
    form is taken for all, and only a picture that departs from it leads to a full survey.
    """
    workers = check_threads(threads)
    with decoding_warnings():
        sample = survey_headers(tree, entries[:: max(1, len(entries) // SAMPLE)], workers)
        if sample.typical_pixels < PARALLEL_PIXELS:
            workers = 1
        if image_size is None or channels is None:
            if sample.is_uniform:
                target = _target(sample, image_size, channels, resize)
                decoded = _decode_all(tree, entries, target, sample, workers, progress)
                if decoded is not None:
                    return decoded
            target = _target(survey_headers(tree, entries, workers), image_size, channels, resize)
        else:
            target = Target(*image_size, channels, resize)
        decoded = _decode_all(tree, entries, target, None, workers, progress)
    assert decoded is not None  # only a departure from an expected form returns None
    return decoded


def _target(
    survey: Survey, image_size: tuple[int, int] | None, channels: int | None, resize: Resize
) -> Target:
    height, width = image_size or choose_image_size(survey.sizes or Counter({(1, 1): 1}))
    return Target(height, width, channels or (1 if survey.grey == survey.pictures else 3), resize)


def survey_headers(tree: PictureFiles, entries: Sequence[Entry], workers: int) -> Survey:
    """Count sizes and colour forms from the headers of files; broken ones are passed over."""

    def look(chunk: range) -> Survey:
        found = Survey()
        for index in chunk:
            try:
                with tree.open(entries[index]) as file:
                    image = open_picture(file)
                    size, form, grey = upright_size(image), image.mode, is_grey(image)
            except Exception:  # noqa: S112 (decoding reports it, with the reason)
                continue
            found.count(size, form, grey=grey)
        return found

    total = Survey()
    for part in in_chunks(look, len(entries), workers):
        total.add(part)
    return total


def _decode_all(
    tree: PictureFiles,
    entries: Sequence[Entry],
    target: Target,
    expected: Survey | None,
    workers: int,
    progress: Progress | None,
) -> Decoded | None:
    """Decode into one array; None as soon as a picture departs from the expected form."""
    refuse_what_does_not_fit(len(entries), target.shape)
    images = np.empty((len(entries), *target.shape), np.uint8)
    kept = np.ones(len(entries), np.bool_)
    survey, broken, done = Survey(), [], 0

    def decode_chunk(chunk: range) -> tuple[Survey, list[BrokenPicture], int]:
        found, failures = Survey(), []
        for index in chunk:
            try:
                image = open_picture(io.BytesIO(tree.read(entries[index])))
                size, form, grey = upright_size(image), image.mode, is_grey(image)
                images[index] = decode(image, target)
            except Exception as error:  # decoders raise nearly everything
                kept[index] = False
                failures.append(BrokenPicture(entries[index].name, reason(error)))
            else:
                found.count(size, form, grey=grey)
        return found, failures, len(chunk)

    for found, failures, count in in_chunks(decode_chunk, len(entries), workers):
        survey.add(found)
        if expected is not None and not _as_expected(survey, expected):
            return None
        broken += failures
        done += count
        if progress is not None:
            progress(done, len(entries))
    if broken:
        images = compact(images, kept)
    return Decoded(images, kept, broken, survey, target)


def _as_expected(survey: Survey, expected: Survey) -> bool:
    same_sizes = survey.sizes.keys() <= expected.sizes.keys()
    return same_sizes and survey.grey == (survey.pictures if expected.grey else 0)


def in_chunks(work: Callable[[range], _Result], count: int, workers: int) -> Iterator[_Result]:
    """Run `work` on consecutive ranges by threads; yield the results in order."""
    chunk = max(1, min(_CHUNK, count // (4 * workers)))
    ranges = [range(start, min(start + chunk, count)) for start in range(0, count, chunk)]
    if workers == 1 or len(ranges) <= 1:
        yield from map(work, ranges)
        return
    executor = ThreadPoolExecutor(workers, thread_name_prefix="kernelet-decode")
    try:
        yield from executor.map(work, ranges)
    finally:  # also when interrupted: what has not begun is given up
        executor.shutdown(wait=True, cancel_futures=True)
