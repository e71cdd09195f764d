"""Pooling layers: each window of a feature map becomes its maximum or its average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet.geometry import SlidingWindow, sliding_window
from kernelet.layers import arguments
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.base import Layer
from kernelet.layers.windows import joined_arithmetic, require_fit, sliding_axes
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.program import ProgramBuilder, Shape, Value


@dataclass(eq=False, repr=False)
class _Pooling(Layer):
    """Configuration that both kinds of pooling share, over one to three axes."""

    pool_size: Sizes = 2
    strides: Sizes | None = None
    padding: Padding = "valid"
    data_format: str | None = None

    op: ClassVar[type[MaxPool | AveragePool]]

    def validate(self) -> None:
        axes = sliding_axes(self)
        arguments.require_channels_last(self.data_format)
        self.pool_size = arguments.sizes("pool_size", self.pool_size, axes)
        strides = self.pool_size if self.strides is None else self.strides
        self.strides = arguments.sizes("strides", strides, axes)
        self.padding = arguments.padding(self.padding, axes)

    def window(self, shape: Shape) -> SlidingWindow:
        """Return the window for an input of a shape, channels last."""
        axes = sliding_axes(self)
        pool = arguments.sizes("pool_size", self.pool_size, axes)
        strides = pool if self.strides is None else arguments.sizes("strides", self.strides, axes)
        return sliding_window(shape[:-1], pool, self.padding, strides)

    def operation(self, shape: Shape) -> MaxPool | AveragePool:
        """Return the operation on an input of a shape; raise LayerShapeError if it does not fit."""
        window = self.window(shape)
        require_fit("pool", window, self.padding)
        return self.op(window, shape[-1])

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        return build.add(self.operation(x.shape), x)

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        return joined_arithmetic([axis.arithmetic() for axis in self.window(inputs[0]).axes])


@final
@dataclass(eq=False, repr=False)
class MaxPooling1D(_Pooling):
    """The maximum of each window of a sequence.

    Parameters
    ----------
    pool_size : int
        Cells of a window.
    strides : int, optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int or (int, int)
        As for `Conv1D`; padding is never the maximum.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> MaxPooling1D()(Input((100, 3))).shape
    (None, 50, 3)
    """

    pool_size: Sizes = (2,)

    rank: ClassVar[int | None] = 2
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class MaxPooling2D(_Pooling):
    """The maximum of each window of a picture.

    Parameters
    ----------
    pool_size : int or (int, int)
        Rows and columns of a window.
    strides : int or (int, int), optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int, (int, int) or ((int, int), (int, int))
        As for `Conv2D`; padding is never the maximum.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> MaxPooling2D()(Input((100, 100, 3))).shape
    (None, 50, 50, 3)
    """

    pool_size: Sizes = (2, 2)

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class MaxPooling3D(_Pooling):
    """The maximum of each window of a volume.

    Parameters
    ----------
    pool_size : int or (int, int, int)
        Planes, rows and columns of a window.
    strides : int or (int, int, int), optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int, three int or three (int, int)
        As for `Conv3D`; padding is never the maximum.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> MaxPooling3D((1, 2, 2))(Input((8, 16, 16, 3))).shape
    (None, 8, 8, 8, 3)
    """

    pool_size: Sizes = (2, 2, 2)

    rank: ClassVar[int | None] = 4
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class AveragePooling1D(_Pooling):
    """The average of each window of a sequence, of its cells inside.

    Parameters
    ----------
    pool_size : int
        Cells of a window.
    strides : int, optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int or (int, int)
        As for `Conv1D`; padding takes no part in the average.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> AveragePooling1D(3, strides=2)(Input((7, 3))).shape
    (None, 3, 3)
    """

    pool_size: Sizes = (2,)

    rank: ClassVar[int | None] = 2
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class AveragePooling2D(_Pooling):
    """The average of each window of a picture, of its cells inside.

    Parameters
    ----------
    pool_size : int or (int, int)
        Rows and columns of a window.
    strides : int or (int, int), optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int, (int, int) or ((int, int), (int, int))
        As for `Conv2D`; padding takes no part in the average.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> AveragePooling2D(3, strides=2)(Input((7, 7, 3))).shape
    (None, 3, 3, 3)
    """

    pool_size: Sizes = (2, 2)

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class AveragePooling3D(_Pooling):
    """The average of each window of a volume, of its cells inside.

    Parameters
    ----------
    pool_size : int or (int, int, int)
        Planes, rows and columns of a window.
    strides : int or (int, int, int), optional
        Step between windows; by default the pool size, so that windows do not overlap.
    padding : {"valid", "same"}, int, three int or three (int, int)
        As for `Conv3D`; padding takes no part in the average.
    data_format : None or "channels_last"

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> AveragePooling3D(2)(Input((8, 8, 8, 3))).shape
    (None, 4, 4, 4, 3)
    """

    pool_size: Sizes = (2, 2, 2)

    rank: ClassVar[int | None] = 4
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool
