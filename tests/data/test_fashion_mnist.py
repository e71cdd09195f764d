from __future__ import annotations

import hashlib
import io
import shutil
import urllib.request
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kernelet import datasets
from kernelet.data import fashion_mnist, load_dataset
from kernelet.data.fashion_mnist import CLASS_NAMES, DEBIAN_FOLDER
from kernelet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    f"{part}-{kind}-ubyte.gz"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
]


@pytest.fixture(scope="session")
def debian() -> Path:
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    return DEBIAN_FOLDER


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No copy on this machine, and no network."""
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "no-such-package")

    def unreachable(url: str, timeout: float) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)


def serve(monkeypatch: pytest.MonkeyPatch, folder: Path, change: bytes = b"") -> list[str]:
    requested: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        assert url.startswith("https://")
        assert timeout > 0
        requested.append(url.rpartition("/")[2])
        return io.BytesIO(change + (folder / requested[-1]).read_bytes())

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return requested


def test_by_name(debian: Path) -> None:
    dataset = load_dataset("fashion-mnist")
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 54_000,
        "validation": 6_000,
        "test": 10_000,
    }
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.class_names == CLASS_NAMES
    assert set(dataset.class_counts("validation").values()) == {600}


def test_a_folder_with_its_files_is_recognised(debian: Path, tmp_path: Path) -> None:
    for name in FILES[2:]:
        shutil.copy(debian / name, tmp_path / name)
    dataset = load_dataset(tmp_path)
    assert dataset.class_names[9] == "Ankle boot"
    assert list(dataset.splits) == ["test"]


def test_as_keras_gives_it(debian: Path) -> None:
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    assert (x_train.shape, x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert (y_train.shape, y_test.shape) == ((60_000,), (10_000,))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert y_train[:5].tolist() == [9, 0, 0, 3, 0]


def test_a_named_place_comes_first(
    debian: Path, nowhere: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fashion-mnist").symlink_to(debian)
    monkeypatch.setenv("KERNELET_DATA", str(tmp_path))
    assert fashion_mnist.find_fashion_mnist() == tmp_path / "fashion-mnist"


def test_downloaded_once_and_checked(
    debian: Path, nowhere: None, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested = serve(monkeypatch, debian)
    assert fashion_mnist.find_fashion_mnist() == cache_folder / "fashion-mnist"
    assert fashion_mnist.find_fashion_mnist() == cache_folder / "fashion-mnist"
    assert requested == FILES
    assert sorted(path.name for path in (cache_folder / "fashion-mnist").iterdir()) == sorted(FILES)


def test_another_file_under_the_address_is_not_taken(
    debian: Path, nowhere: None, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, debian, change=b"x")
    with pytest.raises(DataError, match="is not the published file: its SHA-256 differs"):
        load_dataset("fashion-mnist")
    assert list((cache_folder / "fashion-mnist").iterdir()) == []


def test_without_a_network(nowhere: None) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset("fashion-mnist")
    first, _, *repair = str(caught.value).splitlines()
    assert first == (
        "Fashion-MNIST is not on this machine and could not be downloaded (no network)."
    )
    assert repair[0].startswith("  On Debian and Ubuntu: apt-get install dataset-fashion-mnist.")


def test_the_digests_are_those_of_the_files(debian: Path) -> None:
    for name in FILES:
        data = (debian / name).read_bytes()
        assert fashion_mnist._FILES[name] == (hashlib.sha256(data).hexdigest(), len(data))
