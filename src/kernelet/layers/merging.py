"""Layers where branches meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, final

from kernelet.layers.base import Layer, shape_text
from kernelet.layers.problems import LayerShapeError, require_last_axis
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.ops.arithmetic import Add as AddOp
from kernelet.ops.shape import Concatenate as ConcatenateOp
from kernelet.program import ProgramBuilder, Shape, Value


@final
@dataclass(eq=False, repr=False)
class Add(Layer):
    """The sum of two or more inputs of one shape.

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> x = Input((8, 8, 4))
    >>> Add()([x, x]).shape
    (None, 8, 8, 4)
    """

    arity: ClassVar[int | None] = None

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        shapes = [value.shape for value in inputs]
        if len(set(shapes)) > 1:
            raise LayerShapeError(
                f"needs inputs of one shape, got {' and '.join(map(shape_text, shapes))}",
                _repairs(shapes),
            )
        return reduce(lambda left, right: build.add(AddOp(), left, right), inputs)


def _repairs(shapes: Sequence[Shape]) -> list[str]:
    """Return what makes branches equal, by what they differ in."""
    if len(set(map(len, shapes))) > 1:
        return ["a Flatten, Reshape or global pooling layer in the branch with more axes"]
    if len({shape[:-1] for shape in shapes}) > 1:
        return ['padding="same" and equal strides in all branches']
    axes, maps = len(shapes[0]) - 1, max(shape[-1] for shape in shapes)
    layer = f"Conv{axes}D({maps}, 1)" if axes else f"Dense({maps})"
    fewer = sorted({shape[-1] for shape in shapes} - {maps})
    return [
        f"{layer} behind the branch of {' and of '.join(map(str, fewer))} "
        + ("channels" if axes else "numbers")
    ]


@final
@dataclass(eq=False, repr=False)
class Concatenate(Layer):
    """The channels of two or more inputs one after another.

    Parameters
    ----------
    axis : int
        −1, the channels, or their number counted with the batch: 3 for pictures.

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Concatenate()([Input((8, 8, 4)), Input((8, 8, 2))]).shape
    (None, 8, 8, 6)
    """

    axis: int = -1

    arity: ClassVar[int | None] = None

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        shapes = [value.shape for value in inputs]
        require_last_axis(self.axis, shapes[0])
        if len({shape[:-1] for shape in shapes}) > 1:
            raise LayerShapeError(
                "needs inputs that differ in their channels alone,"
                f" got {' and '.join(map(shape_text, shapes))}",
                ['padding="same" and equal strides in all branches'],
            )
        return build.add(ConcatenateOp(), *inputs)


def add(inputs: Sequence[SymbolicTensor], *, name: str | None = None) -> SymbolicTensor:
    """Return the sum of two or more symbolic tensors: ``Add(name=name)(inputs)``.

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> x = Input((8, 8, 4))
    >>> add([x, x]).shape
    (None, 8, 8, 4)
    """
    return Add(name=name)(list(inputs))


def concatenate(
    inputs: Sequence[SymbolicTensor], axis: int = -1, *, name: str | None = None
) -> SymbolicTensor:
    """Return the channels of several symbolic tensors: ``Concatenate(axis, name=name)(inputs)``.

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> concatenate([Input((8, 8, 4)), Input((8, 8, 2))]).shape
    (None, 8, 8, 6)
    """
    return Concatenate(axis, name=name)(list(inputs))
