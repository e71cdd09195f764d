"""`load_pictures`: pictures without classes, for a model that is to name them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.archives import ZipTree
from kernelet.data.dataset import BrokenPicture
from kernelet.data.folders import FolderTree
from kernelet.data.listing import MAXIMUM_FILE_BYTES, Entry, is_picture_name, normalized, quoted
from kernelet.data.sizing import check_channels, check_image_size, check_resize
from kernelet.errors import DataError

if TYPE_CHECKING:
    from typing import BinaryIO


class Pictures(msgspec.Struct, frozen=True, eq=False):
    """Pictures of one shape, and where each came from.

    Attributes
    ----------
    images : ndarray of uint8, shape (pictures, height, width, channels)
    files : tuple of str
        Path of each picture.
    broken : tuple of BrokenPicture
        Files that could not be decoded.
    """

    images: NDArray[np.uint8]
    files: tuple[str, ...]
    broken: tuple[BrokenPicture, ...] = ()

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.files)


def load_pictures(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    image_shape: tuple[int, int, int],
    resize: str = "crop",
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Pictures:
    """Load pictures from files, folders (and all below) and zip archives.

    Parameters
    ----------
    paths : path or sequence of paths
        A file that is named is read whatever its extension; of folders and archives, the files
        with a picture's extension.
    image_shape : (int, int, int)
        Height, width and channels to bring every picture to, those a model was trained with.
    resize : {"crop", "stretch"}
        As in `load_dataset`.
    threads : int, optional
        Default: as many as there are processors to use.
    progress : callable, optional
        Called as ``progress(done, total)``.

    Returns
    -------
    Pictures
        In the order of `paths`, and by name inside each; without those that are broken.

    Raises
    ------
    DataError
        If a path does not exist or there is no picture at all.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (40, 30), "red").save(folder / "red.png")
    >>> load_pictures(folder, image_shape=(8, 8, 3)).images[0, 0, 0].tolist()
    [255, 0, 0]
    """
    from kernelet.data.reading import read_pictures

    height, width, channels = image_shape
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    joined = _Joined()
    try:
        for path in named:
            joined.add(Path(path))
        if not joined.entries:
            raise DataError(f"No pictures in {', '.join(quoted(str(path)) for path in named)}.")
        decoded = read_pictures(
            joined,
            joined.entries,
            image_size=check_image_size((height, width)),
            channels=check_channels(channels),
            resize=check_resize(resize),
            threads=threads,
            progress=progress,
        )
    finally:
        joined.close()
    files = tuple(joined.entries[index].name for index in np.flatnonzero(decoded.kept))
    return Pictures(decoded.images, files, tuple(decoded.broken))


class _File:
    """A single file that was named; a link is followed, and the extension does not matter."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries = [Entry(path.name, path.stat().st_size, 0, 0)]

    def read(self, entry: Entry) -> bytes:
        if entry.size > MAXIMUM_FILE_BYTES:
            raise ValueError(f"a file of {entry.size:,} bytes is too large for a picture")
        return self._path.read_bytes()

    def open(self, entry: Entry) -> BinaryIO:
        del entry
        return self._path.open("rb")

    def close(self) -> None:
        """Nothing stays open between reads."""


class _Joined:
    """The pictures of several sources, one after the other."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._origins: list[tuple[_Source, Entry]] = []
        self._sources: list[_Source] = []

    def add(self, path: Path) -> None:
        source = _open_source(path)
        self._sources.append(source)
        named_file = isinstance(source, _File)
        for entry in source.entries:
            if named_file or is_picture_name(entry.name):
                name = normalized(str(path if named_file else path / entry.name))
                self.entries.append(Entry(name, entry.size, entry.stamp, len(self._origins)))
                self._origins.append((source, entry))

    def read(self, entry: Entry) -> bytes:
        source, own = self._origins[entry.position]
        return source.read(own)

    def open(self, entry: Entry) -> BinaryIO:
        source, own = self._origins[entry.position]
        return source.open(own)

    def close(self) -> None:
        for source in self._sources:
            source.close()


_Source = _File | FolderTree | ZipTree


def _open_source(path: Path) -> _Source:
    try:
        if path.is_dir():
            return FolderTree(path)
        if path.is_file():
            return ZipTree(path) if path.suffix.lower() == ".zip" else _File(path)
    except OSError as error:
        raise DataError(f"{quoted(str(path))} cannot be read: {error.strerror}.") from error
    what = "is neither a file nor a folder" if path.exists() else "does not exist"
    raise DataError(f"{quoted(str(path))} {what}; expected a picture, a folder or a .zip.")
