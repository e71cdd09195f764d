"""Zip archives of pictures, read in place: nothing is ever extracted to disk."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kernelet.data.listing import MAXIMUM_FILE_BYTES, Entry, is_hidden, normalized, quoted
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature …, name length, extra length
_ENCRYPTED = 0x1
# What DEFLATE can reach at most is 1032 : 1 (RFC 1951: 258 bytes from two bits).
_MAXIMUM_RATIO = 1032
# The tail that identifies the archive's state; it holds the directory, with the CRC of every
# file, of archives of up to about 200,000 files.
_TAIL_BYTES = 16 * 1024 * 1024
_MALFORMED = (
    OSError,
    zipfile.BadZipFile,
    NotImplementedError,
    struct.error,
    ValueError,
    OverflowError,
    IndexError,
    EOFError,
)


class ZipTree:
    """Every visible file of a zip archive.

    `zipfile` parses the directory. Reading does not go through it: its file object is shared
    under a lock, and costs several times what decoding a small picture does. Here each read is
    one `os.pread`, so that threads read side by side.

    Parameters
    ----------
    path : path-like
        The archive.

    Raises
    ------
    DataError
        If the file is no zip archive or is damaged, encrypted, or built to mislead: paths that
        leave the archive, files that overlap or stand twice, impossible compression ratios.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve(strict=True)
        self.notes: list[str] = []
        self.folders: list[str] = []
        self._handle = -1  # stands before anything can fail: close() reads it
        self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    @cached_property
    def entries(self) -> list[Entry]:
        """Every visible regular file, in the order of its name; listed when first asked for."""
        return [
            Entry(name, member.file_size, member.CRC, position)
            for position, (name, member) in enumerate(self._members)
        ]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over path, size, modification time and the end of the archive."""
        status = os.fstat(self._handle)
        origin = ("zip", str(self.path), status.st_size, status.st_mtime_ns)
        digest = hashlib.sha256(repr(origin).encode("utf-8", "backslashreplace"))
        start = max(0, status.st_size - _TAIL_BYTES)
        digest.update(os.pread(self._handle, _TAIL_BYTES, start))
        return digest.hexdigest()

    def read(self, entry: Entry) -> bytes:
        """Return the bytes of one file, its length and CRC-32 checked."""
        member = self._members[entry.position][1]
        _check_sizes(member)
        data = _inflate(self._stored_bytes(member), member)
        if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
            raise ValueError("the archive's checksum does not match: the file is damaged")
        return data

    def open(self, entry: Entry) -> BinaryIO:
        """Open one file, inflated in memory."""
        return io.BytesIO(self.read(entry))

    def close(self) -> None:
        """Close the archive."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __del__(self) -> None:
        """Close the archive."""
        self.close()

    def _stored_bytes(self, member: zipfile.ZipInfo) -> bytes:
        # The local header repeats the name, and its extra field may be a little longer than the
        # directory's: 64 bytes of slack make a second read rare.
        slack = 64
        guess = _LOCAL_HEADER.size + len(member.orig_filename) + slack + member.compress_size
        block = os.pread(self._handle, guess, member.header_offset)
        if len(block) < _LOCAL_HEADER.size:
            raise ValueError("the archive ends inside the file")
        signature, name_length, extra_length = _LOCAL_HEADER.unpack_from(block)
        if signature != b"PK\x03\x04":
            raise ValueError("the archive's directory points to something that is not a file")
        start = _LOCAL_HEADER.size + name_length + extra_length
        if start + member.compress_size > len(block):
            block = os.pread(self._handle, member.compress_size, member.header_offset + start)
            start = 0
        return block[start : start + member.compress_size]

    @cached_property
    def _members(self) -> list[tuple[str, zipfile.ZipInfo]]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = archive.infolist()
        except _MALFORMED as error:
            raise DataError(
                f"{quoted(str(self.path))} is not a readable zip archive ({error}).\n"
                "  Expected a .zip of class folders. Try downloading or packing it again."
            ) from error
        _refuse_overlaps(members, self.path)
        names = [_safe_name(member, self.path) for member in members if member.is_dir()]
        self.folders = [name for name in names if not _has_hidden_part(name)]
        files = [member for member in members if not member.is_dir()]
        links = sum(stat.S_ISLNK(member.external_attr >> 16) for member in files)
        if links:
            self.notes.append(f"symbolic links in the archive, not followed: {links:,}")
        visible = sorted(
            (
                (_safe_name(member, self.path), member)
                for member in files
                if not stat.S_ISLNK(member.external_attr >> 16)
            ),
            key=lambda pair: pair[0],
        )
        visible = [pair for pair in visible if not _has_hidden_part(pair[0])]
        _refuse_encryption_and_repeats(visible, self.path)
        return visible


def _safe_name(member: zipfile.ZipInfo, path: Path) -> str:
    name = normalized(member.filename.replace("\\", "/"))
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        raise DataError(
            f"{quoted(str(path))} holds {quoted(name)}, a path that leaves the archive.\n"
            "  No honest tool writes such an entry. Do not use this archive."
        )
    return "/".join(part for part in parts if part not in ("", "."))


def _has_hidden_part(name: str) -> bool:
    return any(map(is_hidden, name.split("/")))


def _refuse_overlaps(members: Iterable[zipfile.ZipInfo], path: Path) -> None:
    end, previous = 0, ""
    for member in sorted(members, key=lambda item: item.header_offset):
        if member.header_offset < end:
            raise DataError(
                f"{quoted(str(path))}: {quoted(previous)} and {quoted(member.filename)} overlap "
                "inside the archive.\n  Such an archive is damaged or built to mislead. "
                "Pack the pictures again."
            )
        # The local header's own extra field is not known here: a lower bound of the end.
        end = member.header_offset + _LOCAL_HEADER.size + member.compress_size
        previous = member.filename


def _refuse_encryption_and_repeats(members: list[tuple[str, zipfile.ZipInfo]], path: Path) -> None:
    previous = None
    for name, member in members:
        if member.flag_bits & _ENCRYPTED:
            raise DataError(
                f"{quoted(str(path))} is protected by a password ({quoted(name)}).\n"
                "  Unpack it with its password and name the folder instead."
            )
        if name == previous:
            raise DataError(
                f"{quoted(str(path))} holds {quoted(name)} twice.\n"
                "  Which one is meant cannot be known. Pack the pictures again."
            )
        previous = name


def _check_sizes(member: zipfile.ZipInfo) -> None:
    if member.file_size > MAXIMUM_FILE_BYTES or member.compress_size > MAXIMUM_FILE_BYTES:
        raise ValueError(f"a file of {member.file_size:,} bytes is too large for a picture")
    if member.file_size > _MAXIMUM_RATIO * (member.compress_size + 1):
        raise ValueError(
            f"{member.compress_size:,} bytes cannot hold the declared {member.file_size:,}"
        )


def _inflate(data: bytes, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type == zipfile.ZIP_STORED:
        return data
    if member.compress_type != zipfile.ZIP_DEFLATED:
        raise ValueError(
            f"compression method {member.compress_type} is not read; pack with DEFLATE or STORE"
        )
    try:
        # One byte more than declared tells a longer stream from one that ends in time.
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, member.file_size + 1)
    except zlib.error as error:
        raise ValueError(f"the compressed data is damaged ({error})") from error
