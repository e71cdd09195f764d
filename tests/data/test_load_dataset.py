from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kernelet.data import load_dataset, memory, reading
from kernelet.data.decoding import decode
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from kernelet.data.sizing import Target

    Picture = Callable[..., bytes]
    FolderMaker = Callable[[dict[str, bytes]], Path]
    ZipMaker = Callable[..., Path]


def test_uniform_pictures_keep_their_shape(folder: FolderMaker, picture: Picture) -> None:
    files = {f"{name}/{i}.png": picture("L", (9, 7), i) for name in "ab" for i in range(10)}
    dataset = load_dataset(folder(files))
    assert dataset.image_shape == (7, 9, 1)
    assert dataset.notes == ()
    assert dataset.train is not None
    assert dataset.validation is not None
    assert dataset.test is None
    assert dataset.train.images.dtype == np.uint8
    assert dataset.train.images.flags.c_contiguous
    assert dataset.class_counts("train") == {"a": 9, "b": 9}
    assert dataset.class_counts("validation") == {"a": 1, "b": 1}
    assert dataset.describe() == "20 pictures of 7×9 grey in 2 classes (train 18, validation 2)"
    for split in dataset.splits.values():
        assert split.files is not None
        for name, label, image in zip(split.files, split.labels, split.images, strict=True):
            folder_name, number = name.removesuffix(".png").split("/")
            assert folder_name == dataset.class_names[label]
            assert (image == int(number)).all()


def mixed(picture: Picture, count: int = 60, side: int = 16) -> dict[str, bytes]:
    """Mostly alike, so that the sample that is looked at first may be uniform."""
    size = (side, side)
    return {f"{name}/{i:03}.png": picture("L", size, i) for name in "ab" for i in range(count)}


def test_one_picture_of_another_form_decides_too(folder: FolderMaker, picture: Picture) -> None:
    files = mixed(picture) | {"b/030x.png": picture("RGB", (40, 20), "red")}
    dataset = load_dataset(folder(files), validation_split=0)
    assert dataset.image_shape == (16, 16, 3)
    assert dataset.notes == (
        "pictures of 2 sizes from 16×16 to 20×40, scaled and cut to their middle: 16×16",
        "colour forms converted to RGB: L 120, RGB 1",
    )
    assert dataset.train is not None
    assert dataset.train.files is not None
    odd = dataset.train.images[list(dataset.train.files).index("b/030x.png")]
    np.testing.assert_array_equal(odd, np.full((16, 16, 3), (255, 0, 0)))


def test_a_broken_picture_does_not_decide(folder: FolderMaker, picture: Picture) -> None:
    truncated = picture("RGB", (500, 300))[:-30]
    dataset = load_dataset(folder(mixed(picture) | {"b/030x.png": truncated}))
    assert dataset.image_shape == (16, 16, 1)
    assert [broken.file for broken in dataset.broken] == ["b/030x.png"]
    assert dataset.notes == ()


def test_given_shapes(folder: FolderMaker, picture: Picture) -> None:
    root = folder({"a/1.png": picture("RGB", (20, 10), "red"), "b/1.png": picture("L", (10, 10))})
    assert load_dataset(root, image_size=6).image_shape == (6, 6, 3)
    assert load_dataset(root, image_size=(4, 6), channels=1).image_shape == (4, 6, 1)
    assert load_dataset(root, channels=1, resize="stretch").resize == "stretch"


# Smaller pictures are decoded by one thread, whatever is asked for.
PARALLEL_SIDE = 72


def test_threads_do_not_change_a_bit(folder: FolderMaker, picture: Picture) -> None:
    files = mixed(picture, 40, PARALLEL_SIDE)
    root = folder(files | {"a/x.png": b"broken", "b/y.tif": picture("RGB", (30, 9), 7, "TIFF")})
    sets = [load_dataset(root, threads=threads, cache=False) for threads in (1, 2, 3, 8)]
    assert len({dataset.fingerprint for dataset in sets}) == 1
    assert len({dataset.broken for dataset in sets}) == 1


def test_threads_decode_side_by_side(
    folder: FolderMaker, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, local, original = threading.Barrier(2, timeout=30), threading.local(), decode

    def meet(image: Image.Image, target: Target) -> NDArray[np.uint8]:
        if not hasattr(local, "met"):
            local.met = True
            together.wait()
        return original(image, target)

    monkeypatch.setattr(reading, "decode", meet)
    dataset = load_dataset(folder(mixed(picture, 20, PARALLEL_SIDE)), threads=2)
    assert dataset.broken == ()


def test_progress_reaches_the_end(folder: FolderMaker, picture: Picture) -> None:
    calls: list[tuple[int, int]] = []
    load_dataset(folder(mixed(picture)), progress=lambda *call: calls.append(call), threads=2)
    assert calls[-1] == (120, 120)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len(calls) > 3


def test_an_interruption_ends_it(folder: FolderMaker, picture: Picture, cache_folder: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_dataset(folder(mixed(picture, 60, PARALLEL_SIDE)), progress=interrupt, threads=2)
    assert list(cache_folder.iterdir()) == []


def with_broken(picture: Picture, broken: int, whole: int) -> dict[str, bytes]:
    files = {f"{name}/{i:03}.png": picture("L", (8, 8), i) for name in "ab" for i in range(whole)}
    return files | {f"a/broken{i:03}.jpg": b"\xff\xd8\xff" + bytes(i) for i in range(broken)}


def test_broken_pictures_are_listed_and_left_out(folder: FolderMaker, picture: Picture) -> None:
    dataset = load_dataset(folder(with_broken(picture, 5, 10)), validation_split=0)
    assert [broken.file for broken in dataset.broken] == [f"a/broken{i:03}.jpg" for i in range(5)]
    assert all(broken.reason for broken in dataset.broken)
    assert dataset.train is not None
    assert len(dataset.train) == 20
    assert dataset.train.images[:, 0, 0, 0].tolist() == [*range(10), *range(10)]
    assert "broken pictures left out: 5\n  'a/broken000.jpg': " in dataset.describe()


def test_too_many_broken_pictures(folder: FolderMaker, picture: Picture) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(folder(with_broken(picture, 6, 10)))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("6 of 26 pictures in '")
    assert lines[0].endswith("' are broken, more than 20%:")
    assert lines[1].startswith("  'a/broken000.jpg': ")
    assert len(lines) == 7
    assert lines[-1] == "  Repair or remove them; up to that share they are left out."


def test_a_class_whose_every_picture_is_broken(folder: FolderMaker, picture: Picture) -> None:
    files = {f"{name}/{i}.png": picture("L") for name in "ab" for i in range(9)}
    with pytest.raises(DataError, match=r"train of .*: every picture of 'c' is broken"):
        load_dataset(folder(files | {"c/1.png": b"x"}))


def test_all_pictures_broken(folder: FolderMaker) -> None:
    with pytest.raises(DataError, match=r"2 of 2 pictures in .* are broken"):
        load_dataset(folder({"a/1.png": b"", "b/1.png": b"x"}))


def test_a_bomb_is_a_broken_picture(folder: FolderMaker, picture: Picture) -> None:
    files = {f"{name}/{i}.png": picture("L") for name in "ab" for i in range(5)}
    bomb = b"P5 60000 60000 255\n" + bytes(100)
    near = b"P5 10000 9999 255\n" + bytes(100)
    dataset = load_dataset(folder(files | {"a/bomb.pgm": bomb, "a/near.pgm": near}))
    assert [broken.reason for broken in dataset.broken] == [
        "too many pixels; at most 89,478,485 are decoded",
        "10,000×9,999 pixels; at most 89,478,485 are decoded",
    ]


BOMBS = """
import resource, sys
from kernelet.data import load_dataset
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dataset = load_dataset(sys.argv[1], cache=False)
assert len(dataset.broken) == 5, dataset.describe()
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start < 64 * 1024
"""


def test_bombs_of_every_format_cost_no_memory(folder: FolderMaker, picture: Picture) -> None:
    size = (16_383).to_bytes(4, "little")
    webp = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size[:2] + b"\0" + size[:2] + b"\0"
    webp += b"VP8 " + picture("RGB", form="WEBP")[16:]
    bombs = {
        "bomb.pgm": b"P5 60000 60000 255\n" + bytes(100),
        "bomb.ppm": b"P6 10000 10000 255\n" + bytes(100),
        "bomb.webp": b"RIFF" + struct.pack("<I", len(webp) + 4) + b"WEBP" + webp,
        "bomb.bmp": picture("RGB", form="BMP").replace(struct.pack("<2i", 8, 8), size * 2),
        "bomb.tif": picture("L", (8, 8), 0, "TIFF").replace(
            struct.pack("<HHIHH", 256, 4, 1, 8, 0), struct.pack("<HHII", 256, 4, 1, 2**30)
        ),
    }
    files = {f"{name}/{i}.png": picture("L") for name in "ab" for i in range(20)}
    root = folder(files | {f"a/{name}": data for name, data in bombs.items()})
    command = [sys.executable, "-c", BOMBS, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pictures_nobody_may_read_are_broken(
    folder: FolderMaker, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kernelet.data.folders import FolderTree

    root = folder({f"{name}/{i}.png": picture("L") for name in "ab" for i in range(5)})
    original = FolderTree.read

    def read(self: FolderTree, entry: object) -> bytes:
        if entry.name == "a/0.png":  # type: ignore[attr-defined]
            raise PermissionError(13, "Permission denied")
        return original(self, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderTree, "read", read)
    assert load_dataset(root).broken[0].reason == "Permission denied"


def test_the_fingerprint_follows_content_and_order(folder: FolderMaker, picture: Picture) -> None:
    files = {f"{name}/{i}.png": picture("L", (8, 8), i) for name in "ab" for i in range(4)}
    root = folder(files)

    def fingerprint(**options: int) -> str:
        return load_dataset(root, validation_split=0, **options).fingerprint  # type: ignore[arg-type]

    first = fingerprint()
    assert len(first) == 64
    (root / "a").rename(root / "c")
    assert fingerprint() != first
    (root / "c").rename(root / "a")
    assert fingerprint() == first
    (root / "a/3.png").rename(root / "a/9.png")  # same order, same pixels
    assert fingerprint() == first
    (root / "a/9.png").rename(root / "a/000.png")
    assert fingerprint() != first


def test_what_does_not_fit_into_memory(
    folder: FolderMaker, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    with pytest.raises(DataError, match="of memory are free"):
        load_dataset(folder(mixed(picture)))


def source_error(source: object, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(source, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_sources_that_are_none(tmp_path: Path) -> None:
    assert source_error("no/such/place") == (
        "'no/such/place' does not exist.\n"
        "  Expected a folder or .zip of class folders, IDX files, an .npz, or the name "
        "fashion-mnist or sample."
    )
    os.mkfifo(tmp_path / "pipe.zip")
    assert "is neither a file nor a folder" in source_error(tmp_path / "pipe.zip")
    (tmp_path / "some.jpg").touch()
    assert source_error("x" * 5000).endswith("' cannot be read: File name too long.")
    assert source_error(("a",)) == "source has 1 paths; expected (pictures, labels)."
    assert "is a single file; expected a .zip" in source_error(tmp_path / "some.jpg")
    (tmp_path / "empty").mkdir()
    assert source_error(tmp_path / "empty").startswith("No pictures in '")


def test_options_that_are_none(tmp_path: Path) -> None:
    assert "threads is 0; expected at least 1" in source_error("sample", threads=0)
    assert "image_size is 0" in source_error("sample", image_size=0)
    assert "channels is 2" in source_error("sample", channels=2)
    assert "resize is 'x'" in source_error("sample", resize="x")
    assert "validation_split is 2" in source_error("sample", validation_split=2)
    assert "seed is -1" in source_error("sample", seed=-1)


def test_the_packaged_sample() -> None:
    dataset = load_dataset("sample")
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 4860,
        "validation": 540,
        "test": 900,
    }
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.broken == ()
    assert set(dataset.class_counts("test").values()) == {90}
    assert load_dataset(None).fingerprint == dataset.fingerprint


def test_a_folder_called_sample_comes_first(
    folder: FolderMaker, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder({"sample/a/1.png": picture(), "sample/b/1.png": picture()})
    monkeypatch.chdir(root)
    assert load_dataset("sample").class_names == ("a", "b")


def test_real_colour_pictures(cifar10: Path) -> None:
    from kernelet.data.archives import ZipTree
    from kernelet.data.layout import find_layout
    from kernelet.data.reading import read_pictures

    tree = ZipTree(cifar10)
    layout = find_layout(tree.entries, "cifar")
    assert {name: len(split.entries) for name, split in layout.splits.items()} == {
        "train": 50_000,
        "test": 10_000,
    }
    some = layout.splits["test"].entries[::10]
    decoded = read_pictures(tree, some, image_size=None, channels=None, resize="crop")
    assert decoded.images.shape == (1000, 32, 32, 3)
    assert decoded.broken == []
    # CIFAR-10's published channel means are 0.491, 0.482, 0.447 of 255.
    means = decoded.images.mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(means, (0.491, 0.482, 0.447), atol=0.02)
