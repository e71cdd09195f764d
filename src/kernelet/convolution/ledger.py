"""The cost ledger: what a convolution holds, does and takes, and what it saves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import msgspec
import numpy as np
from numpy.typing import DTypeLike

from kernelet.convolution.arguments import Mode, check_mode, shape_text
from kernelet.convolution.calibration import coefficients
from kernelet.convolution.costs import matrix_product
from kernelet.convolution.layer_costs import layer_seconds
from kernelet.convolution.matrix import MatrixSize, has_channels, matrix_size, matrix_windows
from kernelet.convolution.prediction import Prediction, predict, predictions_table, problem_for
from kernelet.executors.native_processor import usable_threads
from kernelet.geometry import Window
from kernelet.notebook import table_html
from kernelet.text import byte_size, short_time, table

_FLOAT_BYTES = 4
# A sum of n rounded products errs by less than λ·√n·u, practically always, with λ = 3.
_LAMBDA = 3.0


class Cost(msgspec.Struct, frozen=True):
    """What a convolution costs, beside the matrix and the dense layer that would do the same.

    One multiplication with its addition counts as one; biases are counted apart.

    Attributes
    ----------
    input_shape, filter_shape, output_shape : tuple of int
    mode : str
    arithmetic : tuple of str
        How the output size comes about, an axis.
    weights : int
        Of the filters.
    biases : int
        One for each feature map; 0 without channels.
    multiply_adds : int
        By the definition, zeros beyond the border included.
    bias_additions : int
        One for each output cell; 0 without channels.
    bytes : int
        Of input, weights and output together.
    matrix : MatrixSize
        Of the convolution matrix. A dense layer of the same effect has as many weights as the
        matrix has cells.
    matrix_seconds : float
        Predicted for the product with the dense matrix, and so for the dense layer.
    predictions : tuple of Prediction
        Of the methods of the operator; with channels, of the layer, for one picture in float32.
        Empty where strides make steps along plain arrays, or a layer has more than three axes.
    """

    input_shape: tuple[int, ...]
    filter_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    mode: str
    arithmetic: tuple[str, ...]
    weights: int
    biases: int
    multiply_adds: int
    bias_additions: int
    bytes: int
    matrix: MatrixSize
    matrix_seconds: float
    predictions: tuple[Prediction, ...]

    @property
    def dense_weights(self) -> int:
        """Weights of the dense layer that would do the same."""
        return self.matrix.rows * self.matrix.columns

    def to_text(self) -> str:
        """Return the ledger as tables."""
        text = table(self._rows(), left=(0, 1, 2))
        if self.predictions:
            text += f"\n\n{predictions_table(self.predictions)}"
        return text

    def _repr_html_(self) -> str:
        """Show the ledger in notebooks."""
        shown = table_html(self._rows(), left=(0, 1, 2), headings=False)
        if self.predictions:
            shown += f"<pre>{escape(predictions_table(self.predictions))}</pre>"
        return shown

    def _rows(self) -> list[tuple[str, str, str]]:
        size = self.matrix
        return [
            ("input", shape_text(self.input_shape), f"{size.columns:,} cells"),
            ("filter", shape_text(self.filter_shape), f"{self.weights:,} weights{self._biases()}"),
            ("output", shape_text(self.output_shape), f"{size.rows:,} cells"),
            *(("", sum_, "") for sum_ in dict.fromkeys(self.arithmetic)),
            ("multiply-adds", f"{self.multiply_adds:,}", self._bias_additions()),
            ("memory", byte_size(self.bytes), "input, weights and output"),
            (
                "as a matrix",
                f"{size.rows:,} × {size.columns:,}",
                f"{byte_size(size.dense_bytes)} dense, {byte_size(size.sparse_bytes)} sparse",
            ),
            ("as a dense layer", f"{size.columns:,} × {size.rows:,}", self._dense()),
        ]

    def _dense(self) -> str:
        ratio = self.dense_weights / self.weights
        return (
            f"{self.dense_weights:,} weights, {ratio:,.0f} times as many;"
            f" {short_time(self.matrix_seconds)}"
        )

    def _biases(self) -> str:
        return f" (and {self.biases:,} biases)" if self.biases else ""

    def _bias_additions(self) -> str:
        return f"and {self.bias_additions:,} additions of biases" if self.biases else ""

    def __str__(self) -> str:
        return self.to_text()


def cost(
    input_shape: int | Sequence[int],
    filter_shape: int | Sequence[int],
    mode: Mode = "full",
    strides: int | Sequence[int] = 1,
    dtype: DTypeLike = "float32",
) -> Cost:
    r"""Return what a convolution costs.

    Parameters
    ----------
    input_shape : int or sequence of int, shape (\*lengths) or (\*lengths, channels in)
        Of one signal or picture.
    filter_shape : int or sequence of int, shape (\*kernel) or (\*kernel, channels in, maps)
        As many numbers as `input_shape`, or one more: the filters of a layer.
    mode : {"full", "same", "valid"}
        How far the filter moves.
    strides : int or sequence of int
        Steps between window positions.
    dtype : data-type
        Of all numbers.

    Returns
    -------
    Cost
        Prints as a table.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    UsageError
        For an unknown mode, or strides below 1.

    Examples
    --------
    >>> import kernelet as kl
    >>> ledger = kl.cost((32, 32, 3), (5, 5, 3, 64), mode="valid")
    >>> ledger.output_shape, ledger.arithmetic[0], ledger.weights, ledger.multiply_adds
    ((28, 28, 64), '32 − 5 + 1 = 28', 4800, 3763200)
    >>> ledger.matrix.columns, ledger.matrix.rows, ledger.dense_weights
    (3072, 50176, 154140672)
    """
    check_mode(mode)
    inputs = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    filters = (filter_shape,) if isinstance(filter_shape, int) else tuple(filter_shape)
    windows = matrix_windows(filters, inputs, mode, strides)
    layer = has_channels(filters, inputs)
    channels = (filters[-2], filters[-1]) if layer else (1, 1)
    itemsize = np.dtype(dtype).itemsize
    size = matrix_size(windows, channels, itemsize)
    positions = math.prod(one.output for one in windows)
    output = (*(one.output for one in windows), *((channels[1],) if layer else ()))
    weights = math.prod(filters)
    return Cost(
        input_shape=inputs,
        filter_shape=filters,
        output_shape=output,
        mode=mode,
        arithmetic=tuple(one.arithmetic() for one in windows),
        weights=weights,
        biases=channels[1] if layer else 0,
        multiply_adds=positions * weights,
        bias_additions=size.rows if layer else 0,
        bytes=itemsize * (size.columns + weights + size.rows),
        matrix=size,
        matrix_seconds=matrix_product(size.dense_bytes).seconds(coefficients(), usable_threads()),
        predictions=(
            _layer_predictions(inputs, filters, mode, windows)
            if layer
            else _predictions(inputs, filters, mode, dtype, windows)
        ),
    )


def _layer_predictions(
    inputs: tuple[int, ...], filters: tuple[int, ...], mode: Mode, windows: Sequence[Window]
) -> tuple[Prediction, ...]:
    # Layers take longer to import than the operator, which does not need them.
    from kernelet.layers.convolution import Conv1D, Conv2D, Conv3D

    layers = {1: Conv1D, 2: Conv2D, 3: Conv3D}
    if len(windows) not in layers:
        return ()
    strides = tuple(one.stride for one in windows)
    layer = layers[len(windows)](filters[-1], filters[:-2], strides=strides, padding=mode)
    op = layer.operation(inputs)
    cells = math.prod(inputs) + math.prod(filters) + math.prod(op.maps.shape)
    additions = math.sqrt(math.prod(filters[:-1]))
    prediction = Prediction(
        method="layer",
        multiply_adds=op.cost().multiply_adds,
        bytes=cells * _FLOAT_BYTES,
        seconds=layer_seconds(op, coefficients(), usable_threads()),
        error_bound=_LAMBDA * additions * float(np.finfo(np.float32).eps) / 2,
        remark="",
    )
    return (prediction,)


def _predictions(
    lengths: tuple[int, ...],
    taps: tuple[int, ...],
    mode: Mode,
    dtype: DTypeLike,
    windows: Sequence[Window],
) -> tuple[Prediction, ...]:
    if any(one.stride > 1 for one in windows):
        return ()
    problem, products = problem_for(lengths, taps, mode, dtype)
    return predict(problem, products=products)
