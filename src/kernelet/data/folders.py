"""Folders of pictures on disk."""

from __future__ import annotations

import os
import stat
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kernelet.data.listing import (
    MAXIMUM_FILE_BYTES,
    Entry,
    is_hidden,
    listing_fingerprint,
    normalized,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deeper than any real collection; ends trees that bind mounts make endless.
_MAXIMUM_DEPTH = 64


class FolderTree:
    """Every regular file below a folder, without hidden ones.

    Symbolic links are followed while they stay inside the folder; one that leads outside is left
    out and noted, so that naming a folder never reads beyond it. Links lead into a folder once.

    Parameters
    ----------
    root : path-like
        The folder; it may be a link itself.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).resolve(strict=True)
        self._left_out: Counter[str] = Counter()
        self._paths: list[str] = []
        self._linked: set[tuple[int, int]] = set()
        self.folders: list[str] = []
        #: Names of the files that are symbolic links.
        self.links: set[str] = set()
        found: list[tuple[str, int, int, str]] = sorted(self._walk(str(self.root), "", ()))
        self.entries = []
        for position, (name, size, stamp, path) in enumerate(found):
            self.entries.append(Entry(name, size, stamp, position))
            self._paths.append(path)

    @property
    def notes(self) -> list[str]:
        """What was left out while listing, a line each."""
        return [f"{reason}: {count:,}" for reason, count in sorted(self._left_out.items())]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the root, and the names, sizes and change times of the files."""
        return listing_fingerprint(self.entries, "folder", str(self.root))

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one file."""
        if entry.size > MAXIMUM_FILE_BYTES:
            raise ValueError(f"a file of {entry.size:,} bytes is too large for a picture")
        # A file object costs as much again as opening and reading a small file does.
        handle = os.open(self._paths[entry.position], os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(handle, entry.size)
        finally:
            os.close(handle)

    def open(self, entry: Entry) -> BinaryIO:
        """Open one file."""
        return Path(self._paths[entry.position]).open("rb")

    def close(self) -> None:
        """Nothing stays open between reads."""

    def _walk(
        self, folder: str, prefix: str, ancestors: tuple[tuple[int, int], ...]
    ) -> Iterator[tuple[str, int, int, str]]:
        try:
            status = Path(folder).stat()
            children = sorted(os.scandir(folder), key=lambda child: child.name)
        except OSError as error:
            self._left_out[f"folders left out, {error.strerror}"] += 1
            return
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors or len(ancestors) >= _MAXIMUM_DEPTH:
            self._left_out["folders that contain themselves, entered once"] += 1
            return
        if prefix:
            self.folders.append(prefix.removesuffix("/"))
        for child in children:
            if not is_hidden(child.name):
                yield from self._visit(child, prefix, (*ancestors, identity))

    def _visit(
        self, child: os.DirEntry[str], prefix: str, ancestors: tuple[tuple[int, int], ...]
    ) -> Iterator[tuple[str, int, int, str]]:
        name = prefix + normalized(child.name)
        if child.is_symlink() and not self._stays_inside(child.path):
            self._left_out["symbolic links left out, they lead outside the folder or nowhere"] += 1
            return
        try:
            status = child.stat()
        except OSError as error:
            self._left_out[f"files left out, {error.strerror}"] += 1
            return
        if stat.S_ISDIR(status.st_mode):
            if child.is_symlink() and not self._enters_first(status):
                return
            yield from self._walk(child.path, name + "/", ancestors)
        elif stat.S_ISREG(status.st_mode):
            if child.is_symlink():
                self.links.add(name)
            yield name, status.st_size, status.st_ctime_ns, child.path
        else:
            self._left_out["pipes, sockets and devices left out"] += 1

    def _enters_first(self, status: os.stat_result) -> bool:
        """Whether no link led to this folder yet; n folders linking to each other are n! paths."""
        identity = (status.st_dev, status.st_ino)
        if identity in self._linked:
            self._left_out["links to a folder that another link leads to, left out"] += 1
            return False
        self._linked.add(identity)
        return True

    def _stays_inside(self, path: str) -> bool:
        try:
            return Path(path).resolve(strict=True).is_relative_to(self.root)
        except (OSError, RuntimeError):  # a link to itself
            return False
