"""Convolution layers: σ(w ∗ x + b), with one bias a feature map."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet import activations, initializers
from kernelet.errors import ConfigurationError
from kernelet.geometry import MODES, SlidingWindow, sliding_window
from kernelet.initializers import AnyInitializer
from kernelet.layers import arguments
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.base import Layer
from kernelet.layers.problems import LayerShapeError
from kernelet.layers.windows import joined_arithmetic, require_fit, sliding_axes
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.program import ProgramBuilder, Shape, Value


class FilterLayer(Layer):
    """What convolutions and transposed convolutions share.

    The attributes are fields of the subclasses, which take them in Keras' order.
    """

    filters: int
    kernel_size: Sizes
    strides: Sizes
    padding: Padding
    data_format: str | None
    dilation_rate: Sizes
    activation: str | activations.ActivationFunction | None
    use_bias: bool
    kernel_initializer: str | AnyInitializer
    bias_initializer: str | AnyInitializer

    modes: ClassVar[tuple[str, ...]] = MODES

    def validate(self) -> None:
        axes = sliding_axes(self)
        arguments.require_positive("filters", self.filters)
        arguments.require_channels_last(self.data_format)
        self.kernel_size = arguments.sizes("kernel_size", self.kernel_size, axes)
        self.strides = arguments.sizes("strides", self.strides, axes)
        self.dilation_rate = arguments.sizes("dilation_rate", self.dilation_rate, axes)
        self.padding = arguments.padding(self.padding, axes, self.modes)
        self.activation = activations.configured(self.activation)
        initializers.get(self.kernel_initializer)
        initializers.get(self.bias_initializer)

    def per_axis(self, attribute: str) -> tuple[int, ...]:
        """Return ``kernel_size``, ``strides`` or ``dilation_rate``, an entry an axis."""
        return arguments.sizes(attribute, getattr(self, attribute), sliding_axes(self))

    @abstractmethod
    def operation(self, shape: Shape) -> Convolution | ConvolutionInputGradient:
        """Return the operation on an input of a shape; raise LayerShapeError if it does not fit."""

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        op = self.operation(x.shape)
        maps = build.add(op, x, self.weight(build, "kernel", op.weights.shape))
        if self.use_bias:
            maps = build.add(BiasAdd(), maps, self.weight(build, "bias", (self.filters,)))
        return activations.get(self.activation).lower(build, maps)


@dataclass(eq=False, repr=False)
class _Convolution(FilterLayer):
    """Configuration that convolutions over one to three axes share."""

    filters: int
    kernel_size: Sizes
    strides: Sizes = 1
    padding: Padding = "valid"
    data_format: str | None = None
    dilation_rate: Sizes = 1
    groups: int = 1
    activation: str | activations.ActivationFunction | None = None
    use_bias: bool = True
    kernel_initializer: str | AnyInitializer = "glorot_uniform"
    bias_initializer: str | AnyInitializer = "zeros"

    def validate(self) -> None:
        super().validate()
        arguments.require_positive("groups", self.groups)
        if self.filters % self.groups:
            raise ConfigurationError(
                f"{self.filters} filters do not fall into {self.groups} groups;"
                " filters must be a multiple of groups."
            )

    def window(self, shape: Shape) -> SlidingWindow:
        """Return the window for an input of a shape, channels last."""
        return sliding_window(
            shape[:-1],
            self.per_axis("kernel_size"),
            self.padding,
            self.per_axis("strides"),
            self.per_axis("dilation_rate"),
        )

    def operation(self, shape: Shape) -> Convolution:
        """Return the operation on an input of a shape; raise LayerShapeError if it does not fit."""
        channels = shape[-1]
        window = self.window(shape)
        require_fit("kernel", window, self.padding)
        if channels % self.groups:
            raise LayerShapeError(
                f"{channels} input channels do not fall into {self.groups} groups",
                [f"groups={math.gcd(channels, self.groups)}"],
            )
        return Convolution(window, channels, self.filters, self.groups)

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        return joined_arithmetic([axis.arithmetic() for axis in self.window(inputs[0]).axes])


@final
@dataclass(eq=False, repr=False)
class Conv1D(_Convolution):
    """One-dimensional convolution (correlation, as in every framework) of sequences.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int
        Cells of a filter.
    strides : int
        Step between windows.
    padding : {"valid", "same", "full", "causal"}, int or (int, int)
        For inputs of n and kernels of k, the output has n − k + 1, n, or n + k − 1 cells at
        stride 1; "causal" pads before the input alone, so that no output reads what comes later;
        or cells of zeros: on both sides, or (before, after).
    data_format : None or "channels_last"
        Sequences are (length, channels); nothing else is supported.
    dilation_rate : int
        Distance between the cells of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (length, channels); output (positions, filters). Weights: ``kernel`` of (cells,
    channels / groups, filters), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv1D(8, 3, strides=2, padding="causal")(Input((100, 4))).shape
    (None, 50, 8)
    """

    strides: Sizes = (1,)
    dilation_rate: Sizes = (1,)

    rank: ClassVar[int | None] = 2
    modes: ClassVar[tuple[str, ...]] = (*MODES, "causal")


@final
@dataclass(eq=False, repr=False)
class Conv2D(_Convolution):
    """Two-dimensional convolution (correlation, as in every framework) of pictures.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int or (int, int)
        Rows and columns of a filter.
    strides : int or (int, int)
        Step between windows.
    padding : {"valid", "same", "full"}, int, (int, int) or ((int, int), (int, int))
        For inputs of n and kernels of k, the output has n − k + 1, n, or n + k − 1 cells at
        stride 1; or cells of zeros: on all sides, by axis, or by side. "same" puts an odd zero
        after the input.
    data_format : None or "channels_last"
        Pictures are (height, width, channels); nothing else is supported.
    dilation_rate : int or (int, int)
        Distance between the cells of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (height, width, channels); output (rows, columns, filters). Weights: ``kernel`` of
    (rows, columns, channels / groups, filters), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv2D(6, 5)(Input((28, 28, 1))).shape
    (None, 24, 24, 6)
    """

    strides: Sizes = (1, 1)
    dilation_rate: Sizes = (1, 1)

    rank: ClassVar[int | None] = 3


@final
@dataclass(eq=False, repr=False)
class Conv3D(_Convolution):
    """Three-dimensional convolution (correlation, as in every framework) of volumes.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int or (int, int, int)
        Planes, rows and columns of a filter.
    strides : int or (int, int, int)
        Step between windows.
    padding : {"valid", "same", "full"}, int, three int or three (int, int)
        As for `Conv2D`.
    data_format : None or "channels_last"
        Volumes are (depth, height, width, channels); nothing else is supported.
    dilation_rate : int or (int, int, int)
        Distance between the cells of a filter.
    groups : int
        Channels and filters fall into this many independent groups.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (depth, height, width, channels); output (planes, rows, columns, filters). Weights:
    ``kernel`` of (planes, rows, columns, channels / groups, filters), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv3D(4, (1, 3, 3))(Input((8, 16, 16, 1))).shape
    (None, 8, 14, 14, 4)
    """

    strides: Sizes = (1, 1, 1)
    dilation_rate: Sizes = (1, 1, 1)

    rank: ClassVar[int | None] = 4
