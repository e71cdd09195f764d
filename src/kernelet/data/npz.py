"""NumPy's .npz archives of pictures and labels."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.data.arrays import LabelledArrays
from kernelet.data.listing import quoted
from kernelet.data.memory import available_bytes
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Image and label arrays by split, in the order they are looked for; the first are Keras' names.
_NAMES = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y"),
              ("images", "labels")),
    "validation": (("x_val", "y_val"), ("x_valid", "y_valid"), ("val_images", "val_labels")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}  # fmt: skip
_CLASS_NAMES = "class_names"


def read_npz(path: str | os.PathLike[str]) -> LabelledArrays:
    """Read pictures and labels from an .npz archive.

    Arrays are called as Keras calls them (``x_train``, ``y_train``, ``x_test``, ``y_test``, also
    ``x_val``, ``y_val``), or ``images`` and ``labels``, or ``x`` and ``y``; ``class_names`` is
    optional. Arrays of Python objects are refused: loading them could run code.

    Raises
    ------
    DataError
        If the file is damaged, holds no such arrays, objects, or more than fits into memory.
    """
    where = quoted(os.fspath(path))
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse_oversize(archive, where)
        with np.load(path, allow_pickle=False) as arrays:
            return _collect(arrays, where)
    except (
        OSError,
        EOFError,
        KeyError,
        ValueError,
        NotImplementedError,
        SyntaxError,
        MemoryError,
        RuntimeError,
        OverflowError,
        struct.error,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{where} holds Python objects, which are not loaded: they could run code.\n"
                "  Save plain arrays: numpy.savez(file, x_train=numpy.asarray(x, numpy.uint8), …)."
            ) from error
        detail = getattr(error, "strerror", None) or error
        raise DataError(f"{where} is not a readable .npz archive: {detail}.") from error


def _refuse_oversize(archive: zipfile.ZipFile, where: str) -> None:
    needed = sum(member.file_size for member in archive.infolist())
    available = available_bytes()
    if available is not None and needed > available:
        raise DataError(
            f"{where} declares {needed:,} bytes; {available:,} bytes of memory are free."
        )


def _collect(arrays: Mapping[str, NDArray[Any]], where: str) -> LabelledArrays:
    splits = {}
    for split, pairs in _NAMES.items():
        for images, labels in pairs:
            if images in arrays and labels in arrays:
                splits[split] = (arrays[images], arrays[labels])
                break
    if not splits:
        found = ", ".join(map(quoted, sorted(arrays))) or "nothing"
        raise DataError(
            f"{where} holds {found}; expected x_train and y_train (x_val, y_val, x_test, y_test), "
            "images and labels, or x and y."
        )
    names = None
    if _CLASS_NAMES in arrays:
        names = tuple(map(str, np.ravel(arrays[_CLASS_NAMES]).tolist()))
    return LabelledArrays(splits, names)
