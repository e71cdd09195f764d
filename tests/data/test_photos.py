"""Photos at full depth: what is read, and that PNG brings it back."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from kernelet.data.photos import Photo, encode_png, read_photo
from kernelet.errors import DataError


def random_photo(channels: int, dtype: str, *, alpha: bool, profile: bytes | None = None) -> Photo:
    random = np.random.default_rng(channels)
    values = random.integers(0, np.iinfo(dtype).max, (5, 7, 4), endpoint=True, dtype=dtype)
    return Photo(values[..., :channels], values[..., 3] if alpha else None, profile)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    return path


def same(one: Photo, other: Photo) -> bool:
    if (one.alpha is None) != (other.alpha is None):
        return False
    alike = one.alpha is None or np.array_equal(one.alpha, other.alpha)  # type: ignore[arg-type]
    return (
        one.pixels.dtype == other.pixels.dtype
        and np.array_equal(one.pixels, other.pixels)
        and alike
    )


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_brings_every_depth_back(
    tmp_path: Path, channels: int, dtype: str, alpha: bool
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = random_photo(channels, dtype, alpha=alpha, profile=profile)
    data = encode_png(photo)
    again = read_photo(written(tmp_path, data))
    assert same(photo, again)
    assert again.profile == profile
    with Image.open(io.BytesIO(data)) as image:
        image.verify()  # checksums
    assert data[24] == 8 * photo.pixels.itemsize, "bits a sample, in the header"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Return a PNG with a chunk after its header."""
    return data[:33] + chunk(kind, body) + data[33:]


@pytest.mark.parametrize("channels", [1, 3])
def test_one_value_can_stand_for_transparent(tmp_path: Path, channels: int) -> None:
    photo = random_photo(channels, "uint16", alpha=False)
    invisible = photo.pixels[2, 3]
    data = with_chunk(encode_png(photo), b"tRNS", invisible.astype(">u2").tobytes())
    again = read_photo(written(tmp_path, data))
    expected = np.full((5, 7), 65535, np.uint16)
    expected[2, 3] = 0
    assert same(again, Photo(photo.pixels, expected))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_orientation_is_applied(
    tmp_path: Path, channels: int, dtype: str, orientation: int
) -> None:
    photo = random_photo(channels, dtype, alpha=False)
    exif = Image.Exif()
    exif[0x0112] = orientation
    body = exif.tobytes().removeprefix(b"Exif\0\0")
    again = read_photo(written(tmp_path, with_chunk(encode_png(photo), b"eXIf", body)))
    for channel in range(channels):
        picture = Image.fromarray(photo.pixels[..., channel])
        picture.getexif()[0x0112] = orientation
        assert np.array_equal(
            again.pixels[..., channel], np.asarray(ImageOps.exif_transpose(picture))
        )


RED = (200, 30, 60)


def palette(*, clear: bool, grey: bool = False) -> Image.Image:
    image = Image.new("P", (3, 2), 1)
    image.putpalette([0, 0, 0, *((90, 90, 90) if grey else RED)])
    if clear:
        image.info["transparency"] = bytes([255, 77])
    return image


@pytest.mark.parametrize(
    ("image", "pixel", "alpha"),
    [
        (Image.new("1", (3, 2), 1), [255], None),
        (Image.new("L", (3, 2), 90), [90], None),
        (Image.new("LA", (3, 2), (90, 40)), [90], 40),
        (Image.new("RGB", (3, 2), RED), list(RED), None),
        (Image.new("RGBA", (3, 2), (*RED, 40)), list(RED), 40),
        (palette(clear=False), list(RED), None),
        (palette(clear=True), list(RED), 77),
        (palette(clear=False, grey=True), [90], None),
        (palette(clear=True, grey=True), [90], 77),
        (Image.fromarray(np.full((2, 3), 40_000, np.uint16)), [40_000], None),
    ],
)
def test_colour_forms(
    tmp_path: Path, image: Image.Image, pixel: list[int], alpha: int | None
) -> None:
    path = tmp_path / "photo.png"
    image.save(path, transparency=image.info.get("transparency"))
    photo = read_photo(path)
    assert photo.pixels.shape == (2, 3, len(pixel))
    assert photo.pixels[1, 2].tolist() == pixel
    assert (None if photo.alpha is None else int(photo.alpha[1, 2])) == alpha


def saved(tmp_path: Path, array: NDArray[Any] | Image.Image, name: str) -> Path:
    path = tmp_path / name
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path)
    return path


def test_other_formats(tmp_path: Path) -> None:
    floats = read_photo(saved(tmp_path, np.full((2, 3), 0.5, np.float32), "float.tif"))
    assert floats.pixels[0, 0].tolist() == [128]
    integers = read_photo(saved(tmp_path, np.full((2, 3), 1000, np.int32), "int.tif"))
    assert integers.pixels[0, 0].tolist() == [1000]
    assert integers.white == 65535
    printed = read_photo(saved(tmp_path, Image.new("CMYK", (3, 2)), "print.jpg"))
    assert printed.pixels[0, 0].tolist() == [255, 255, 255]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.png"
    with pytest.raises(DataError) as caught:
        read_photo(missing)
    assert str(caught.value) == f"'{missing}' does not exist; expected a picture."
    text = tmp_path / "text.png"
    text.write_text("hello")
    with pytest.raises(DataError, match="not a picture of a kind that is read"):
        read_photo(text)
    cut = written(tmp_path, encode_png(random_photo(3, "uint16", alpha=False))[:90])
    with pytest.raises(DataError, match="cannot be read"):
        read_photo(cut)
    huge = saved(tmp_path, np.full((2, 3), 70_000, np.int32), "huge.tif")
    with pytest.raises(DataError, match="grey values beyond 16 bits"):
        read_photo(huge)
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_photo(tmp_path)
