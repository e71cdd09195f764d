from __future__ import annotations

import struct
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from kernelet.data import load_dataset
from kernelet.data.archives import ZipTree
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    ZipMaker = Callable[..., Path]
    Noise = Callable[..., bytes]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_what_was_packed_is_read(archive: ZipMaker, method: int) -> None:
    files = {"b/1.txt": b"x" * 1000, "a/ü.txt": b"", "a/__MACOSX/x": b"", ".DS_Store": b""}
    tree = ZipTree(archive(files, method))
    assert [(entry.name, entry.size) for entry in tree.entries] == [
        ("a/ü.txt", 0),
        ("b/1.txt", 1000),
    ]
    assert [tree.read(entry) for entry in tree.entries] == [b"", b"x" * 1000]


def test_an_archive_loads_as_its_folder_does(
    archive: ZipMaker, noise: Noise, folder: Callable[..., Path]
) -> None:
    files = {f"train/{name}/{i}.png": noise(i) for i in range(4) for name in "ab"}
    packed = load_dataset(archive({f"data/{name}": data for name, data in files.items()}))
    loose = load_dataset(folder(files))
    assert packed.fingerprint == loose.fingerprint


def test_backslashes_separate_as_windows_tools_write_them(archive: ZipMaker) -> None:
    path = archive({"a/1.jpg": b"1"})
    path.write_bytes(path.read_bytes().replace(b"a/1.jpg", b"a\\1.jpg"))
    assert [entry.name for entry in ZipTree(path).entries] == ["a/1.jpg"]


def test_an_archive_behind_other_bytes_is_read(archive: ZipMaker) -> None:
    path = archive({"a/1.jpg": b"12345"})
    path.write_bytes(b"#!/bin/sh\n" * 100 + path.read_bytes())
    tree = ZipTree(path)
    assert tree.read(tree.entries[0]) == b"12345"


def test_symbolic_links_are_not_followed(archive: ZipMaker) -> None:
    link = zipfile.ZipInfo("a/link.jpg")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    tree = ZipTree(archive([(link, b"/etc/passwd"), ("a/1.jpg", b"")]))
    assert [entry.name for entry in tree.entries] == ["a/1.jpg"]
    assert tree.notes == ["symbolic links in the archive, not followed: 1"]


def listing_error(path: Path) -> str:
    start = time.process_time()
    with pytest.raises(DataError) as caught:
        _ = ZipTree(path).entries
    assert time.process_time() - start < 1
    return str(caught.value)


SLIPS = [
    "../x.jpg",
    "a/../../x.jpg",
    "/etc/x.jpg",
    "C:/x.jpg",
    "..\\x.jpg",
    "\\\\host\\x.jpg",
    "a/..",
]


@pytest.mark.parametrize("name", SLIPS)
def test_paths_that_leave_the_archive(archive: ZipMaker, name: str) -> None:
    text = listing_error(archive({name: b"1"}))
    assert "a path that leaves the archive.\n  No honest tool writes such an entry." in text


def test_entries_that_stand_twice(archive: ZipMaker) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive([("a/1.jpg", b"1"), ("a/1.jpg", b"2")])
    assert "holds 'a/1.jpg' twice" in listing_error(path)
    assert "holds 'a/1.jpg' twice" in listing_error(archive({"a/1.jpg": b"", "a//1.jpg": b""}))


def patched(path: Path, signature: bytes, offset: int, value: bytes) -> Path:
    """Overwrite a field of every record that begins with a signature."""
    data, start = bytearray(path.read_bytes()), 0
    while (start := data.find(signature, start)) >= 0:
        data[start + offset : start + offset + len(value)] = value
        start += 4
    path.write_bytes(data)
    return path


DIRECTORY = b"PK\x01\x02"


def test_encrypted_entries(archive: ZipMaker) -> None:
    path = patched(archive({"a/1.jpg": b"1"}), DIRECTORY, 8, b"\x01\x00")
    assert "is protected by a password ('a/1.jpg').\n  Unpack it" in listing_error(path)


def test_entries_that_overlap(archive: ZipMaker) -> None:
    path = archive({"a/1.jpg": b"1" * 50, "a/2.jpg": b"2" * 50}, zipfile.ZIP_STORED)
    text = listing_error(patched(path, DIRECTORY, 42, struct.pack("<I", 0)))
    assert "'a/1.jpg' and 'a/2.jpg' overlap inside the archive." in text


def read_error(path: Path) -> str:
    tree = ZipTree(path)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (the text is returned)
        tree.read(tree.entries[0])
    return str(caught.value)


def test_damaged_entries_are_told_one_by_one(archive: ZipMaker) -> None:
    def fresh(method: int = zipfile.ZIP_DEFLATED) -> Path:
        return archive({"a/1.jpg": bytes(range(256)) * 4}, method)

    assert "checksum does not match" in read_error(patched(fresh(), DIRECTORY, 16, b"1234"))
    assert "1,025 bytes" not in read_error(patched(fresh(), DIRECTORY, 24, struct.pack("<I", 1025)))
    assert "checksum does not match" in read_error(
        patched(fresh(), DIRECTORY, 24, struct.pack("<I", 100))
    )
    assert "too large for a picture" in read_error(
        patched(fresh(), DIRECTORY, 24, struct.pack("<I", 2**31))
    )
    assert "cannot hold the declared 100,000,000" in read_error(
        patched(fresh(), DIRECTORY, 24, struct.pack("<I", 10**8))
    )
    assert "compression method 99" in read_error(patched(fresh(), DIRECTORY, 10, b"\x63\x00"))
    assert "not a file" in read_error(patched(fresh(), b"PK\x03\x04", 0, b"XX"))
    path = fresh()
    data = bytearray(path.read_bytes())
    data[60:70] = b"\xff" * 10
    path.write_bytes(data)
    assert "damaged" in read_error(path)


def test_a_bomb_inflates_no_further_than_declared(archive: ZipMaker) -> None:
    path = archive({"a/1.jpg": bytes(50_000_000)})
    patched(path, DIRECTORY, 24, struct.pack("<I", 1000))
    assert "checksum does not match" in read_error(path)


@pytest.mark.parametrize("keep", [0, 1, 21, 40, 100])
def test_truncated_archives(archive: ZipMaker, keep: int) -> None:
    path = archive({f"a/{index}.jpg": b"1" * 50 for index in range(3)})
    path.write_bytes(path.read_bytes()[:keep])
    assert "is not a readable zip archive" in listing_error(path)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_are_errors_or_the_same_pictures(
    archive: ZipMaker, noise: Noise, seed: int
) -> None:
    import random

    files = {f"{name}/{index}.png": noise(index) for name in "ab" for index in range(2)}
    path = archive(files)
    data, choose = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(3):
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    path.write_bytes(data)
    try:
        tree = ZipTree(path)
        entries = tree.entries
    except DataError:
        return
    for entry in entries:
        try:
            content = tree.read(entry)
        except (ValueError, OSError):
            continue
        assert content in files.values()
