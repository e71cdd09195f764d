"""What a folder or archive of pictures contains: names and sizes, before anything is decoded."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, BinaryIO, Protocol

import msgspec

from kernelet.text import inert

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Extensions read as pictures, compared in lower case.
PICTURE_EXTENSIONS = frozenset({"jpg", "jpeg", "png", "ppm", "bmp", "pgm", "tif", "tiff", "webp"})

#: Largest picture file read into memory, in bytes.
MAXIMUM_FILE_BYTES = 512 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True):
    """One file of a listing.

    Attributes
    ----------
    name : str
        Path inside the source, components separated by ``/``; always valid Unicode.
    size : int
        Bytes of the file, uncompressed.
    stamp : int
        Changes when the file's content does: its change time, or the archive's CRC-32.
    position : int
        Where the source finds the file again: an index of its own.
    """

    name: str
    size: int
    stamp: int
    position: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The components of the name."""
        return tuple(self.name.split("/"))


class PictureFiles(Protocol):
    """Files that any number of threads may read."""

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one entry; raises OSError or ValueError with a reason."""

    def open(self, entry: Entry) -> BinaryIO:
        """Open one entry for reading a part of it; raises as `read` does."""


class PictureTree(PictureFiles, Protocol):
    """A folder or archive, listed once."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Every visible regular file, in the order of its name."""

    @property
    def folders(self) -> Sequence[str]:
        """The name of every visible folder, also of empty ones."""

    @property
    def notes(self) -> Sequence[str]:
        """What was left out while listing, a line each."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the names, sizes and stamps: the state of the source."""

    def close(self) -> None:
        """Let go of open files."""


def is_picture_name(name: str) -> bool:
    """Whether the extension is one of `PICTURE_EXTENSIONS`."""
    return name.rpartition(".")[2].lower() in PICTURE_EXTENSIONS and "." in name


def is_hidden(name: str) -> bool:
    """Whether a path component is left out: a dot file, or the metadata macOS adds to archives."""
    return name.startswith(".") or name == "__MACOSX"


def normalized(name: str) -> str:
    r"""Return a file name as valid, composed Unicode.

    Bytes that are not UTF-8 become ``\xNN``. Composition (NFC) makes a class folder packed on
    macOS equal to the same folder elsewhere.
    """
    readable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", readable)


def visible(name: str) -> str:
    """Return a name for a message: on one line, shortened, without invisible characters."""
    shown = inert(name)
    return shown if len(shown) <= 120 else f"{shown[:57]}…{shown[-57:]}"


def quoted(name: str) -> str:
    """Return a name as `visible` does, in quotes."""
    return f"'{visible(name)}'"


def listing_fingerprint(entries: Iterable[Entry], *origin: object) -> str:
    """SHA-256 over the origin and every entry's name, size and stamp."""
    digest = hashlib.sha256(repr(origin).encode("utf-8", "backslashreplace"))
    for entry in entries:
        digest.update(f"{entry.name}\0{entry.size}\0{entry.stamp}\0".encode())
    return digest.hexdigest()
