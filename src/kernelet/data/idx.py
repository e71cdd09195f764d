"""IDX, the file format of MNIST and its descendants.

Two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values in row-major order, big-endian (LeCun, Cortes, Burges: "The MNIST
database of handwritten digits").
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kernelet.data.listing import quoted
from kernelet.data.memory import available_bytes
from kernelet.errors import DataError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_BLOCK = 16 * 1024 * 1024
# Compressed bytes inflated at a time. Each piece ends with a wait for the interpreter, up to 5 ms
# where another thread is busy in it; the pieces of the gzip module have 8 KiB.
_PIECE = 4 * 1024 * 1024
# What zlib calls the format of gzip, with its checksum.
_GZIP = 16 + zlib.MAX_WBITS


class Readable(Protocol):
    """What IDX data is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, compressed with gzip or not (told by its content).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray
        With the dimensions and the type of the file, in native byte order.

    Raises
    ------
    DataError
        If the file is missing, is not IDX, ends early, goes on too long, or is too large.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not compressed:
                return parse_idx(raw, str(path))
            return parse_idx(_Inflated(raw), str(path))
    except (OSError, EOFError, zlib.error) as error:
        detail = getattr(error, "strerror", None) or error
        raise DataError(f"{quoted(str(path))} cannot be read: {detail}.") from error


class _Inflated:
    """The content of a gzip file, which may have several members and zeros behind them.

    The gzip module's pieces cannot be made larger, and cost a short training 0.2 s.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP)
        self._compressed = b""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; none at the end."""
        while self._begin_member():
            given = self._compressed or self._file.read(_PIECE)
            part = self._member.decompress(given, size)
            self._compressed = self._member.unconsumed_tail
            if part:
                return part
            if not (given or self._member.eof):
                raise EOFError("Compressed file ended before the end-of-stream marker was reached")
        return b""

    def _begin_member(self) -> bool:
        """Go to the next member at the end of one; return False where none is left."""
        if self._member.eof:
            rest = self._member.unused_data.lstrip(b"\0")
            while not rest:
                padding = self._file.read(_PIECE)
                if not padding:
                    return False
                rest = padding.lstrip(b"\0")
            self._compressed = rest
            self._member = zlib.decompressobj(_GZIP)
        return True


def parse_idx(file: Readable, name: str = "IDX data") -> NDArray[Any]:
    """Read IDX from an open file; see `read_idx`.

    Examples
    --------
    >>> import io
    >>> parse_idx(io.BytesIO(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])))
    array([7, 9], dtype=uint8)
    """
    magic = _read_up_to(file, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(
            f"{quoted(name)} is not an IDX file: it begins with {magic.hex(' ') or 'nothing'}; "
            "expected 00 00, a type from 08 to 0e and the number of dimensions."
        )
    dtype, dimensions = np.dtype(_TYPES[magic[2]]), magic[3]
    header = _read_up_to(file, 4 * dimensions)
    if len(header) < 4 * dimensions or not 1 <= dimensions <= 32:
        raise DataError(f"{quoted(name)} has {dimensions} dimensions but ends inside its header.")
    shape = tuple(np.frombuffer(header, ">u4").tolist())
    needed = math.prod(shape) * dtype.itemsize
    available = available_bytes()
    if available is not None and needed > available:
        raise DataError(
            f"{quoted(name)} declares {' × '.join(map(str, shape))} values, {needed:,} bytes; "
            f"{available:,} bytes of memory are free."
        )
    data = _read_exactly(file, needed, name, shape)
    array = data.view(dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _read_up_to(file: Readable, size: int) -> bytes:
    """Read some bytes, fewer only where the file ends."""
    data = block = file.read(size)
    while block and len(data) < size:
        block = file.read(size - len(data))
        data += block
    return data


def _read_exactly(
    file: Readable, needed: int, name: str, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Read what the header declares; of a false one, memory is taken for what there is alone."""
    data = np.empty(needed, np.uint8)  # the system gives its pages when they are written to
    done = 0
    while done < needed:
        block = file.read(min(_BLOCK, needed - done))
        if not block:
            raise DataError(
                f"{quoted(name)} is cut off: its header declares {' × '.join(map(str, shape))} "
                f"values, {needed:,} bytes, and {done:,} are there.\n"
                "  Try downloading or copying it again."
            )
        data[done : done + len(block)] = np.frombuffer(block, np.uint8)
        done += len(block)
    if file.read(1):
        raise DataError(
            f"{quoted(name)} goes on after the {' × '.join(map(str, shape))} values that its "
            "header declares; it is damaged or no IDX file."
        )
    return data


#: Prefixes and infixes under which the files of an IDX data set are known.
_SPLIT_PREFIXES = {"train": ("train",), "validation": ("val", "valid"), "test": ("t10k", "test")}


def find_idx_files(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Find pairs of image and label files in a folder, by split; empty if there are none.

    Names are those of MNIST: ``train-images-idx3-ubyte``, ``t10k-labels.idx1-ubyte.gz`` ….
    """
    pairs = {}
    for split, prefixes in _SPLIT_PREFIXES.items():
        for image_path in sorted(folder.iterdir()):
            name = image_path.name.lower()
            if name.startswith(prefixes) and "images" in name and "idx" in name:
                label_path = labels_beside(image_path)
                if label_path is not None:
                    pairs[split] = (image_path, label_path)
                    break
    return pairs


def labels_beside(image_path: Path) -> Path | None:
    """Return the label file that belongs to an image file, compressed or not; None if absent."""
    name = image_path.name.replace("images", "labels").replace("idx3", "idx1")
    name = name.replace("idx4", "idx1")
    plain = name.removesuffix(".gz")
    for candidate in (name, plain, plain + ".gz"):
        path = image_path.with_name(candidate)
        if candidate != image_path.name and path.is_file():
            return path
    return None
