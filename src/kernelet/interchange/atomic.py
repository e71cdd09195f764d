"""Files written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from kernelet.errors import UsageError

#: What unfinished files are called; a process that is killed while it writes leaves one behind.
TEMPORARY_FILES = ".*.tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that at every moment the old or the new one is there, never a part.

    The data go to a temporary file in the same folder, reach the disk, and take the name.

    Parameters
    ----------
    path : Path
    data : bytes

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        folder = path.parent
        missing = (
            "" if folder.is_dir() else f"\n  There is no folder {str(folder)!r}: make it first."
        )
        raise UsageError(f"cannot write {path}: {error.strerror or error}.{missing}") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
