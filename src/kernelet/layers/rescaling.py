"""Bring pictures to the range a network learns well from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet.errors import ConfigurationError
from kernelet.layers.arguments import require_finite
from kernelet.layers.base import Layer
from kernelet.layers.problems import LayerShapeError
from kernelet.ops.arithmetic import Rescale
from kernelet.program import ProgramBuilder, Value

Numbers = float | tuple[float, ...]


def _numbers(name: str, value: Numbers | Sequence[float]) -> tuple[float, ...]:
    entries = (value,) if isinstance(value, int | float) else tuple(value)
    if not entries:
        raise ConfigurationError(f"{name} must be a number or one number a channel, not empty.")
    for entry in entries:
        require_finite(name, entry)
    return tuple(float(entry) for entry in entries)


@final
@dataclass(eq=False, repr=False)
class Rescaling(Layer):
    """x · scale + offset; put first, it lets uint8 pictures go straight in.

    Parameters
    ----------
    scale, offset : float or sequence of float
        For all channels, or one a channel.

    Examples
    --------
    >>> Rescaling(1 / 255)([[0.0, 255.0]]).tolist()
    [[0.0, 1.0]]
    """

    scale: Numbers
    offset: Numbers = 0.0

    def validate(self) -> None:
        for name in ("scale", "offset"):
            value = getattr(self, name)
            numbers = _numbers(name, value)
            setattr(self, name, numbers[0] if isinstance(value, int | float) else numbers)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        scale, offset = _numbers("scale", self.scale), _numbers("offset", self.offset)
        for name, numbers in (("scale", scale), ("offset", offset)):
            if len(numbers) not in (1, x.shape[-1]):
                raise LayerShapeError(
                    f"{name} has {len(numbers)} numbers for {x.shape[-1]} channels",
                    ["one number for all channels", f"{x.shape[-1]} numbers"],
                )
        return build.add(Rescale(scale, offset), x)
