"""Make the packaged sample: a part of Fashion-MNIST as a zip of PNG class folders.

The same files in give the same bytes out. Run from the root of the repository::

    python tools/make_sample.py [FOLDER OF THE IDX FILES]
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kernelet.data.fashion_mnist import CLASS_NAMES, DEBIAN_FOLDER
from kernelet.data.idx import find_idx_files, read_idx

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = Path(__file__).parents[1] / "src/kernelet/data/sample"
PICTURES_A_CLASS = {"train": 540, "test": 90}
MAXIMUM_BYTES = 4_000_000
_TIMESTAMP = (2020, 1, 1, 0, 0, 0)


def folder_name(class_name: str) -> str:
    """Return a class name as a folder name that every file system takes."""
    return class_name.lower().replace("/", "-").replace(" ", "-")


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return a grey picture as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def write_member(archive: zipfile.ZipFile, name: str, data: bytes, method: int) -> None:
    """Write a member that depends on nothing but its name and content."""
    member = zipfile.ZipInfo(name, _TIMESTAMP)
    member.compress_type = method
    member.external_attr = 0o644 << 16
    archive.writestr(member, data)


def main(source: Path = DEBIAN_FOLDER) -> None:
    """Write the sample: the first pictures of every class, in the order of the originals."""
    path = SAMPLE / "fashion-mnist-sample.zip"
    pairs = find_idx_files(source)
    with zipfile.ZipFile(path, "w") as archive:
        notice = (SAMPLE / "NOTICE").read_bytes()
        write_member(archive, "NOTICE", notice, zipfile.ZIP_DEFLATED)
        for split, count in PICTURES_A_CLASS.items():
            images, labels = map(read_idx, pairs[split])
            for number, class_name in enumerate(CLASS_NAMES):
                for index in np.flatnonzero(labels == number)[:count]:
                    name = f"{split}/{folder_name(class_name)}/{index:05d}.png"
                    write_member(archive, name, png(images[index]), zipfile.ZIP_STORED)
    size = path.stat().st_size
    print(f"{path}: {size:,} bytes")
    if size > MAXIMUM_BYTES:
        sys.exit(f"The sample may take {MAXIMUM_BYTES:,} bytes at most.")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
