"""A few large pictures as many small ones: overlapping bands along each sliding axis.

The engine works on blocks of 16 samples side by side, so a single picture would leave most of a
block and all threads but one idle, and 16 large ones would fill the memory. Each output cell of a
band is the same sum in the same order as in the whole picture.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.geometry import Window
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.plan.candidate import LANES

Operation = Convolution | ConvolutionInputGradient | MaxPool | AveragePool

# Blocks of samples that occupy a few threads.
BLOCKS = 4
# Most bytes of a block's input and output, which every thread holds. Bands small enough for a
# core's own caches were slower: what they save is less than what cutting them out costs.
BLOCK_BYTES = 1 << 25
# Times in units of moving one number into a block or out of it, 0.5 ns on a core of Zen 4 with
# AVX-512: a multiply-add, and cutting out a band, whatever its size.
MULTIPLY_ADD_TIME = 1 / 28
BAND_TIME = 4000
# Numbers of bands that are compared.
COMPARED = 64


@dataclass(frozen=True, slots=True)
class Bands:
    """How one sliding axis of a picture falls into bands.

    Attributes
    ----------
    axis : int
        Which of the sliding axes, from 0.
    count : int
        Bands of a picture.
    start, step : int
        Input cell at which the first band begins, beyond the border where negative, and distance
        between the beginnings of neighbours.
    window : Window
        The axis within a band.
    length, output : int
        Input and output cells of a band.
    whole : int
        Output cells of all bands together; the last band may have more than are left.
    """

    axis: int
    count: int
    start: int
    step: int
    window: Window
    length: int
    output: int
    whole: int


def input_shape(op: Operation) -> tuple[int, ...]:
    """Return the shape of the pictures that an operation takes, without the batch."""
    return op.maps.shape if isinstance(op, ConvolutionInputGradient) else op.picture.shape


def output_shape(op: Operation) -> tuple[int, ...]:
    """Return the shape of an operation's results, without the batch."""
    return op.picture.shape if isinstance(op, ConvolutionInputGradient) else op.maps.shape


def _forward(axis: int, window: Window, cells: int) -> Bands:
    """Return bands of some output cells each."""
    step = cells * window.stride
    length = step - window.stride + window.extent
    inner = replace(window, length=length, before=0, after=0)
    count = -(-window.output // cells)
    return Bands(axis, count, -window.before, step, inner, length, cells, window.output)


def _transposed(axis: int, window: Window, steps: int) -> Bands:
    """Return bands of the output cells of some strides each."""
    output = steps * window.stride
    # An output cell reads the input cells i with  0 ≤ cell + before − i·stride < extent.
    start = -((window.extent - 1 - window.before) // window.stride)
    length = (output - 1 + window.before) // window.stride - start + 1
    before = window.before - start * window.stride
    after = max((length - 1) * window.stride + window.extent - output - before, 0)
    inner = replace(window, length=output, before=before, after=after)
    count = -(-window.length // output)
    return Bands(axis, count, start, steps, inner, length, output, window.length)


def _bands(op: Operation, axis: int, pieces: int) -> Bands:
    """Return bands of a number of pieces: of output cells, or of strides if transposed."""
    kind = _transposed if isinstance(op, ConvolutionInputGradient) else _forward
    return kind(axis, op.window.axes[axis], pieces)


def _pieces(op: Operation, axis: int) -> int:
    """Return the most bands that an axis may fall into; 1 where it cannot be divided."""
    window = op.window.axes[axis]
    if isinstance(op, ConvolutionInputGradient):
        return -(-window.length // window.stride) if window.before < window.extent else 1
    if isinstance(op, MaxPool | AveragePool) and (window.before or window.after):
        return 1  # the zeros around a picture would take part in the pooling of a band
    return window.output


def _slice(shape: tuple[int, ...], axis: int) -> int:
    """Return the elements of one cell along an axis."""
    return math.prod(shape) // shape[axis]


def _time(op: Operation, bands: Bands, pictures: int) -> float:
    """Return the time that all bands take, lanes and threads that stay idle included."""
    target = output_shape(op)
    sums = op.cost().multiply_adds * MULTIPLY_ADD_TIME / target[bands.axis]
    moved = bands.length * _slice(input_shape(op), bands.axis)
    made = bands.output * (_slice(target, bands.axis) + sums)
    rounds = -(-pictures * bands.count // (LANES * BLOCKS))
    return rounds * LANES * (moved + made) + bands.count * BAND_TIME


def _divided(op: Operation, axis: int, pictures: int) -> Bands | None:
    """Return the bands along one axis, or None where there is nothing to gain."""
    pieces = _pieces(op, axis)
    if pieces == 1:
        return None
    window = op.window.axes[axis]
    cell = 4 * LANES * (_slice(input_shape(op), axis) + _slice(output_shape(op), axis))
    fitting = max(1, BLOCK_BYTES // (cell * window.stride))
    if axis + 1 < len(op.window.axes):
        fitting = max(fitting, window.extent)  # what is too large yet is divided along the next
    fewest = -(-pieces // fitting)
    sizes = {-(-pieces // count) for count in range(fewest, min(fewest + COMPARED, pieces + 1))}
    choices = [_bands(op, axis, size) for size in sorted(sizes)]
    best = min(choices, key=lambda bands: _time(op, bands, pictures))
    return best if best.count > 1 else None


@functools.lru_cache(256)
def divide(op: Operation, pictures: int) -> tuple[Operation, tuple[Bands, ...]]:
    """Return the operation on small pictures that some pictures are best divided into, and how.

    Parameters
    ----------
    op : Operation
        On the pictures.
    pictures : int
        How many there are.

    Returns
    -------
    op : Operation
        On one band of bands.
    bands : tuple of Bands
        One after the other; empty where the pictures are best left alone.
    """
    chosen: list[Bands] = []
    for axis in range(len(op.window.axes)):
        bands = _divided(op, axis, pictures)
        if bands is not None:
            chosen.append(bands)
            axes = list(op.window.axes)
            axes[axis] = bands.window
            op = replace(op, window=replace(op.window, axes=tuple(axes)))
            pictures *= bands.count
    return op, tuple(chosen)


def split(pictures: NDArray[Any], bands: Bands) -> NDArray[Any]:
    r"""Return the bands of all pictures, zeros beyond the border.

    Parameters
    ----------
    pictures : ndarray, shape (n, ...)
    bands : Bands

    Returns
    -------
    ndarray, shape (n \* count, ...)
    """
    number, *shape = pictures.shape
    available = shape[bands.axis]
    shape[bands.axis] = bands.length
    result = np.empty((number, bands.count, *shape), pictures.dtype)
    cells = np.moveaxis(result, bands.axis + 2, 0)
    source = np.moveaxis(pictures, bands.axis + 1, 0)
    for k in range(bands.count):
        begin = bands.start + k * bands.step
        first = min(max(-begin, 0), bands.length)
        last = max(min(available - begin, bands.length), first)
        cells[:first, :, k] = 0
        cells[first:last, :, k] = source[begin + first : begin + last]
        cells[last:, :, k] = 0
    return result.reshape(number * bands.count, *shape)


def joined(results: NDArray[Any], bands: Bands) -> NDArray[Any]:
    """Return the results of bands as those of the pictures they belong to."""
    apart = results.reshape(-1, bands.count, *results.shape[1:])
    beside = np.moveaxis(apart, 1, bands.axis + 1)
    number, *shape = results.shape
    shape[bands.axis] = bands.count * bands.output
    together = beside.reshape(number // bands.count, *shape)
    return together[(slice(None),) * (bands.axis + 1) + (slice(bands.whole),)]
