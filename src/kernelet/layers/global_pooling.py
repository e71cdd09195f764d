"""Global pooling layers: a whole feature map becomes its maximum or its average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet.geometry import sliding_window
from kernelet.layers import arguments
from kernelet.layers.base import Layer
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape
from kernelet.program import ProgramBuilder, Value


@dataclass(eq=False, repr=False)
class _GlobalPooling(Layer):
    """Configuration that both kinds of global pooling share, over one to three axes."""

    data_format: str | None = None
    keepdims: bool = False

    op: ClassVar[type[MaxPool | AveragePool]]

    def validate(self) -> None:
        arguments.require_channels_last(self.data_format)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        *size, channels = x.shape
        pooled = build.add(self.op(sliding_window(size, size, "valid"), channels), x)
        return pooled if self.keepdims else build.add(Reshape((channels,)), pooled)


@final
@dataclass(eq=False, repr=False)
class GlobalAveragePooling1D(_GlobalPooling):
    """The average of each channel of a sequence.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalAveragePooling1D()(Input((7, 64))).shape
    (None, 64)
    """

    rank: ClassVar[int | None] = 2
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class GlobalAveragePooling2D(_GlobalPooling):
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

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class GlobalAveragePooling3D(_GlobalPooling):
    """The average of each channel of a volume.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, 1, 1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalAveragePooling3D()(Input((4, 7, 7, 64))).shape
    (None, 64)
    """

    rank: ClassVar[int | None] = 4
    op: ClassVar[type[MaxPool | AveragePool]] = AveragePool


@final
@dataclass(eq=False, repr=False)
class GlobalMaxPooling1D(_GlobalPooling):
    """The maximum of each channel of a sequence.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalMaxPooling1D()(Input((7, 64))).shape
    (None, 64)
    """

    rank: ClassVar[int | None] = 2
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class GlobalMaxPooling2D(_GlobalPooling):
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

    rank: ClassVar[int | None] = 3
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool


@final
@dataclass(eq=False, repr=False)
class GlobalMaxPooling3D(_GlobalPooling):
    """The maximum of each channel of a volume.

    Parameters
    ----------
    data_format : None or "channels_last"
    keepdims : bool
        Whether the output is (1, 1, 1, channels) instead of (channels,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> GlobalMaxPooling3D()(Input((4, 7, 7, 64))).shape
    (None, 64)
    """

    rank: ClassVar[int | None] = 4
    op: ClassVar[type[MaxPool | AveragePool]] = MaxPool
