"""Decoded pictures kept between runs, in the user's cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from kernelet.data.dataset import BrokenPicture, Dataset, Split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

#: Changes whenever the same files would decode to other pixels, or the entries' format does.
CACHE_VERSION = 1
#: Most bytes that all entries may take together; the least recently used go first.
CACHE_LIMIT_BYTES = 8 * 2**30

_SUFFIX = ".pictures"
_UNFINISHED = ".unfinished"
_UNFINISHED_SECONDS = 24 * 3600


def cache_folder() -> Path:
    """Return the folder that everything cached lies in; it may not exist yet.

    ``KERNELET_CACHE``, else ``XDG_CACHE_HOME/kernelet``, else ``~/.cache/kernelet``.
    """
    named = os.environ.get("KERNELET_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return home / "kernelet"


def cache_key(fingerprint: str, **options: object) -> str:
    """Return the key of a source's state, decoded with options (JSON values)."""
    import PIL

    parts = [CACHE_VERSION, PIL.__version__, fingerprint, options]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class PictureCache:
    """A folder of decoded data sets, bounded in size.

    An entry is a line with a SHA-256, a line of JSON, and arrays in NumPy's format; the digest
    covers all that follows. Entries appear whole (written aside, then renamed) or not at all,
    and one that was damaged since is not used.

    Parameters
    ----------
    folder : Path, optional
        Default: ``pictures`` in `cache_folder`.
    limit : int
        Bytes that all entries may take together.
    """

    def __init__(self, folder: Path | None = None, limit: int = CACHE_LIMIT_BYTES) -> None:
        self.folder = folder or cache_folder() / "pictures"
        self.limit = limit

    def load(self, key: str) -> Dataset | None:
        """Return the data set stored under a key; None if there is none or it is damaged."""
        path = self.folder / (key + _SUFFIX)
        try:
            with path.open("rb") as file:
                dataset = _read(file)
            os.utime(path)  # the least recently used entry is the first to go
        except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError):
            return None
        return dataset

    def store(self, key: str, dataset: Dataset) -> None:
        """Store a data set, and remove the least recently used beyond the limit.

        Raises
        ------
        OSError
            If the folder cannot be written to or the disk is full; nothing is left behind.
        """
        size = sum(split.images.nbytes + split.labels.nbytes for split in dataset.splits.values())
        if size > self.limit:
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(_UNFINISHED, key[:16], self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                _write(file, dataset)
            Path(name).replace(self.folder / (key + _SUFFIX))
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        self._prune()

    def _prune(self) -> None:
        entries = []
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):  # another process may be pruning too
                status = path.stat()
                if path.suffix == _SUFFIX:
                    entries.append((status.st_mtime, status.st_size, path))
                elif (
                    path.suffix == _UNFINISHED
                    and time.time() - status.st_mtime > _UNFINISHED_SECONDS
                ):
                    path.unlink()
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries)[:-1]:
            if total <= self.limit:
                break
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size


def _write(file: IO[bytes], dataset: Dataset) -> None:
    header = json.dumps(_header(dataset)).encode() + b"\n"
    file.write(_digest(header, dataset.splits).encode() + b"\n" + header)
    for split in dataset.splits.values():
        np.save(file, split.images, allow_pickle=False)
        np.save(file, split.labels, allow_pickle=False)


def _read(file: IO[bytes]) -> Dataset:
    digest = file.readline(80).decode().strip()
    line = file.readline()
    header = json.loads(line)
    splits = {
        name: Split(_array(file, np.uint8, 4), _array(file, np.int32, 1), files)
        for name, files in header["files"].items()
    }
    if _digest(line, splits) != digest:
        raise ValueError("the entry's digest does not match its content")
    return Dataset(
        class_names=tuple(header["class_names"]),
        train=splits.get("train"),
        validation=splits.get("validation"),
        test=splits.get("test"),
        source=header["source"],
        resize=header["resize"],
        broken=tuple(BrokenPicture(*pair) for pair in header["broken"]),
        notes=tuple(header["notes"]),
    )


def _array(file: IO[bytes], dtype: type, dimensions: int) -> NDArray[Any]:
    array: NDArray[Any] = np.load(file, allow_pickle=False)
    if array.dtype != dtype or array.ndim != dimensions:
        raise ValueError("the entry holds an array of another type")
    return array


def _header(dataset: Dataset) -> dict[str, object]:
    return {
        "class_names": dataset.class_names,
        "source": dataset.source,
        "resize": dataset.resize,
        "broken": [(broken.file, broken.reason) for broken in dataset.broken],
        "notes": dataset.notes,
        "files": {name: split.files for name, split in dataset.splits.items()},
    }


def _digest(header: bytes, splits: dict[str, Split]) -> str:
    digest = hashlib.sha256(header)
    for block in _blocks(splits):
        digest.update(block)
    return digest.hexdigest()


def _blocks(splits: dict[str, Split]) -> Iterator[memoryview]:
    for split in splits.values():
        yield np.ascontiguousarray(split.images).data
        yield np.ascontiguousarray(split.labels).data
