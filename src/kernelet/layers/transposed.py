"""Transposed convolution layers, which enlarge: each input cell adds a whole filter to the output.

A transposed convolution is the gradient of a convolution by its input, used forward; its strides
and padding are those of the convolution it transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet import activations
from kernelet.geometry import SlidingWindow, axis_padding, transposed_window
from kernelet.initializers import AnyInitializer
from kernelet.layers import arguments
from kernelet.layers.arguments import Padding, Sizes
from kernelet.layers.convolution import FilterLayer
from kernelet.layers.problems import LayerShapeError
from kernelet.layers.windows import joined_arithmetic, sliding_axes
from kernelet.ops.convolution import ConvolutionInputGradient
from kernelet.program import Shape


@dataclass(eq=False, repr=False)
class _TransposedConvolution(FilterLayer):
    """Configuration that transposed convolutions over one to three axes share."""

    filters: int
    kernel_size: Sizes
    strides: Sizes = 1
    padding: Padding = "valid"
    output_padding: Sizes | None = None
    data_format: str | None = None
    dilation_rate: Sizes = 1
    activation: str | activations.ActivationFunction | None = None
    use_bias: bool = True
    kernel_initializer: str | AnyInitializer = "glorot_uniform"
    bias_initializer: str | AnyInitializer = "zeros"

    def validate(self) -> None:
        super().validate()
        if self.output_padding is not None:
            self.output_padding = arguments.sizes(
                "output_padding", self.output_padding, sliding_axes(self), minimum=0
            )
        # The output padding has to suit the strides whatever the input is.
        self.window((1,) * (sliding_axes(self) + 1))

    def window(self, shape: Shape) -> SlidingWindow:
        """Return the window of the convolution whose output has a shape, channels last."""
        axes = sliding_axes(self)
        kernel, strides = self.per_axis("kernel_size"), self.per_axis("strides")
        dilation = self.per_axis("dilation_rate")
        extra: Sequence[int | None] = (None,) * axes
        if self.output_padding is not None:
            extra = arguments.sizes("output_padding", self.output_padding, axes, minimum=0)
        return SlidingWindow(
            tuple(
                transposed_window(
                    shape[axis],
                    kernel[axis],
                    axis_padding(self.padding, axis, axes),
                    strides[axis],
                    dilation[axis],
                    extra[axis],
                )
                for axis in range(axes)
            )
        )

    def operation(self, shape: Shape) -> ConvolutionInputGradient:
        """Return the operation on an input of a shape; raise LayerShapeError if it does not fit."""
        window = self.window(shape)
        if min(window.size) < 1:
            raise LayerShapeError(
                f"the padding leaves nothing of its output ({self.arithmetic([shape])})",
                ['padding="same"'],
            )
        return ConvolutionInputGradient(window, self.filters, shape[-1])

    def arithmetic(self, inputs: Sequence[Shape]) -> str:
        axes = self.window(inputs[0]).axes
        return joined_arithmetic([axis.transposed_arithmetic() for axis in axes])


@final
@dataclass(eq=False, repr=False)
class Conv1DTranspose(_TransposedConvolution):
    """Transposed one-dimensional convolution of sequences.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int
        Cells of a filter.
    strides : int
        Distance between the filters in the output: about how many times larger it becomes.
    padding : {"valid", "same", "full"}, int or (int, int)
        For inputs of n, kernels of k and strides of s: "valid" keeps everything,
        (n − 1)·s + k cells and at least n·s; "same" keeps n·s cells; or cells that are cut off,
        on both sides or (before, after); "full" cuts off k − 1 on both sides.
    output_padding : int, optional
        Cells more on the far side of the output, below the stride.
    data_format : None or "channels_last"
        Sequences are (length, channels); nothing else is supported.
    dilation_rate : int
        Distance between the cells of a filter.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (length, channels); output (cells, filters). Weights: ``kernel`` of (cells, filters,
    channels), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv1DTranspose(8, 3, strides=2, padding="same")(Input((50, 4))).shape
    (None, 100, 8)
    """

    strides: Sizes = (1,)
    dilation_rate: Sizes = (1,)

    rank: ClassVar[int | None] = 2


@final
@dataclass(eq=False, repr=False)
class Conv2DTranspose(_TransposedConvolution):
    """Transposed two-dimensional convolution of pictures.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int or (int, int)
        Rows and columns of a filter.
    strides : int or (int, int)
        Distance between the filters in the output: about how many times larger it becomes.
    padding : {"valid", "same", "full"}, int, (int, int) or ((int, int), (int, int))
        For inputs of n, kernels of k and strides of s: "valid" keeps everything,
        (n − 1)·s + k cells and at least n·s; "same" keeps n·s cells; or cells that are cut off,
        on all sides, by axis, or by side; "full" cuts off k − 1 on every side.
    output_padding : int or (int, int), optional
        Cells more below and to the right of the output, below the strides.
    data_format : None or "channels_last"
        Pictures are (height, width, channels); nothing else is supported.
    dilation_rate : int or (int, int)
        Distance between the cells of a filter.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (height, width, channels); output (rows, columns, filters). Weights: ``kernel`` of
    (rows, columns, filters, channels), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv2DTranspose(6, 3, strides=2, padding="same")(Input((14, 14, 16))).shape
    (None, 28, 28, 6)
    """

    strides: Sizes = (1, 1)
    dilation_rate: Sizes = (1, 1)

    rank: ClassVar[int | None] = 3


@final
@dataclass(eq=False, repr=False)
class Conv3DTranspose(_TransposedConvolution):
    """Transposed three-dimensional convolution of volumes.

    Parameters
    ----------
    filters : int
        Number of feature maps.
    kernel_size : int or (int, int, int)
        Planes, rows and columns of a filter.
    strides : int or (int, int, int)
        Distance between the filters in the output: about how many times larger it becomes.
    padding : {"valid", "same", "full"}, int, three int or three (int, int)
        As for `Conv2DTranspose`.
    output_padding : int or (int, int, int), optional
        Cells more on the far sides of the output, below the strides.
    data_format : None or "channels_last"
        Volumes are (depth, height, width, channels); nothing else is supported.
    dilation_rate : int or (int, int, int)
        Distance between the cells of a filter.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (depth, height, width, channels); output (planes, rows, columns, filters). Weights:
    ``kernel`` of (planes, rows, columns, filters, channels), ``bias`` of (filters,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Conv3DTranspose(4, 2, strides=2)(Input((4, 8, 8, 3))).shape
    (None, 8, 16, 16, 4)
    """

    strides: Sizes = (1, 1, 1)
    dilation_rate: Sizes = (1, 1, 1)

    rank: ClassVar[int | None] = 4
