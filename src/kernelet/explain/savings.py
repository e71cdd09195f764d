"""What convolutions save: beside the dense layers and the matrices that would do the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kernelet.convolution.matrix import MatrixSize, matrix_size
from kernelet.data.listing import visible
from kernelet.errors import ShapeError, UsageError
from kernelet.explain.lowered_call import lower_call
from kernelet.layers.arguments import Padding, Sizes, is_integer
from kernelet.layers.convolution import Conv1D, Conv2D, Conv3D
from kernelet.model.base import Model
from kernelet.notebook import table_html
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.program import Shape
from kernelet.text import byte_size, table

_FLOAT_BYTES = 4
_LAYERS = {2: Conv1D, 3: Conv2D, 4: Conv3D}
_FILTERS, _KERNEL = 64, 5
_HEADINGS = ("layer", "", "weights", "multiply-adds", "memory")


class ConvolutionSavings(msgspec.Struct, frozen=True):
    """One convolution beside what would do the same; biases apart.

    Attributes
    ----------
    name : str
        Of the layer, or the size of the input.
    input_shape, filter_shape, output_shape : tuple of int
        Without the batch.
    weights, multiply_adds, bytes : int
        Of the convolution: numbers in its filters, multiply-adds for one sample, zeros beyond
        the border included, and bytes of the filters in float32.
    dense_weights, dense_bytes : int
        Of a dense layer from all input cells to all output cells. It multiplies each weight once
        a sample.
    matrix : MatrixSize
        Of the convolution matrix. Dense, it has a cell for each weight of the dense layer;
        ``entries`` of them are not zero, each of which is multiplied once a sample.
    """

    name: str
    input_shape: Shape
    filter_shape: Shape
    output_shape: Shape
    weights: int
    multiply_adds: int
    bytes: int
    dense_weights: int
    dense_bytes: int
    matrix: MatrixSize


class Savings(msgspec.Struct, frozen=True):
    """All convolutions of a model, and their sums.

    Attributes
    ----------
    name : str
        Of the model; empty where plain input sizes were asked for, whose sums mean nothing.
    layers : tuple of ConvolutionSavings
    weights, multiply_adds, bytes : int
        Of the convolutions together.
    dense_weights, dense_multiply_adds, dense_bytes : int
        Of the dense layers.
    matrix_entries, matrix_bytes : int
        Of the convolution matrices without their zeros.

    Notes
    -----
    A layer that is used several times has its weights once, and so has a dense layer that is
    used on inputs of one size; multiply-adds count every use.
    """

    name: str
    layers: tuple[ConvolutionSavings, ...]
    weights: int
    multiply_adds: int
    bytes: int
    dense_weights: int
    dense_multiply_adds: int
    dense_bytes: int
    matrix_entries: int
    matrix_bytes: int

    @property
    def ratio(self) -> float:
        """How many times as many weights the dense layers have."""
        return self.dense_weights / self.weights

    def to_text(self) -> str:
        """Return a table with three lines a convolution: itself, dense, as a matrix.

        Examples
        --------
        >>> print(savings((32, 32, 3)).to_text())
        layer                              weights  multiply-adds     memory
        32×32×3  32×32×3 → 28×28×64          4,800      3,763,200   18.8 KiB
                 dense 3,072 × 50,176  154,140,672    154,140,672  588.0 MiB
                 sparse matrix           3,763,200      3,763,200   28.9 MiB
        <BLANKLINE>
        32×32×3 dense: 32,113 times as many weights, 41 times as many multiply-adds
        """
        heading = [visible(self.name)] if self.name else []
        return "\n".join((*heading, table(self._rows(), left=(0, 1)), "", *self._notes()))

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        """Show the table in notebooks."""
        return table_html(
            self._rows(),
            caption=visible(self.name),
            left=(0, 1),
            totals=3 if self.name else 0,
            notes=self._notes(),
        )

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [_HEADINGS]
        for one in self.layers:
            shapes = ("×".join(map(str, shape)) for shape in (one.input_shape, one.output_shape))
            dense = f"dense {one.matrix.columns:,} × {one.matrix.rows:,}"
            sparse = (one.matrix.entries, one.matrix.entries, one.matrix.sparse_bytes)
            rows += [
                (one.name, " → ".join(shapes), *_cells(one.weights, one.multiply_adds, one.bytes)),
                ("", dense, *_cells(one.dense_weights, one.dense_weights, one.dense_bytes)),
                ("", "sparse matrix", *_cells(*sparse)),
            ]
        return rows + self._totals() if self.name else rows

    def _totals(self) -> list[tuple[str, ...]]:
        dense = (self.dense_weights, self.dense_multiply_adds, self.dense_bytes)
        sparse = (self.matrix_entries, self.matrix_entries, self.matrix_bytes)
        count = f"{len(self.layers)} convolution{'s' if len(self.layers) > 1 else ''}"
        return [
            ("total", count, *_cells(self.weights, self.multiply_adds, self.bytes)),
            ("", "dense", *_cells(*dense)),
            ("", "sparse matrices", *_cells(*sparse)),
        ]

    def _notes(self) -> list[str]:
        """Say how many times as much dense layers hold and do: together, or for each input."""
        if self.name:
            more = self.dense_multiply_adds / self.multiply_adds
            return [_compared("all dense", self.ratio, more)]
        return [
            _compared(
                f"{one.name} dense",
                one.dense_weights / one.weights,
                one.dense_weights / one.multiply_adds,
            )
            for one in self.layers
        ]


def _compared(name: str, weights: float, multiply_adds: float) -> str:
    return (
        f"{name}: {_times(weights)} as many weights, {_times(multiply_adds)} as many multiply-adds"
    )


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


def _cells(weights: int, multiply_adds: int, size: int) -> tuple[str, str, str]:
    return f"{weights:,}", f"{multiply_adds:,}", byte_size(size)


def savings(
    of: Model | Sequence[int] | Sequence[Sequence[int]],
    *,
    filters: int | None = None,
    kernel_size: Sizes | None = None,
    padding: Padding | None = None,
) -> Savings:
    """Return what convolutions save against dense layers and convolution matrices.

    Parameters
    ----------
    of : Model, shape, or sequence of shapes
        A model, all of whose convolutions are counted; or sizes of inputs, (height, width,
        channels) or (length, channels), each of which one convolution is imagined on.
    filters : int, optional
        Feature maps of that convolution; 64 by default.
    kernel_size : int or tuple of int, optional
        Of its filters; 5 by default.
    padding : str, int or tuple, optional
        As of `Conv2D`; "valid" by default.

    Returns
    -------
    Savings
        Prints as a table.

    Raises
    ------
    UsageError
        If the model has no convolution, or a model comes with arguments of a convolution.
    ShapeError
        If a size is none of an input with places and channels, or the filters do not fit it.

    Examples
    --------
    Inputs of a dense layer on pictures of growing size, and what one output of it would hold:

    >>> sizes = [(28, 28, 1), (32, 32, 3), (224, 224, 3), (720, 1280, 3)]
    >>> table = savings(sizes)
    >>> [one.matrix.columns for one in table.layers]
    [784, 3072, 150528, 2764800]

    Filters of 5×5 on a colour picture of 32×32 against the dense layer:

    >>> table.layers[1].weights, table.layers[1].dense_weights
    (4800, 154140672)
    """
    if isinstance(of, Model):
        if not (filters is kernel_size is padding is None):
            raise UsageError(
                "filters, kernel_size and padding belong to sizes of inputs; a model has"
                " convolutions of its own. Leave them out."
            )
        return _of_model(of)
    shapes = list(of) if isinstance(of, list | tuple) else [of]
    if all(isinstance(n, int) for n in shapes):
        shapes = [of]
    options: dict[str, Any] = {"padding": "valid" if padding is None else padding}
    counts = (
        _FILTERS if filters is None else filters,
        _KERNEL if kernel_size is None else kernel_size,
    )
    rows = []
    for shape in shapes:
        sizes = _checked(shape)
        op = _LAYERS[len(sizes)](*counts, **options).operation(sizes)
        rows.append(_row("×".join(map(str, sizes)), op))
    return _totalled("", rows)


def _checked(shape: object) -> Shape:
    if isinstance(shape, list | tuple) and len(shape) in _LAYERS:
        sizes = tuple(shape)
        if all(is_integer(n, 1) for n in sizes):
            return sizes
    raise ShapeError(
        f"expected a model, or sizes of an input such as (32, 32, 3); got {shape!r}.\n"
        "  Try (height, width, channels), with 1 channel for grey pictures."
    )


def _of_model(model: Model) -> Savings:
    rows = []
    graph, known, dense = model.graph, set(), set()
    for number, call in enumerate(graph.calls):
        lowered = lower_call(graph, number)
        for node in lowered.nodes:
            if not isinstance(node.op, Convolution | ConvolutionInputGradient):
                continue
            row = _row(call.name, node.op)
            # A layer that is used again brings no weights of its own.
            if call.name in known:
                row = replace(row, weights=0, bytes=0)
            if (call.name, row.input_shape) in dense:
                row = replace(row, dense_weights=0, dense_bytes=0)
            known.add(call.name)
            dense.add((call.name, row.input_shape))
            rows.append(row)
    if not rows:
        raise UsageError(
            f"the model {visible(model.name)!r} has no convolution that could save anything.\n"
            "  Try sizes of inputs: kernelet.explain.savings((32, 32, 3))."
        )
    return _totalled(model.name, rows)


def _row(name: str, op: Convolution | ConvolutionInputGradient) -> ConvolutionSavings:
    size = matrix_size(op.window.axes, (op.channels, op.filters), _FLOAT_BYTES)
    # Each map reads the channels of its group alone.
    size = replace(size, entries=size.entries // op.groups)
    read, made = op.picture, op.maps
    if isinstance(op, ConvolutionInputGradient):
        size = replace(size, rows=size.columns, columns=size.rows)
        read, made = made, read
    return ConvolutionSavings(
        name=name,
        input_shape=read.shape,
        filter_shape=op.weights.shape,
        output_shape=made.shape,
        weights=op.weights.size,
        multiply_adds=op.cost().multiply_adds,
        bytes=_FLOAT_BYTES * op.weights.size,
        dense_weights=size.rows * size.columns,
        dense_bytes=size.dense_bytes,
        matrix=size,
    )


def _totalled(name: str, rows: Sequence[ConvolutionSavings]) -> Savings:
    return Savings(
        name=name,
        layers=tuple(rows),
        weights=sum(row.weights for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        bytes=sum(row.bytes for row in rows),
        dense_weights=sum(row.dense_weights for row in rows),
        dense_multiply_adds=sum(row.matrix.rows * row.matrix.columns for row in rows),
        dense_bytes=sum(row.dense_bytes for row in rows),
        matrix_entries=sum(row.matrix.entries for row in rows),
        matrix_bytes=sum(row.matrix.sparse_bytes for row in rows),
    )
