"""The packaged sample is what its maker makes, and small."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernelet.data.fashion_mnist import DEBIAN_FOLDER

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]


@pytest.fixture
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", ROOT / "tools/make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_small_and_carries_its_notice(maker: ModuleType) -> None:
    path = maker.SAMPLE / "fashion-mnist-sample.zip"
    assert path.stat().st_size <= maker.MAXIMUM_BYTES
    with zipfile.ZipFile(path) as archive:
        assert archive.read("NOTICE") == (maker.SAMPLE / "NOTICE").read_bytes()
        assert b"Copyright \xc2\xa9 2017 Zalando SE" in archive.read("NOTICE")


def test_its_maker_makes_its_pictures(
    maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not DEBIAN_FOLDER.is_dir():
        pytest.skip("Debian's package dataset-fashion-mnist is not installed")
    checked_in = maker.SAMPLE
    (tmp_path / "NOTICE").write_bytes((checked_in / "NOTICE").read_bytes())
    monkeypatch.setattr(maker, "SAMPLE", tmp_path)
    maker.main()
    with (
        zipfile.ZipFile(tmp_path / "fashion-mnist-sample.zip") as made,
        zipfile.ZipFile(checked_in / "fashion-mnist-sample.zip") as kept,
    ):
        assert made.namelist() == kept.namelist()
    # Compressed bytes may differ between releases of zlib; pixels may not.
    from kernelet.data import load_dataset

    fingerprints = {
        load_dataset(folder / "fashion-mnist-sample.zip").fingerprint
        for folder in (tmp_path, checked_in)
    }
    assert len(fingerprints) == 1
