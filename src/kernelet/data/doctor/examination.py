"""`examine`: what can be found quickly in pictures that are in memory."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from kernelet.data.doctor.classes import class_findings
from kernelet.data.doctor.copies import copy_findings
from kernelet.data.doctor.findings import Finding, Findings, Item, counted, in_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from kernelet.data.dataset import Dataset

#: Standard deviation, in grey levels, below which a picture shows nothing.
BLANK_DEVIATION = 2.0

# Numbers looked at together: 4 MiB of float32, whatever the size of a picture.
_BLOCK = 1 << 20


def examine(dataset: Dataset) -> Findings:
    """Look through a loaded data set for what spoils a training or its measurement.

    Files that were broken; pictures with the same pixels in one split, in several, or under
    several classes; blank pictures; classes that are small or unequal. It compares pictures as
    they are in memory, all of one size; `kernelet doctor` looks at the files, and for near
    duplicates too.

    Parameters
    ----------
    dataset : Dataset
        As `kernelet.data.load_dataset` returns it.

    Returns
    -------
    Findings
        What matters most first. ``index`` of an item is its row in the images of its split.

    Examples
    --------
    >>> from kernelet.data import load_dataset
    >>> findings = examine(load_dataset("sample", cache=False))
    >>> findings.pictures, findings.clean
    (6300, True)
    """
    found: list[Finding] = [*broken_findings(dataset)]
    found += copy_findings(_equal_pictures(dataset))
    found += blank_findings(_blank_pictures(dataset))
    found += class_findings({name: dataset.class_counts(name) for name in dataset.splits})
    pictures = sum(map(len, dataset.splits.values()))
    return Findings(dataset.source, pictures, in_order(found))


def broken_findings(dataset: Dataset) -> Iterator[Finding]:
    """Report the files that could not be decoded."""
    if dataset.broken:
        count = len(dataset.broken)
        yield Finding(
            "unreadable",
            f"{counted(count, 'file')} cannot be read",
            "Repair or remove them.",
            tuple((Item(broken.file, detail=broken.reason),) for broken in dataset.broken),
            count,
        )


def blank_findings(items: list[Item]) -> Iterator[Finding]:
    """Report pictures that show nothing."""
    if items:
        shows = "picture shows" if len(items) == 1 else "pictures show"
        yield Finding(
            "blank",
            f"{len(items):,} {shows} nothing but one colour",
            "Remove them, or find out what they should have shown.",
            tuple((item,) for item in items),
            len(items),
        )


def digests(images: NDArray[np.uint8]) -> list[bytes]:
    """Return 128 bits for each picture, equal for equal pixels only."""
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in images]


def checksums(images: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return 64 bits for each picture, equal for equal pixels, and seldom for others.

    The pixels, eight to a number, times odd random factors, added up modulo 2⁶⁴: a twentieth of
    the time of `digests`.
    """
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    words = -(-flat.shape[1] // 8)
    factors = np.random.default_rng(0).integers(0, 2**63, words, np.uint64) * 2 + 1
    sums = np.empty(len(flat), np.uint64)
    rows = max(1, _BLOCK // words)
    for begin in range(0, len(flat), rows):
        block = flat[begin : begin + rows]
        if flat.shape[1] % 8:
            block = np.pad(block, ((0, 0), (0, 8 * words - flat.shape[1])))
        # The product of matrices takes twice as long for whole numbers.
        np.einsum("ij,j->i", block.view(np.uint64), factors, out=sums[begin : begin + rows])
    return sums


def _equal_pictures(dataset: Dataset) -> list[tuple[Item, ...]]:
    sums = {name: checksums(split.images) for name, split in dataset.splits.items()}
    values, counts = np.unique(np.concatenate(list(sums.values())), return_counts=True)
    places: dict[bytes, list[tuple[str, int]]] = {}
    for name, split in dataset.splits.items():
        rows = np.flatnonzero(np.isin(sums[name], values[counts > 1]))
        for row, digest in zip(rows.tolist(), digests(split.images[rows]), strict=True):
            places.setdefault(digest, []).append((name, row))
    return [
        tuple(_item(dataset, name, row) for name, row in copies)
        for copies in places.values()
        if len(copies) > 1
    ]


def deviations(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the largest standard deviation of a channel, for each picture."""
    spread = np.empty(len(images), np.float32)
    pixels = math.prod(images.shape[1:3])
    # A product with it adds up the pixels of each channel.
    channels = np.tile(np.eye(images.shape[3], dtype=np.float32), (pixels, 1))
    rows = max(1, _BLOCK // len(channels))
    for begin in range(0, len(images), rows):
        block = images[begin : begin + rows].astype(np.float32)
        # As differences from the first pixel, sums of pictures that show little are exact.
        block -= block[:, :1, :1].copy()
        flat = block.reshape(len(block), -1)
        means = flat @ channels / pixels
        squares = np.square(flat, out=flat) @ channels / pixels
        variances = np.maximum(squares - means**2, 0)
        spread[begin : begin + rows] = np.sqrt(variances).max(axis=1)
    return spread


def blank_rows(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the rows of the pictures whose `deviations` are below `BLANK_DEVIATION`.

    Of n pixels between which the largest distance is d, the deviation is at least d/√(2n): in
    small pictures, two pixels show that it need not be computed.
    """
    channel = images[..., 0].reshape(len(images), -1)
    distances = channel.max(axis=1) - channel.min(axis=1)
    # Twice as far as exact numbers would need it, for what rounding does to the deviation.
    near = np.flatnonzero(distances <= 2 * BLANK_DEVIATION * math.sqrt(2 * channel.shape[1]))
    if 2 * len(near) > len(images):  # no copy of nearly all
        return np.flatnonzero(deviations(images) < BLANK_DEVIATION)
    return near[deviations(images[near]) < BLANK_DEVIATION]


def _blank_pictures(dataset: Dataset) -> list[Item]:
    return [
        _item(dataset, name, row)
        for name, split in dataset.splits.items()
        for row in blank_rows(split.images).tolist()
    ]


def _item(dataset: Dataset, split: str, row: int) -> Item:
    label = dataset.class_names[int(dataset.splits[split].labels[row])]
    return Item(dataset.name_of(split, row), split, label, row)
