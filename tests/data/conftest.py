"""Pictures, folders and archives to load; nothing here touches the user's own cache."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PictureMaker = Callable[..., bytes]
FolderMaker = Callable[[Mapping[str, bytes]], Path]
ZipMaker = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("KERNELET_CACHE", str(folder))
    monkeypatch.delenv("KERNELET_DATA", raising=False)
    return folder


@pytest.fixture
def picture() -> PictureMaker:
    """A picture file: ``picture(mode, size, colour, format, **save options)``."""

    def make(
        mode: str = "RGB",
        size: tuple[int, int] = (8, 8),
        colour: object = 0,
        form: str = "PNG",
        **options: object,
    ) -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, size, colour).save(buffer, form, **options)  # type: ignore[arg-type]
        return buffer.getvalue()

    return make


@pytest.fixture
def noise() -> Callable[..., bytes]:
    """A picture file of random pixels, so that two are never equal."""

    def make(seed: int, shape: tuple[int, ...] = (8, 8), form: str = "PNG") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, form)
        return buffer.getvalue()

    return make


@pytest.fixture
def folder(tmp_path: Path) -> FolderMaker:
    """Write ``{name: bytes}`` below a new folder; a name that ends in ``/`` is a folder."""

    def make(files: Mapping[str, bytes]) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for name, data in files.items():
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    return make


@pytest.fixture
def archive(tmp_path: Path) -> ZipMaker:
    """Write ``(name, bytes)`` pairs, in order, to a zip archive."""

    def make(
        files: Mapping[str, bytes] | Iterable[tuple[str | zipfile.ZipInfo, bytes]],
        method: int = zipfile.ZIP_DEFLATED,
    ) -> Path:
        path = tmp_path / "pictures.zip"
        pairs = files.items() if isinstance(files, Mapping) else files
        with zipfile.ZipFile(path, "w", method) as target:
            for name, data in pairs:
                target.writestr(name, data)
        return path

    return make


@pytest.fixture(scope="session")
def cifar10() -> Path:
    """The CIFAR-10 pictures as JPEG files, where this machine has them."""
    root = Path(__file__).parents[2]
    path = Path(os.environ.get("KERNELET_TEST_DATA", root / "../shared/data/cifar10-jpeg.zip"))
    if not path.is_file():
        pytest.skip(f"no CIFAR-10 archive at {path}; KERNELET_TEST_DATA names another place")
    return path
