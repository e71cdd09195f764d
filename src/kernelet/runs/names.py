"""What data sets and paths are called in files and messages."""

from __future__ import annotations

import os
from pathlib import Path


def readable(path: Path) -> str:
    r"""Return a path as valid Unicode; bytes that are not UTF-8 become ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def data_name(source: str | None) -> str:
    """Return what a data set is recorded as: its absolute path, or its name.

    Examples
    --------
    >>> data_name("fashion-mnist"), data_name(None)
    ('fashion-mnist', 'sample')
    """
    if source is None:
        return "sample"
    path = Path(source)
    return readable(path.resolve() if path.exists() else path)
