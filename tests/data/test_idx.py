from __future__ import annotations

import gzip
import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from kernelet.data import load_dataset
from kernelet.data.idx import find_idx_files, labels_beside, parse_idx, read_idx
from kernelet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx(array: NDArray[Any]) -> bytes:
    code = CODES[array.dtype.str[1:]]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    npst.arrays(
        st.sampled_from(list(CODES)).map(np.dtype),
        npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    )
)
def test_every_type_and_shape_comes_back(array: NDArray[Any]) -> None:
    parsed = parse_idx(io.BytesIO(idx(array)))
    assert parsed.dtype == array.dtype
    np.testing.assert_array_equal(parsed, array)


@settings(max_examples=300)
@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\0\0\x08" + tail))
def test_any_bytes_are_an_array_or_a_data_error(data: bytes) -> None:
    try:
        array = parse_idx(io.BytesIO(data))
    except DataError:
        return
    assert 4 + 4 * array.ndim + array.nbytes == len(data)


def message(data: bytes) -> str:
    with pytest.raises(DataError) as caught:
        parse_idx(io.BytesIO(data), "x-idx3-ubyte")
    return str(caught.value)


def test_errors_say_what_was_found() -> None:
    good = idx(np.zeros((2, 3, 4), np.uint8))
    assert message(b"\x89PNG....") == (
        "'x-idx3-ubyte' is not an IDX file: it begins with 89 50 4e 47; "
        "expected 00 00, a type from 08 to 0e and the number of dimensions."
    )
    assert "begins with nothing" in message(b"")
    assert message(good[:10]) == "'x-idx3-ubyte' has 3 dimensions but ends inside its header."
    assert message(good[:-5]) == (
        "'x-idx3-ubyte' is cut off: its header declares 2 × 3 × 4 values, 24 bytes, "
        "and 19 are there.\n  Try downloading or copying it again."
    )
    assert "goes on after the 2 × 3 × 4 values" in message(good + b"x")
    huge = struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3)
    assert "bytes of memory are free" in message(huge)


def test_compression_is_told_by_content(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for name, data in (("a", idx(array)), ("b", gzip.compress(idx(array)))):
        (tmp_path / name).write_bytes(data)
        np.testing.assert_array_equal(read_idx(tmp_path / name), array)


def test_compression_in_members_with_zeros_behind_them(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (9, 10_000), np.uint8)
    data = idx(array)
    members = [data[:3], data[3:50], b"", data[50:]]
    file = tmp_path / "x.gz"
    file.write_bytes(b"".join(gzip.compress(member) + bytes(7) for member in members))
    np.testing.assert_array_equal(read_idx(file), array)
    file.write_bytes(file.read_bytes() + b"no member")
    with pytest.raises(DataError, match=r"x.gz' cannot be read"):
        read_idx(file)


def test_a_wrong_checksum(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(idx(np.zeros((2, 3), np.uint8))))
    data[-8] ^= 1
    (tmp_path / "x.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"x.gz' cannot be read: .*incorrect data check"):
        read_idx(tmp_path / "x.gz")


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_compression(tmp_path: Path, damage: str) -> None:
    data = bytearray(gzip.compress(idx(np.random.default_rng(0).integers(0, 9, 999, np.int32))))
    if damage == "cut":
        del data[-40:]
    else:
        data[len(data) // 2] ^= 0xFF
    (tmp_path / "x.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"x.gz' (cannot be read|is cut off|goes on)"):
        read_idx(tmp_path / "x.gz")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory\."):
        read_idx(tmp_path / "nothing")


def write_mnist(folder: Path, suffix: str = "", separator: str = "-") -> None:
    rng = np.random.default_rng(0)
    for prefix, count in (("train", 40), ("t10k", 10)):
        images = rng.integers(0, 256, (count, 5, 4), np.uint8)
        labels = (np.arange(count) % 4).astype(np.uint8)
        for kind, array in (("images", images), ("labels", labels)):
            data = idx(array)
            name = f"{prefix}-{kind}{separator}idx{array.ndim}-ubyte{suffix}"
            (folder / name).write_bytes(gzip.compress(data) if suffix else data)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_a_folder_as_mnist_has_it(tmp_path: Path, suffix: str, separator: str) -> None:
    write_mnist(tmp_path, suffix, separator)
    assert find_idx_files(tmp_path).keys() == {"train", "test"}
    dataset = load_dataset(tmp_path, validation_split=0.2)
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 32,
        "validation": 8,
        "test": 10,
    }
    assert dataset.class_names == ("0", "1", "2", "3")
    assert dataset.image_shape == (5, 4, 1)
    assert dataset.test is not None
    assert dataset.test.labels.dtype == np.int32


def test_a_pair_and_a_single_file(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    images = tmp_path / "t10k-images-idx3-ubyte"
    labels = labels_beside(images)
    assert labels == tmp_path / "t10k-labels-idx1-ubyte"
    pair = load_dataset((images, labels), validation_split=0)
    assert pair.train is not None
    assert len(pair.train) == 10
    assert load_dataset(images, validation_split=0).fingerprint == pair.fingerprint
    labels.unlink()
    with pytest.raises(DataError, match="with its labels beside it"):
        load_dataset(images)
    with pytest.raises(DataError, match=r"labels have shape \(40,\) for 10 pictures"):
        load_dataset((images, tmp_path / "train-labels-idx1-ubyte"))
