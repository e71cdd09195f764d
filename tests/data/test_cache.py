from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kernelet.data import cache as cache_module
from kernelet.data import load_dataset, reading
from kernelet.data.cache import PictureCache, cache_folder, cache_key
from kernelet.data.dataset import BrokenPicture, Dataset, Split

if TYPE_CHECKING:
    from collections.abc import Callable

    Noise = Callable[..., bytes]
    FolderMaker = Callable[[dict[str, bytes]], Path]
    ZipMaker = Callable[..., Path]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One number, of pictures, for each time that pictures are decoded."""
    counts: list[int] = []
    original = reading.read_pictures

    def counted(tree: object, entries: list[object], **options: object) -> object:
        counts.append(len(entries))
        return original(tree, entries, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_pictures", counted)
    return counts


def files(noise: Noise) -> dict[str, bytes]:
    pictures = {f"{name}/{index}.png": noise(index) for name in "ab" for index in range(5)}
    return pictures | {"a/broken.png": b"no picture", "notes.txt": b""}


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_the_second_time_nothing_is_decoded(
    folder: FolderMaker, archive: ZipMaker, noise: Noise, decodings: list[int], kind: str
) -> None:
    source = folder(files(noise)) if kind == "folder" else archive(files(noise))
    first, second = load_dataset(source), load_dataset(source)
    assert decodings == [11]
    assert first.fingerprint == second.fingerprint
    assert (first.broken, first.notes) == (second.broken, second.notes)
    assert first.broken[0].file == "a/broken.png"
    assert first.class_names == second.class_names
    for name, split in first.splits.items():
        assert split.files == second.splits[name].files
    assert second.train is not None
    assert second.train.images.flags.writeable


def test_options_have_entries_of_their_own(
    folder: FolderMaker, noise: Noise, decodings: list[int]
) -> None:
    root = folder(files(noise))
    assert load_dataset(root).image_shape == (8, 8, 1)
    assert load_dataset(root, image_size=4).image_shape == (4, 4, 1)
    assert load_dataset(root, channels=3).image_shape == (8, 8, 3)
    assert load_dataset(root, class_names=("b", "a")).class_names == ("b", "a")
    assert len(decodings) == 4
    load_dataset(root, image_size=4, validation_split=0.3, seed=9, threads=1)
    assert len(decodings) == 4  # these decide about decoded pictures


@pytest.mark.parametrize("change", ["content", "addition", "removal", "name"])
def test_changed_files_are_decoded_again(
    folder: FolderMaker, noise: Noise, decodings: list[int], change: str
) -> None:
    root = folder(files(noise))
    before = load_dataset(root)
    path = root / "b/4.png"
    status = path.stat()
    if change == "content":
        path.write_bytes(noise(99)[: status.st_size].ljust(status.st_size, b"\0"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "addition":
        (root / "b/5.png").write_bytes(noise(5))
    elif change == "removal":
        path.unlink()
    else:
        path.rename(root / "a/9.png")
    assert load_dataset(root).fingerprint != before.fingerprint
    assert len(decodings) == 2


def test_a_repacked_archive_of_the_same_size_and_time_is_read_again(
    archive: ZipMaker, noise: Noise, decodings: list[int]
) -> None:
    pictures = files(noise)
    path = archive(pictures, 0)
    before, status = load_dataset(path), path.stat()
    pictures["a/1.png"], pictures["a/2.png"] = pictures["a/2.png"], pictures["a/1.png"]
    archive(pictures, 0)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load_dataset(path).fingerprint != before.fingerprint
    assert len(decodings) == 2


def entry(folder: Path) -> Path:
    (path,) = (folder / "pictures").iterdir()
    return path


@pytest.mark.parametrize("damage", ["empty", "cut", "first", "header", "pixel", "label", "longer"])
def test_damaged_entries_are_decoded_again(
    folder: FolderMaker, noise: Noise, decodings: list[int], cache_folder: Path, damage: str
) -> None:
    root = folder(files(noise))
    before = load_dataset(root)
    path = entry(cache_folder)
    data = bytearray(path.read_bytes())
    if damage == "empty":
        data.clear()
    elif damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "longer":
        data[80:80] = b" "
    else:
        data[{"first": 0, "header": 90, "pixel": len(data) - 400, "label": -1}[damage]] ^= 1
    path.write_bytes(data)
    assert load_dataset(root).fingerprint == before.fingerprint
    assert len(decodings) == 2
    load_dataset(root)
    assert len(decodings) == 2


def test_pickled_objects_in_an_entry_are_not_loaded(cache_folder: Path) -> None:
    store = PictureCache()
    store.folder.mkdir(parents=True)
    with (store.folder / "key.pictures").open("wb") as file:
        file.write(b"0" * 64 + b'\n{"files": {"train": null}}\n')
        np.save(file, np.array([print], object), allow_pickle=True)
    assert store.load("key") is None


def dataset(size: int) -> Dataset:
    split = Split(np.zeros((2, size, 1, 1), np.uint8), np.array([0, 1], np.int32), ["a", "b"])
    broken = (BrokenPicture("x\n'<b>", "reason"),)
    return Dataset(("ä", "<b>"), None, None, split, "somewhere", "stretch", broken, ("note",))


def test_everything_comes_back(tmp_path: Path) -> None:
    store, stored = PictureCache(tmp_path), dataset(3)
    store.store("key", stored)
    loaded = store.load("key")
    assert loaded is not None
    assert loaded.fingerprint == stored.fingerprint
    for name in ("class_names", "source", "resize", "broken", "notes", "train", "validation"):
        assert getattr(loaded, name) == getattr(stored, name)
    assert store.load("other") is None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    store = PictureCache(tmp_path, limit=10_000)
    for index, key in enumerate("abc"):
        store.store(key, dataset(1000))
        os.utime(tmp_path / f"{key}.pictures", (index, index))
    assert store.load("a") is not None  # now the most recent
    store.store("d", dataset(2500))
    assert [key for key in "abcd" if store.load(key)] == ["a", "d"]
    store.store("e", dataset(20_000))
    assert store.load("e") is None


def test_a_crash_leaves_no_entry_and_its_remains_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PictureCache(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", fail)
        with pytest.raises(OSError, match="No space left"):
            store.store("key", dataset(3))
    assert list(tmp_path.iterdir()) == []
    old, recent = tmp_path / "old.unfinished", tmp_path / "new.unfinished"
    old.touch()
    recent.touch()
    os.utime(old, (0, 0))
    store.store("key", dataset(3))
    assert not old.exists()
    assert recent.exists()


def test_a_cache_that_cannot_be_written_is_a_note(
    folder: FolderMaker, noise: Noise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERNELET_CACHE", str(tmp_path / "file"))
    loaded = load_dataset(folder(files(noise)))
    assert loaded.notes[-1] == "the decoded pictures were not cached: Not a directory"


def test_without_a_cache_nothing_is_written(
    folder: FolderMaker, noise: Noise, cache_folder: Path
) -> None:
    load_dataset(folder(files(noise)), cache=False)
    assert list(cache_folder.iterdir()) == []


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERNELET_CACHE", "/named")
    assert cache_folder() == Path("/named")
    monkeypatch.delenv("KERNELET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/kernelet")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache/kernelet"


def test_only_the_user_may_look_into_it(
    folder: FolderMaker, noise: Noise, cache_folder: Path
) -> None:
    load_dataset(folder(files(noise)))
    assert stat.S_IMODE((cache_folder / "pictures").stat().st_mode) == 0o700


def test_the_key_covers_versions_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    key = cache_key("state", size=1)
    assert key == cache_key("state", size=1)
    assert len({key, cache_key("other", size=1), cache_key("state", size=2)}) == 3
    monkeypatch.setattr(cache_module, "CACHE_VERSION", 0)
    assert cache_key("state", size=1) != key
