from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from kernelet.data import load_pictures
from kernelet.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Picture = Callable[..., bytes]
    FolderMaker = Callable[[dict[str, bytes]], Path]
    ZipMaker = Callable[..., Path]


def test_files_folders_and_archives_in_the_order_given(
    folder: FolderMaker, archive: ZipMaker, picture: Picture
) -> None:
    root = folder(
        {
            "z/2.png": picture("L", colour=2),
            "z/deep/3.png": picture("L", colour=3),
            "z/readme.txt": b"",
            "odd.name": picture("L", colour=1),
        }
    )
    packed = archive({"x/4.png": picture("L", colour=4), "x/notes.txt": b""})
    loaded = load_pictures([packed, root / "odd.name", root / "z"], image_shape=(8, 8, 1))
    assert len(loaded) == 4
    assert loaded.images[:, 0, 0, 0].tolist() == [4, 1, 2, 3]
    assert loaded.files == (
        f"{packed}/x/4.png",
        f"{root}/odd.name",
        f"{root}/z/2.png",
        f"{root}/z/deep/3.png",
    )


def test_every_picture_gets_the_shape_of_the_model(folder: FolderMaker, picture: Picture) -> None:
    root = folder({"1.png": picture("RGB", (30, 20), "red"), "2.png": picture("L", (5, 5), 9)})
    loaded = load_pictures(str(root), image_shape=(6, 4, 3), resize="stretch")
    assert loaded.images.shape == (2, 6, 4, 3)
    np.testing.assert_array_equal(loaded.images[1], np.full((6, 4, 3), 9))


def test_broken_pictures_are_told_and_the_rest_is_loaded(
    folder: FolderMaker, picture: Picture
) -> None:
    root = folder({"1.png": b"x", "2.png": picture("L", colour=2), "3.png": b""})
    loaded = load_pictures(root, image_shape=(8, 8, 1))
    assert loaded.files == (f"{root}/2.png",)
    assert loaded.images[:, 0, 0, 0].tolist() == [2]
    assert [broken.file for broken in loaded.broken] == [f"{root}/1.png", f"{root}/3.png"]
    everything_broken = load_pictures(root / "1.png", image_shape=(8, 8, 1))
    assert everything_broken.images.shape == (0, 8, 8, 1)


def test_a_link_that_is_named_is_followed(
    folder: FolderMaker, picture: Picture, tmp_path: Path
) -> None:
    (tmp_path / "link.png").symlink_to(folder({"1.png": picture()}) / "1.png")
    assert len(load_pictures(tmp_path / "link.png", image_shape=(8, 8, 1))) == 1


def test_paths_without_pictures(folder: FolderMaker, tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(DataError) as caught:
            load_pictures([path], image_shape=(8, 8, 3))
        return str(caught.value)

    assert message(folder({"a.txt": b""})).startswith("No pictures in '")
    missing = message(tmp_path / "missing.png")
    assert missing.endswith("does not exist; expected a picture, a folder or a .zip.")
    os.mkfifo(tmp_path / "pipe.png")
    assert "is neither a file nor a folder" in message(tmp_path / "pipe.png")
