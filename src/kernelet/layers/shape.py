"""Layers that rearrange without computing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet.errors import ConfigurationError
from kernelet.layers.arguments import is_integer, require_channels_last
from kernelet.layers.base import Layer
from kernelet.layers.problems import LayerShapeError
from kernelet.ops.shape import Reshape as ReshapeOp
from kernelet.program import ProgramBuilder, Shape, Value


@final
@dataclass(eq=False, repr=False)
class Flatten(Layer):
    """All numbers of a sample in one row.

    Parameters
    ----------
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Flatten()(Input((5, 5, 16))).shape
    (None, 400)
    """

    data_format: str | None = None

    def validate(self) -> None:
        require_channels_last(self.data_format)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        return x if len(x.shape) == 1 else build.add(ReshapeOp((x.size,)), x)

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        (shape,) = inputs
        return f"{' × '.join(map(str, shape))} = {math.prod(shape)}" if len(shape) > 1 else ""


@final
@dataclass(eq=False, repr=False)
class Reshape(Layer):
    """The same numbers in another shape.

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch; one entry may be −1 and is worked out.

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Reshape((28, 28, -1))(Input((784,))).shape
    (None, 28, 28, 1)
    """

    target_shape: tuple[int, ...]

    def validate(self) -> None:
        shape = self.target_shape = tuple(self.target_shape)
        if not shape or not all(n == -1 or is_integer(n, 1) for n in shape) or shape.count(-1) > 1:
            raise ConfigurationError(
                "target_shape is sizes of at least 1, of which one may be -1, and leaves the batch"
                f" out; got {shape}."
            )

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        known = math.prod(n for n in self.target_shape if n != -1)
        shape = tuple(x.size // known if n == -1 else n for n in self.target_shape)
        if math.prod(shape) != x.size:
            sizes = " × ".join(map(str, x.shape))
            count = f"{sizes} = {x.size}" if len(x.shape) > 1 else sizes
            raise LayerShapeError(
                f"{count} numbers do not fill the shape {self.target_shape}",
                ["-1 in place of the size that should be worked out"],
            )
        return build.add(ReshapeOp(shape), x)
