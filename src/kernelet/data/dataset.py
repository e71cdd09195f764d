"""The data set in memory: splits, class names, and what was found on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.listing import quoted
from kernelet.data.statistics import channel_statistics


class BrokenPicture(msgspec.Struct, frozen=True):
    """A file that could not be decoded, and why."""

    file: str
    reason: str


class Split(msgspec.Struct, frozen=True, eq=False):
    """One part of a data set.

    Attributes
    ----------
    images : ndarray of uint8, shape (pictures, height, width, channels)
        C-contiguous, 0–255.
    labels : ndarray of int32, shape (pictures,)
        Indices into the class names.
    files : sequence of str or None
        Name of each picture inside its source; None for arrays.
    origin : (str, ndarray of int64) or None
        Where a part of an array was taken: the split of the source, and the row of each picture.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    files: Sequence[str] | None = None
    origin: tuple[str, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)


def row_name(split: str, row: int) -> str:
    """Return what a picture of an array is called, which has no file.

    Examples
    --------
    >>> row_name("train", 12)
    'train[12]'
    """
    return f"{split}[{row}]"


class Dataset(msgspec.Struct, frozen=True, eq=False, dict=True):
    """Pictures of one size with their classes; see `kernelet.data.load_dataset`.

    Attributes
    ----------
    class_names : tuple of str
        ``class_names[label]`` is the name of a class.
    train, validation, test : Split or None
        None where there is no such part.
    source : str
        Where the pictures came from.
    resize : {"crop", "stretch"}
        How pictures of another size were, and are to be, brought to `image_shape`.
    broken : tuple of BrokenPicture
        Files that were left out.
    notes : tuple of str
        What was found, left out and converted, a line each.
    """

    class_names: tuple[str, ...]
    train: Split | None
    validation: Split | None
    test: Split | None
    source: str
    resize: str = "crop"
    broken: tuple[BrokenPicture, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """The parts that exist, by name, in the order train, validation, test."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    @property
    def measured(self) -> str:
        """Name of the split to measure a network on: test, else validation, else train."""
        return next(name for name in ("test", "validation", "train") if name in self.splits)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(height, width, channels)`` of every picture."""
        height, width, channels = next(iter(self.splits.values())).images.shape[1:]
        return height, width, channels

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over class names, splits, pixels and labels, in their order.

        It does not depend on where the files lie or what they are called.
        """
        digest = hashlib.sha256(repr(self.class_names).encode("utf-8", "backslashreplace"))
        for name, split in self.splits.items():
            digest.update(f"{name}{split.images.shape}".encode())
            digest.update(np.ascontiguousarray(split.images).data)
            digest.update(np.ascontiguousarray(split.labels, "<i4").data)
        return digest.hexdigest()

    @cached_property
    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel of the training pictures, of which there are some."""
        assert self.train is not None
        return channel_statistics(self.train.images)

    def name_of(self, split: str, row: int) -> str:
        """Return the name of a picture inside the source: of its file, or its `row_name`."""
        part = self.splits[split]
        if part.files is not None:
            return part.files[row]
        if part.origin is None:
            return row_name(split, row)
        name, rows = part.origin
        return row_name(name, int(rows[row]))

    def class_counts(self, split: str) -> dict[str, int]:
        """Return the number of pictures of each class in a split, by class name."""
        counts = np.bincount(self.splits[split].labels, minlength=len(self.class_names))
        return dict(zip(self.class_names, counts.tolist(), strict=True))

    def describe(self) -> str:
        """Return what was found, as lines of plain text."""
        height, width, channels = self.image_shape
        colour = "grey" if channels == 1 else "RGB"
        total = sum(map(len, self.splits.values()))
        parts = ", ".join(f"{name} {len(split):,}" for name, split in self.splits.items())
        classes = f"{len(self.class_names):,} classes"
        lines = [f"{total:,} pictures of {height}×{width} {colour} in {classes} ({parts})"]
        lines += self.notes
        if self.broken:
            lines.append(f"broken pictures left out: {len(self.broken):,}")
            lines += [f"  {quoted(broken.file)}: {broken.reason}" for broken in self.broken[:5]]
            if len(self.broken) > 5:
                lines.append(f"  and {len(self.broken) - 5:,} more")
        return "\n".join(lines)
