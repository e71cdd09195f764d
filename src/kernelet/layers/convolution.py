"""Convolution layers: σ(w ∗ x + b), with one bias a feature map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet import activations, initializers
from kernelet.errors import ConfigurationError
from kernelet.geometry import Window2D, window2d
from kernelet.initializers import AnyInitializer
from kernelet.layers import arguments
from kernelet.layers.arguments import Padding, Pair
from kernelet.layers.base import Layer
from kernelet.layers.problems import LayerShapeError
from kernelet.layers.windows import require_fit, window_arithmetic
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution
from kernelet.program import ProgramBuilder, Shape, Value


@final
@dataclass(eq=False, repr=False)
class Conv2D(Layer):
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

    filters: int
    kernel_size: Pair
    strides: Pair = (1, 1)
    padding: Padding = "valid"
    data_format: str | None = None
    dilation_rate: Pair = (1, 1)
    groups: int = 1
    activation: str | activations.ActivationFunction | None = None
    use_bias: bool = True
    kernel_initializer: str | AnyInitializer = "glorot_uniform"
    bias_initializer: str | AnyInitializer = "zeros"

    rank: ClassVar[int | None] = 3

    def validate(self) -> None:
        arguments.require_positive("filters", self.filters)
        arguments.require_positive("groups", self.groups)
        arguments.require_channels_last(self.data_format)
        self.kernel_size = arguments.pair("kernel_size", self.kernel_size)
        self.strides = arguments.pair("strides", self.strides)
        self.dilation_rate = arguments.pair("dilation_rate", self.dilation_rate)
        self.padding = arguments.padding(self.padding)
        self.activation = activations.configured(self.activation)
        initializers.get(self.kernel_initializer)
        initializers.get(self.bias_initializer)
        if self.filters % self.groups:
            raise ConfigurationError(
                f"{self.filters} filters do not fall into {self.groups} groups;"
                " filters must be a multiple of groups."
            )

    def _window(self, shape: Shape) -> Window2D:
        return window2d(
            (shape[0], shape[1]),
            arguments.pair("kernel_size", self.kernel_size),
            arguments.padding(self.padding),
            arguments.pair("strides", self.strides),
            arguments.pair("dilation_rate", self.dilation_rate),
        )

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        channels = x.shape[-1]
        window = self._window(x.shape)
        require_fit("kernel", window, self.padding)
        if channels % self.groups:
            raise LayerShapeError(
                f"{channels} input channels do not fall into {self.groups} groups",
                [f"groups={math.gcd(channels, self.groups)}"],
            )
        rows, columns = arguments.pair("kernel_size", self.kernel_size)
        kernel_shape = (rows, columns, channels // self.groups, self.filters)
        kernel = self.weight(build, "kernel", kernel_shape)
        maps = build.add(Convolution(window, channels, self.filters, self.groups), x, kernel)
        if self.use_bias:
            maps = build.add(BiasAdd(), maps, self.weight(build, "bias", (self.filters,)))
        return activations.get(self.activation).lower(build, maps)

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        return window_arithmetic(self._window(inputs[0]))
