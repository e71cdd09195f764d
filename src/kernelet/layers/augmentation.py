"""Random changes of training pictures; outside training these layers pass pictures on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, final, get_args

from kernelet.errors import ConfigurationError
from kernelet.layers.arguments import require_finite, require_fraction
from kernelet.layers.base import Layer
from kernelet.layers.streams import next_stream
from kernelet.ops.augmentation import FILLS, Fill, RandomShift
from kernelet.ops.augmentation import RandomFlip as RandomFlipOp
from kernelet.program import ProgramBuilder, Value

FlipMode = Literal["horizontal", "vertical", "horizontal_and_vertical"]
FLIP_MODES: tuple[FlipMode, ...] = get_args(FlipMode)


@final
@dataclass(eq=False, repr=False)
class RandomFlip(Layer):
    """Mirror half of the training pictures; first in a network.

    Parameters
    ----------
    mode : {"horizontal", "vertical", "horizontal_and_vertical"}
        Left to right, upside down, or each by itself.
    """

    mode: FlipMode = "horizontal_and_vertical"

    rank: ClassVar[int | None] = 3

    def validate(self) -> None:
        if self.mode not in FLIP_MODES:
            raise ConfigurationError(
                f"mode must be one of {', '.join(FLIP_MODES)}, not {self.mode!r}."
            )

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        if not training:
            return x
        op = RandomFlipOp(
            next_stream(build),
            horizontal=self.mode != "vertical",
            vertical=self.mode != "horizontal",
        )
        return build.add(op, x)


@final
@dataclass(eq=False, repr=False)
class RandomTranslation(Layer):
    """Move training pictures by random whole pixels; first in a network.

    Parameters
    ----------
    height_factor, width_factor : float
        Largest shift up or down, left or right, as a part of the height and width; at least 0
        and below 1, rounded to whole pixels.
    fill_mode : {"reflect", "constant", "nearest"}
        What fills the gap: the mirrored picture, ``fill_value``, or the nearest pixel.
    fill_value : float
        For "constant", in the units of the input.
    """

    height_factor: float
    width_factor: float
    fill_mode: Fill = "reflect"
    fill_value: float = field(default=0.0, kw_only=True)

    rank: ClassVar[int | None] = 3

    def validate(self) -> None:
        require_fraction("height_factor", self.height_factor)
        require_fraction("width_factor", self.width_factor)
        require_finite("fill_value", self.fill_value)
        if self.fill_mode not in FILLS:
            raise ConfigurationError(
                f"fill_mode must be one of {', '.join(FILLS)}, not {self.fill_mode!r}."
            )
        if self.fill_value != 0 and self.fill_mode != "constant":
            raise ConfigurationError(
                f'fill_value has a meaning with fill_mode="constant" alone, not {self.fill_mode!r}.'
            )

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        rows = round(self.height_factor * x.shape[0])
        columns = round(self.width_factor * x.shape[1])
        if not training or rows == columns == 0:
            return x
        op = RandomShift(
            next_stream(build),
            rows=rows,
            columns=columns,
            fill=self.fill_mode,
            fill_value=float(self.fill_value),
        )
        return build.add(op, x)
