"""Pooling layers: each window of a feature map becomes its maximum or its average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet.geometry import Window2D, window2d
from kernelet.layers import arguments
from kernelet.layers.arguments import Padding, Pair
from kernelet.layers.base import Layer
from kernelet.layers.windows import require_fit, window_arithmetic
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape
from kernelet.program import ProgramBuilder, Shape, Value


@dataclass(eq=False, repr=False)
class _Pooling2D(Layer):
    """Configuration that both kinds of pooling share."""

    pool_size: Pair = (2, 2)
    strides: Pair | None = None
    padding: Padding = "valid"
    data_format: str | None = None

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]]

    def validate(self) -> None:
        arguments.require_channels_last(self.data_format)
        self.pool_size = arguments.pair("pool_size", self.pool_size)
        strides = self.pool_size if self.strides is None else self.strides
        self.strides = arguments.pair("strides", strides)
        self.padding = arguments.padding(self.padding)

    def _window(self, shape: Shape) -> Window2D:
        pool = arguments.pair("pool_size", self.pool_size)
        strides = pool if self.strides is None else arguments.pair("strides", self.strides)
        return window2d((shape[0], shape[1]), pool, arguments.padding(self.padding), strides)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        window = self._window(x.shape)
        require_fit("pool", window, self.padding)
        return build.add(self.op(window, x.shape[-1]), x)

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        return window_arithmetic(self._window(inputs[0]))


@final
@dataclass(eq=False, repr=False)
class MaxPooling2D(_Pooling2D):
    """The maximum of each window.

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

    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class AveragePooling2D(_Pooling2D):
    """The average of each window, of its cells inside the picture.

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

    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@dataclass(eq=False, repr=False)
class _GlobalPooling2D(Layer):
    """Configuration that both kinds of global pooling share."""

    data_format: str | None = None
    keepdims: bool = False

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]]

    def validate(self) -> None:
        arguments.require_channels_last(self.data_format)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        height, width, channels = x.shape
        window = window2d((height, width), (height, width), "valid")
        pooled = build.add(self.op(window, channels), x)
        return pooled if self.keepdims else build.add(Reshape((channels,)), pooled)


@final
@dataclass(eq=False, repr=False)
class GlobalAveragePooling2D(_GlobalPooling2D):
    """The average of each feature map.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, 1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalAveragePooling2D()(Input((7, 7, 64))).shape
    (None, 64)
    """

    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class GlobalMaxPooling2D(_GlobalPooling2D):
    """The maximum of each feature map.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, 1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalMaxPooling2D()(Input((7, 7, 64))).shape
    (None, 64)
    """

    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool
