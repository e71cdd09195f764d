"""Pictures that differ like photographs do, and the changes that make near duplicates of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def scene(seed: int, side: int = 64) -> Image.Image:
    """Return an RGB picture whose amplitudes fall with frequency, as those of photographs do."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    falling = 1 / np.maximum(frequency, 1 / side) ** 1.2
    shared, own = (
        np.fft.ifft2(np.fft.fft2(random.normal(size=(count, side, side))) * falling).real
        for count in (1, 3)
    )
    layers = shared + 0.3 * own
    layers = (layers - layers.mean()) / layers.std()
    return Image.fromarray(np.clip(128 + 45 * layers, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def changes(image: Image.Image) -> dict[str, bytes]:
    """Return near duplicates of a picture as files, by what was done."""
    width, height = image.size
    cut = round(0.05 * width / 2)
    return {
        "compressed": encoded(image, "JPEG", quality=30),
        "smaller": encoded(image.resize((width * 4 // 5, height * 4 // 5))),
        "cut": encoded(image.crop((cut, cut, width - cut, height - cut))),
        "brighter": encoded(image.point(lambda value: min(255, round(value * 1.1)))),
        "darker": encoded(image.point(lambda value: round(value * 0.9))),
        "grey": encoded(image.convert("L")),
    }


def turns(image: Image.Image) -> dict[str, bytes]:
    """Return what turning or mirroring makes of a picture, compressed as JPEG."""
    ways = Image.Transpose
    return {
        "mirrored": encoded(image.transpose(ways.FLIP_LEFT_RIGHT), "JPEG", quality=80),
        "flipped": encoded(image.transpose(ways.FLIP_TOP_BOTTOM), "JPEG", quality=80),
        "90": encoded(image.transpose(ways.ROTATE_90), "JPEG", quality=80),
        "180": encoded(image.transpose(ways.ROTATE_180), "JPEG", quality=80),
        "270": encoded(image.transpose(ways.ROTATE_270), "JPEG", quality=80),
    }


def write_scenes(root: Path, counts: dict[str, int], *, first: int = 0) -> None:
    """Write PNG files ``folder/000.png``, …; every picture is another one."""
    seed = first
    for folder, count in counts.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            scene(seed).save(root / folder / f"{index:03}.png")
            seed += 1
