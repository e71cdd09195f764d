"""What `kernelet convolve` shows of its work: the ledger, and pictures side by side."""

from __future__ import annotations

import io
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kernelet.convolution.filtering import Filtered
from kernelet.data.photos import Photo
from kernelet.data.values import to_uint8
from kernelet.explain.comparison import (
    Panel,
    filter_picture,
    framed,
    scale_of,
    scaled,
    side_by_side,
    signed_picture,
)
from kernelet.explain.numbers import number_text
from kernelet.text import short_time


class Shown(msgspec.Struct, frozen=True, eq=False):
    """One run of the command.

    Attributes
    ----------
    name, specification, mode, boundary, normalize : str
        The picture's file name, and the options.
    photo, weights, filtered, result
        Input, filter, its answers, and the picture made of them.
    """

    name: str
    specification: str
    mode: str
    boundary: str
    normalize: str
    photo: Photo
    weights: NDArray[np.float32]
    filtered: Filtered
    result: Photo

    def ledger(self) -> list[str]:
        """Return sizes with their arithmetic, cost, method and time."""
        sizes = [_size(array) for array in (self.photo.pixels, self.weights, self.result.pixels)]
        lines = [
            f"{self.name} {sizes[0]}, {self.specification} {sizes[1]}, {self._way}",
            f"{', '.join(self._arithmetic)}: {sizes[2]}",
            f"{self.filtered.multiply_adds:,} multiply-adds; {self._cost}",
        ]
        return [*lines, self._strongest] if self.filtered.as_pattern else lines

    def facts(self) -> dict[str, Any]:
        """Return the ledger as data."""
        facts: dict[str, Any] = {
            "file": self.name,
            "filter": self.specification,
            "mode": self.mode,
            "boundary": self.boundary,
            "input_shape": self.photo.pixels.shape,
            "filter_shape": self.weights.shape,
            "output_shape": self.result.pixels.shape,
            "arithmetic": [one.arithmetic() for one in self.filtered.placed],
            "multiply_adds": self.filtered.multiply_adds,
            "methods": self.filtered.methods,
            "seconds": self.filtered.seconds,
        }
        if self.filtered.as_pattern:
            names = ("value", "row", "column")
            facts["strongest"] = dict(zip(names, self.filtered.strongest(), strict=True))
        return facts

    def comparison(self) -> bytes:
        """Return input, filter and output side by side, as a PNG file."""
        scale = scale_of(*self.photo.pixels.shape[:2])
        source = (self.name, _size(self.photo.pixels))
        window = (self.specification, _size(self.weights), _sum_text(self.weights))
        answer = [f"{self._way}, {self.normalize}", *self._arithmetic, self._cost]
        if self.filtered.as_pattern:
            answer.append(self._strongest)
        first = [
            Panel(framed(scaled(_picture(self.photo), scale)), source, "*"),
            Panel(filter_picture(self.weights), window, "="),
        ]
        first.append(Panel(framed(scaled(_picture(self.result), scale)), tuple(answer)))
        parts = self._contributions(scale)
        file = io.BytesIO()
        side_by_side([first, parts] if parts else [first]).save(file, "PNG")
        return file.getvalue()

    def _contributions(self, scale: float) -> list[Panel]:
        """Return what each colour adds to the answer of a pattern, on one scale of signs."""
        values = self.filtered.values
        if not self.filtered.as_pattern or values.shape[2] == 1:
            return []
        limit = float(np.abs(values).max())
        scales = f"from {_amount(-limit)} (blue) over 0 (white) to {_amount(limit)} (red)"
        return [
            Panel(
                framed(scaled(signed_picture(values[..., channel], limit), scale)),
                (f"the {name} channel's part", scales),
                "" if name == "blue" else "+",
            )
            for channel, name in enumerate(("red", "green", "blue"))
        ]

    @property
    def _way(self) -> str:
        way = f"{self.mode}, {self.boundary}"
        return f"{way}, as a pattern" if self.filtered.as_pattern else way

    @property
    def _arithmetic(self) -> tuple[str, str]:
        rows, columns = self.filtered.placed
        return f"rows {rows.arithmetic()}", f"columns {columns.arithmetic()}"

    @property
    def _cost(self) -> str:
        return f"{' and '.join(self.filtered.methods)}, {short_time(self.filtered.seconds)}"

    @property
    def _strongest(self) -> str:
        value, row, column = self.filtered.strongest()
        height, width = self.weights.shape[:2]
        return (
            f"strongest answer {_amount(value)} with the filter over rows"
            f" {row} to {row + height - 1}, columns {column} to {column + width - 1}"
        )


def _size(array: NDArray[Any]) -> str:
    """Return rows × columns, and channels where there are several."""
    shape = array.shape[:2] if array.shape[2:] == (1,) else array.shape
    return "×".join(map(str, shape))


def _amount(value: float) -> str:
    """Return an answer, which may be millions, as people read it."""
    return f"{value:,.0f}".replace("-", "−") if abs(value) >= 1000 else number_text(value)


def _sum_text(weights: NDArray[np.float32]) -> str:
    total = float(weights.sum(dtype=np.float64))
    # Weights in float32 that are meant to add up to a whole number miss it by about 1e-7.
    nearest = round(total)
    shown = nearest if abs(total - nearest) < 1e-5 else total
    return f"weights add up to {number_text(shown)}"


def _picture(photo: Photo) -> Image.Image:
    """Return a photo in 8 bits, over white."""
    pixels = to_uint8(photo.pixels)
    if photo.alpha is not None:
        share = (to_uint8(photo.alpha) / np.float32(255))[..., None]
        pixels = np.floor(255 + (pixels - np.float32(255)) * share + 0.5).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)).copy())
