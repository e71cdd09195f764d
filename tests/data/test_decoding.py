from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kernelet.data.decoding import (
    decode,
    decoding_warnings,
    is_grey,
    open_picture,
    reason,
    upright_size,
)
from kernelet.data.sizing import Target
from kernelet.errors import DataError


def decoded(data: bytes, channels: int = 3, **target: Any) -> NDArray[np.uint8]:
    image = open_picture(io.BytesIO(data))
    height, width = upright_size(image)
    shape = {"height": height, "width": width, "channels": channels} | target
    return decode(image, Target(**shape))


def saved(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour_type: int, pixels: bytes) -> bytes:
    """A PNG written by hand, for forms that Pillow reads but does not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    row = len(pixels) // height
    raw = b"".join(b"\0" + pixels[start : start + row] for start in range(0, len(pixels), row))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def palette_picture(*colours: tuple[int, int, int], **options: Any) -> bytes:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([value for colour in colours for value in colour])
    return saved(image, **options)


RED_LUMA = 76  # 0.299 × 255

# File, its pixel in RGB, its pixel in grey.
FORMS = {
    "1 bit": (saved(Image.new("1", (4, 4), 1)), (255, 255, 255), 255),
    "grey": (saved(Image.new("L", (4, 4), 100)), (100, 100, 100), 100),
    "RGB": (saved(Image.new("RGB", (4, 4), (255, 0, 0))), (255, 0, 0), RED_LUMA),
    "RGB with alpha": (
        saved(Image.new("RGBA", (4, 4), (255, 0, 0, 0))), (255, 255, 255), 255),
    "RGB half transparent": (
        saved(Image.new("RGBA", (4, 4), (0, 0, 0, 51))), (204, 204, 204), 204),
    "grey with alpha": (saved(Image.new("LA", (4, 4), (0, 51))), (204, 204, 204), 204),
    "RGB with a transparent colour": (
        saved(Image.new("RGB", (4, 4), (9, 9, 9)), transparency=(9, 9, 9)), (255, 255, 255), 255),
    "grey with a transparent value": (
        saved(Image.new("L", (4, 4), 9), transparency=9), (255, 255, 255), 255),
    "palette": (palette_picture((255, 0, 0), (0, 0, 0)), (255, 0, 0), RED_LUMA),
    "palette with a transparent entry": (
        palette_picture((255, 0, 0), (0, 0, 0), transparency=0), (255, 255, 255), 255),
    "palette with alpha": (
        palette_picture((0, 0, 0), (0, 0, 0), transparency=bytes([51, 255])), (204, 204, 204), 204),
    "16-bit grey": (
        saved(Image.fromarray(np.full((4, 4), 257 * 100, np.uint16))), (100, 100, 100), 100),
    "16-bit grey, big-endian TIFF": (
        saved(Image.fromarray(np.full((4, 4), 257 * 100, ">u2")), "TIFF"), (100, 100, 100), 100),
    "16-bit grey PGM": (
        b"P5 4 4 65535\n" + np.full(16, 257 * 100, ">u2").tobytes(), (100, 100, 100), 100),
    "16-bit RGB": (
        png(4, 4, 16, 2, np.tile(np.array([65535, 0, 0], ">u2"), 16).tobytes()),
        (255, 0, 0), RED_LUMA),
    "16-bit grey with alpha": (
        png(4, 4, 16, 4, np.tile(np.array([0, 0x3333], ">u2"), 16).tobytes()),
        (204, 204, 204), 204),
    "CMYK": (saved(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"), (255, 0, 0), RED_LUMA),
    "YCbCr": (
        saved(Image.new("YCbCr", (4, 4), (100, 128, 128)), "TIFF"), (100, 100, 100), 100),
    "float 0–1": (saved(Image.new("F", (4, 4), 0.4), "TIFF"), (102, 102, 102), 102),
    "float 0–255": (saved(Image.new("F", (4, 4), 99.6), "TIFF"), (100, 100, 100), 100),
    "32-bit integer": (saved(Image.new("I", (4, 4), 257 * 100), "TIFF"), (100, 100, 100), 100),
    "BMP": (saved(Image.new("RGB", (4, 4), (1, 2, 3)), "BMP"), (1, 2, 3), 2),
    "PPM": (saved(Image.new("RGB", (4, 4), (1, 2, 3)), "PPM"), (1, 2, 3), 2),
    "WebP": (
        saved(Image.new("RGB", (4, 4), (1, 2, 3)), "WEBP", lossless=True), (1, 2, 3), 2),
    "WebP with alpha": (
        saved(Image.new("RGBA", (4, 4), (0, 0, 0, 51)), "WEBP", lossless=True),
        (204, 204, 204), 204),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_colour_form_becomes_rgb_and_grey(form: str) -> None:
    data, rgb, grey = FORMS[form]
    assert decoded(data).dtype == np.uint8
    np.testing.assert_array_equal(decoded(data), np.full((4, 4, 3), rgb))
    np.testing.assert_array_equal(decoded(data, channels=1), np.full((4, 4, 1), grey))


def test_cmyk_jpeg_is_not_inverted() -> None:
    data = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    np.testing.assert_allclose(decoded(data)[8, 8], (255, 0, 0), atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(orientation: int, form: str) -> None:
    # Quarters of different brightness, stored so that undoing the orientation restores them.
    upright = np.kron(
        np.array([[0, 80, 160], [240, 40, 120]], np.uint8), np.ones((16, 16), np.uint8)
    )
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(np.ascontiguousarray(stored)), form, exif=exif)
    image = open_picture(io.BytesIO(data))
    assert upright_size(image) == upright.shape
    pixels = decode(image, Target(*upright.shape, 1))[..., 0]
    np.testing.assert_allclose(pixels[8::16, 8::16], upright[8::16, 8::16], atol=6)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"garbage", b""])
def test_damaged_exif_does_not_cost_the_picture(exif: bytes) -> None:
    data = saved(Image.new("L", (4, 4), 7), "JPEG", exif=exif)
    with decoding_warnings():
        assert decoded(data, channels=1).shape == (4, 4, 1)


def test_crop_keeps_the_middle_and_stretch_keeps_all() -> None:
    stripes = np.zeros((10, 30, 3), np.uint8)
    stripes[:, 10:20] = 255
    data = saved(Image.fromarray(stripes))
    assert decoded(data, height=10, width=10).min() == 255
    stretched = decoded(data, height=10, width=10, resize="stretch")
    assert stretched[:, :2].max() == 0
    assert stretched[:, 5].min() == 255


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (7, 3)])
@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_extreme_proportions_keep_a_constant_colour(size: tuple[int, int], resize: str) -> None:
    data = saved(Image.new("RGB", size, (10, 20, 30)))
    pixels = decoded(data, height=16, width=12, resize=resize)
    np.testing.assert_array_equal(pixels, np.full((16, 12, 3), (10, 20, 30)))


def test_a_large_jpeg_decoded_at_a_fraction_looks_like_the_whole() -> None:
    y, x = np.mgrid[0:1024, 0:1536]
    smooth = np.stack([x // 6, y // 4, (x + y) // 10], axis=-1).astype(np.uint8)
    data = saved(Image.fromarray(smooth), "JPEG", quality=95)
    whole = Image.fromarray(smooth).resize((48, 32), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(
        decoded(data, height=32, width=48).astype(int), np.asarray(whole).astype(int), atol=4
    )


@pytest.mark.parametrize("form", ["TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_counts(form: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "green")]
    buffer = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    frames[0].save(buffer, form, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decoded(buffer.getvalue())[0, 0], (255, 0, 0))


def test_a_phone_picture_with_a_second_frame_is_a_jpeg() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(decoded(data)[0, 0], (255, 0, 0), atol=2)


@pytest.mark.parametrize(
    ("data", "grey"),
    [
        (saved(Image.new("L", (2, 2))), True),
        (saved(Image.new("LA", (2, 2))), True),
        (saved(Image.new("1", (2, 2))), True),
        (saved(Image.new("I;16", (2, 2))), True),
        (saved(Image.new("RGB", (2, 2))), False),
        (palette_picture((5, 5, 5), (9, 9, 9)), True),
        (palette_picture((5, 5, 5), (9, 9, 8)), False),
    ],
)
def test_grey_is_told_by_the_colour_form(data: bytes, grey: bool) -> None:
    assert is_grey(open_picture(io.BytesIO(data))) is grey


def failure(data: bytes) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (decoders raise nearly everything)
        decoded(data)
    return reason(caught.value)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "PPM", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_truncated_files_are_broken_with_a_reason(form: str, share: float) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(pixels), form)
    assert failure(data[: int(share * len(data))])


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "PPM", "WEBP", "TIFF"])
def test_flipped_bytes_give_a_picture_or_a_reason(form: str) -> None:
    rng = np.random.default_rng(0)
    data = saved(Image.fromarray(rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)), form)
    outcomes = set()
    for _ in range(150):
        flipped = bytearray(data)
        for position in rng.integers(0, len(data), 3):  # headers are where it hurts
            flipped[position if rng.random() < 0.5 else position % 64] ^= 1 << rng.integers(8)
        try:
            with decoding_warnings():
                image = open_picture(io.BytesIO(flipped))
                pixels = decode(image, Target(8, 8, 3))
        except Exception as error:
            outcomes.add(bool(reason(error)))
        else:
            outcomes.add(pixels.shape == (8, 8, 3))
    assert outcomes == {True}


def test_reasons_are_readable() -> None:
    assert failure(b"hello") == (
        "not a picture of a kind that is read (JPEG, PNG, PPM, BMP, TIFF, WEBP)"
    )
    assert failure(saved(Image.new("L", (4, 4)), "GIF")).startswith("not a picture of a kind")
    assert "pixel values run from -5" in failure(saved(Image.new("F", (4, 4), -5.0), "TIFF"))
    assert "nan" in failure(saved(Image.new("F", (4, 4), float("nan")), "TIFF"))
    assert reason(MemoryError()) == "not enough memory to decode it"
    assert reason(PermissionError(13, "Permission denied")) == "Permission denied"
    assert reason(ValueError()) == "ValueError"


def test_bombs_are_refused_by_their_header() -> None:
    header = struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    data = b"\x89PNG\r\n\x1a\n" + chunk + png(1, 1, 8, 0, b"\0")[33:]
    with pytest.warns(Image.DecompressionBombWarning), pytest.raises(DataError) as caught:
        open_picture(io.BytesIO(data))
    assert str(caught.value) == "10,000×10,000 pixels; at most 89,478,485 are decoded"
    larger = data.replace(header, struct.pack(">IIBBBBB", 2**30, 2**30, 8, 2, 0, 0, 0))
    checksum = zlib.crc32(b"IHDR" + larger[16:29]).to_bytes(4, "big")
    assert failure(larger[:29] + checksum + larger[33:]).startswith("too many pixels")
