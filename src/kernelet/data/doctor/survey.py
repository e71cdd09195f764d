"""One look at every picture: what its file is like, and a small copy to compare it by."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.doctor.findings import Item

#: Side of the small copies, in pixels.
SIDE = 32


class Place(msgspec.Struct, frozen=True):
    """Where a picture belongs: its name, its split and class, and its row in an array."""

    name: str
    split: str | None = None
    class_name: str | None = None
    row: int | None = None


class Look(msgspec.Struct, frozen=True):
    """What is kept of one picture besides its small copy.

    Attributes
    ----------
    place : Place
    size : (int, int)
        Height and width, upright.
    form : str
        Its colour form, in words.
    format : str
        Pillow's name of the file format; empty for arrays.
    orientation : int
        EXIF orientation, 1–8.
    frames : int
        How many pictures the file holds.
    blank : bool
        Whether it shows nothing but one colour.
    digest : bytes or None
        Equal for pictures with the same pixels; None where the picture was decoded at a
        fraction of its size only.
    remark : str
        What is suspicious about the file.
    """

    place: Place
    size: tuple[int, int]
    form: str
    format: str = ""
    orientation: int = 1
    frames: int = 1
    blank: bool = False
    digest: bytes | None = None
    remark: str = ""


class Survey(msgspec.Struct, frozen=True, eq=False):
    """All pictures that could be read, and those that could not.

    Attributes
    ----------
    source : str
    looks : sequence of Look
    thumbnails : ndarray of uint8, shape (pictures, SIDE, SIDE, 1 or 3)
        Whole pictures, upright, stretched to a square.
    broken : sequence of Item
    """

    source: str
    looks: Sequence[Look]
    thumbnails: NDArray[np.uint8]
    broken: Sequence[Item]

    def item(self, index: int, detail: str = "") -> Item:
        """Return the item that stands for a picture."""
        place = self.looks[index].place
        return Item(place.name, place.split, place.class_name, place.row, detail)

    @property
    def total(self) -> int:
        """How many pictures there are, with the broken ones."""
        return len(self.looks) + len(self.broken)
