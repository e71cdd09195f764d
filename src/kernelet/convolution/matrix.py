"""Convolution as multiplication by a matrix: banded (Toeplitz), block by block in more axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import ArrayLike, NDArray

from kernelet.convolution.arguments import Mode, check_mode, shape_text
from kernelet.convolution.placement import must_swap, place
from kernelet.data.memory import available_bytes
from kernelet.errors import ShapeError, UsageError
from kernelet.geometry import Window, window
from kernelet.text import byte_size

# Of what is free; the arrays that are multiplied need room, too.
_USABLE_SHARE = 0.8

# While a sparse matrix is built, every number has its row and column twice.
_INDICES_WHILE_BUILT = 4


class MatrixSize(msgspec.Struct, frozen=True):
    """Size of a convolution matrix, known before it is made.

    Attributes
    ----------
    rows, columns : int
        Cells of the result and of the input.
    entries : int
        Cells that hold a weight; all others are zero.
    itemsize : int
        Bytes of a number.
    """

    rows: int
    columns: int
    entries: int
    itemsize: int

    @property
    def dense_bytes(self) -> int:
        """Bytes of the dense matrix."""
        return self.rows * self.columns * self.itemsize

    @property
    def index(self) -> np.dtype[Any]:
        """Type of the numbers of rows and columns in the sparse matrix."""
        largest = max(self.rows, self.columns, self.entries)
        return np.dtype(np.int32 if largest < 2**31 else np.int64)

    @property
    def sparse_bytes(self) -> int:
        """Bytes of the sparse matrix: every number with its column, and where rows begin."""
        return self.entries * self.itemsize + (self.entries + self.rows + 1) * self.index.itemsize


def matrix_size(
    windows: Sequence[Window], channels: tuple[int, int] = (1, 1), itemsize: int = 4
) -> MatrixSize:
    """Return the size of the matrix of a sliding window.

    Parameters
    ----------
    windows : sequence of Window
        One an axis.
    channels : (int, int)
        Of input and output.
    itemsize : int
        Bytes of a number.

    Examples
    --------
    >>> matrix_size([window(32, 5, "valid"), window(32, 5, "valid")], (3, 64)).columns
    3072
    """
    inputs, outputs = channels
    entries = math.prod(sum(len(o) for o, _ in _pairs(one)) for one in windows)
    return MatrixSize(
        rows=math.prod(one.output for one in windows) * outputs,
        columns=math.prod(one.length for one in windows) * inputs,
        entries=entries * inputs * outputs,
        itemsize=itemsize,
    )


def _pairs(one: Window) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return, for every tap, the outputs that it contributes to and the inputs it reads."""
    outputs = np.arange(one.output)
    pairs = []
    for tap in range(one.kernel):
        inputs = outputs * one.stride + tap * one.dilation - one.before
        inside = (inputs >= 0) & (inputs < one.length)
        pairs.append((outputs[inside], inputs[inside]))
    return pairs


def convolution_matrix(
    w: ArrayLike,
    input_shape: int | Sequence[int],
    mode: Mode = "full",
    flip: bool = True,
    sparse: bool = False,
    strides: int | Sequence[int] = 1,
) -> Any:
    r"""Return the matrix T with ``T @ a.ravel() == convolve(a, w, mode).ravel()``.

    Parameters
    ----------
    w : array_like, shape (\*kernel) or (\*kernel, channels in, channels out)
        The filter; with channels it is that of a layer.
    input_shape : int or sequence of int, shape (\*lengths) or (\*lengths, channels in)
        Of ``a``. As many numbers as ``w`` has axes, or with channels one less.
    mode : {"full", "same", "valid"}
        As in `convolve`; with channels ``same`` is that of a layer, whose extra zero stands after
        the input.
    flip : bool
        Whether to convolve; else the matrix correlates, as `correlate` and layers do.
    sparse : bool
        Whether to return a ``scipy.sparse.csr_array``, which leaves out the zeros.
    strides : int or sequence of int
        Steps between window positions, the same for all axes or one each.

    Returns
    -------
    ndarray or scipy.sparse.csr_array, shape (cells of the result, cells of ``a``)
        Of the type of ``w``.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.
    UsageError
        If the matrix would not fit into memory, or SciPy is missing.

    Notes
    -----
    The matrix repeats the K weights in each of its rows, along diagonals; a dense layer of the
    same size would learn every cell of it.

    Examples
    --------
    The band of w = [w1, w2] sliding over a = [a1, a2, a3, a4]:

    >>> import kernelet as kl
    >>> kl.convolution_matrix([1, 2], 4, mode="valid", flip=False)
    array([[1, 2, 0, 0],
           [0, 1, 2, 0],
           [0, 0, 1, 2]])

    A convolution flips the filter:

    >>> kl.convolution_matrix([1, 2], 4) @ [1, 10, 100, 1000]
    array([   1,   12,  120, 1200, 2000])
    """
    check_mode(mode)
    weights = np.asarray(w)
    lengths = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
    windows = matrix_windows(weights.shape, lengths, mode, strides)
    axes = tuple(range(len(windows)))
    if flip:
        weights = np.flip(weights, axes)
    elif np.iscomplexobj(weights):
        weights = weights.conj()
    if not has_channels(weights.shape, lengths):
        weights = weights[..., np.newaxis, np.newaxis]
    size = matrix_size(windows, weights.shape[-2:], weights.itemsize)
    _refuse_what_does_not_fit(size, sparse=sparse)
    return _sparse(weights, windows, size) if sparse else _dense(weights, windows, size)


def matrix_windows(
    shape: Sequence[int], input_shape: Sequence[int], mode: Mode, strides: int | Sequence[int] = 1
) -> list[Window]:
    """Resolve every axis along which a filter moves.

    Parameters
    ----------
    shape : sequence of int
        Of the filter.
    input_shape, mode, strides
        As in `convolution_matrix`.

    Raises
    ------
    ShapeError
        If the shapes do not fit together.

    Examples
    --------
    >>> [one.output for one in matrix_windows((5, 5, 3, 64), (32, 32, 3), "valid")]
    [28, 28]
    """
    channels = has_channels(shape, input_shape)
    kernel, lengths = (shape[:-2], input_shape[:-1]) if channels else (shape, input_shape)
    if len(lengths) != len(kernel) or not kernel:
        raise ShapeError(
            "input_shape needs as many numbers as w has axes, or one less where w has channels"
            f" (in, out); input_shape is {tuple(input_shape)} and w has the shape {tuple(shape)}."
        )
    if min((*shape, *input_shape)) < 1:
        raise ShapeError(f"nothing may be empty: input {tuple(input_shape)}, w {tuple(shape)}.")
    if channels and input_shape[-1] != shape[-2]:
        raise ShapeError(
            f"the input has {input_shape[-1]} channels and w takes {shape[-2]}"
            f" (input_shape {tuple(input_shape)}, w {tuple(shape)})."
        )
    steps = [strides] * len(kernel) if isinstance(strides, int) else list(strides)
    if len(steps) != len(kernel) or min(steps) < 1:
        raise UsageError(f"strides must be one number of at least 1 or {len(kernel)}: {strides!r}.")
    if channels:
        return _layer_windows(lengths, kernel, mode, steps)
    if mode == "valid":
        must_swap(lengths, kernel)
    placed = (place(n, k, mode) for n, k in zip(lengths, kernel, strict=True))
    return [replace(one, stride=step) for one, step in zip(placed, steps, strict=True)]


def has_channels(shape: Sequence[int], input_shape: Sequence[int]) -> bool:
    """Return whether the last axes of a filter are channels, as in layers."""
    return len(shape) == len(input_shape) + 1 > 2


def _layer_windows(
    spatial: Sequence[int], kernel: Sequence[int], mode: Mode, steps: Sequence[int]
) -> list[Window]:
    windows = [window(n, k, mode, s) for n, k, s in zip(spatial, kernel, steps, strict=True)]
    if min(one.output for one in windows) < 1:
        sums = ", ".join(one.arithmetic() for one in windows)
        raise ShapeError(
            f"a filter of {shape_text(kernel)} does not fit an input of {shape_text(spatial)}"
            f" ({mode}: {sums})."
        )
    return windows


def _refuse_what_does_not_fit(size: MatrixSize, *, sparse: bool) -> None:
    needed = size.dense_bytes
    if sparse:
        needed = size.sparse_bytes + size.entries * size.index.itemsize * _INDICES_WHILE_BUILT
    available = available_bytes()
    if available is None or needed <= _USABLE_SHARE * available:
        return
    remedy = "use convolve, which needs no matrix"
    if not sparse:
        remedy = f"sparse=True takes {byte_size(size.sparse_bytes)}; or {remedy}"
    raise UsageError(
        f"the matrix would have {size.rows:,} rows and {size.columns:,} columns and need"
        f" {byte_size(needed)}; {byte_size(available)} of memory are free.\n  Instead, {remedy}."
    )


def _taps(
    windows: Sequence[Window],
) -> Iterator[tuple[tuple[int, ...], NDArray[np.intp], NDArray[np.intp]]]:
    """Yield every tap of the filter, with the outputs and the inputs that it joins."""
    outputs = [one.output for one in windows]
    lengths = [one.length for one in windows]
    for choice in product(*(list(enumerate(_pairs(one))) for one in windows)):
        rows = np.ix_(*(made for _, (made, _) in choice))
        columns = np.ix_(*(read for _, (_, read) in choice))
        yield (
            tuple(tap for tap, _ in choice),
            np.ravel_multi_index(rows, outputs).ravel(),
            np.ravel_multi_index(columns, lengths).ravel(),
        )


def _dense(weights: NDArray[Any], windows: Sequence[Window], size: MatrixSize) -> NDArray[Any]:
    read, made = weights.shape[-2:]
    matrix = np.zeros((size.rows // made, made, size.columns // read, read), weights.dtype)
    for tap, rows, columns in _taps(windows):
        matrix[rows, :, columns, :] = weights[tap].T
    return matrix.reshape(size.rows, size.columns)


def _sparse(weights: NDArray[Any], windows: Sequence[Window], size: MatrixSize) -> Any:
    try:
        from scipy import sparse
    except ImportError as error:
        raise UsageError(
            "sparse=True needs SciPy, which is not installed: pip install scipy."
        ) from error
    read, made = weights.shape[-2:]
    entries = []
    for tap, rows, columns in _taps(windows):
        row = (rows * made).astype(size.index)[:, np.newaxis, np.newaxis]
        row = row + np.arange(made, dtype=size.index)[:, np.newaxis]
        column = (columns * read).astype(size.index)[:, np.newaxis, np.newaxis]
        column = column + np.arange(read, dtype=size.index)
        entries.append([part.ravel() for part in np.broadcast_arrays(weights[tap].T, row, column)])
    values, all_rows, all_columns = (np.concatenate(part) for part in zip(*entries, strict=True))
    shape = (size.rows, size.columns)
    return sparse.coo_array((values, (all_rows, all_columns)), shape=shape).tocsr()
