"""How large the receptive fields of every layer are, and how far those of neighbours lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import msgspec

from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.explain.receptive_field import Box, ReceptiveFields
from kernelet.geometry import Window
from kernelet.model.graph import Graph
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape


class FieldSize(msgspec.Struct, frozen=True):
    """What one cell of a layer's output sees of the input.

    Attributes
    ----------
    size : tuple of int
        Cells along each axis of the input but the channels', from the first to the last that can
        change the output cell: k + (n − 1)·s more for every n×n window, where s is the stride of
        what it reads. Beyond the border it counts padding; where `whole`, it is the input's size.
    stride : tuple of float
        Distance between the fields of neighbouring cells, in cells of the input; below 1 where
        transposed convolutions enlarge, empty where `whole` or where branches differ in it.
    whole : bool
        Whether every cell sees the whole input.
    """

    size: tuple[int, ...]
    stride: tuple[float, ...]
    whole: bool

    def to_text(self) -> str:
        """Return size and stride on a line.

        Examples
        --------
        >>> FieldSize((16, 16), (4.0, 4.0), False).to_text()
        '16×16 step 4'
        """
        if self.whole:
            return "all"
        size = "×".join(map(str, self.size))
        if not self.stride:
            return size
        steps = [f"{step:.3g}" for step in self.stride]
        return f"{size} step {steps[0] if len(set(steps)) == 1 else '×'.join(steps)}"


class _Grid(msgspec.Struct, frozen=True):
    """How the cells of an output lie over one axis of the input.

    ``stride`` is the distance between neighbours' fields; after every ``period`` cells, which
    transposed convolutions lengthen, fields have the same size again.
    """

    stride: Fraction
    period: int

    def after(self, axis: Window, *, transposed: bool) -> _Grid:
        step = axis.stride
        if transposed:
            return _Grid(self.stride / step, self.period * step)
        return _Grid(self.stride * step, self.period // math.gcd(self.period, step))


_Grids = tuple[_Grid, ...]


def field_sizes(graph: Graph) -> list[FieldSize | None]:
    """Return the size of the receptive fields of each call of a graph.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    list of FieldSize or None
        None where the network has several inputs, or an input without places: one row of
        numbers.

    Examples
    --------
    >>> from kernelet.networks import lenet5
    >>> graph = lenet5().graph
    >>> {call.name: field.to_text() for call, field in zip(graph.calls, field_sizes(graph))}
    {'input_layer': '1×1 step 1', 'rescaling': '1×1 step 1', 'conv1': '5×5 step 1', \
'pool1': '6×6 step 2', 'conv2': '14×14 step 2', 'pool2': '16×16 step 4', 'flatten': 'all', \
'dense1': 'all', 'dense2': 'all', 'classes': 'all'}
    """
    if len(graph.inputs) != 1 or len(graph.calls[graph.inputs[0]].shape) < 2:
        return [None] * len(graph.calls)
    fields = ReceptiveFields(graph)
    grids: list[_Grids | None] = []
    sizes: list[FieldSize | None] = []
    for number, call in enumerate(graph.calls):
        if call.inputs:
            grids.append(_grids(lower_call(graph, number), [grids[k] for k in call.inputs]))
        else:
            grids.append((_Grid(Fraction(1), 1),) * (len(call.shape) - 1))
        sizes.append(_size(fields, number, grids[-1]))
    return sizes


def _size(fields: ReceptiveFields, number: int, grids: _Grids | None) -> FieldSize:
    shape = fields.graph.calls[number].shape[:-1]
    last = tuple(length - 1 for length in shape)
    # Without a period, any cell may see most.
    periods = shape if grids is None else [grid.period for grid in grids]
    most = max(periods, default=1)
    cells = [tuple(min(index, end) for end in last) for index in range(most)]
    boxes = [fields.box(number, cell) for cell in dict.fromkeys((*cells, last))]
    lengths = fields.input_shape[:-1]
    if all(_covers(box, lengths) for box in boxes):
        return FieldSize(lengths, (), whole=True)
    size = tuple(max(box[axis][1] - box[axis][0] for box in boxes) for axis in range(len(lengths)))
    return FieldSize(size, tuple(float(grid.stride) for grid in grids or ()), whole=False)


def _covers(box: Box, lengths: Sequence[int]) -> bool:
    return all(
        first <= 0 and end >= length for (first, end), length in zip(box, lengths, strict=True)
    )


def _grids(call: LoweredCall, read: Sequence[_Grids | None]) -> _Grids | None:
    """Return how a call's cells lie over the input, from how the cells that it reads do."""
    grids = _joined(read)
    for node in call.nodes:
        if grids is None or isinstance(node.op, Reshape | MatrixProduct):
            return None
        if isinstance(node.op, Convolution | ConvolutionInputGradient | MaxPool | AveragePool):
            transposed = isinstance(node.op, ConvolutionInputGradient)
            axes = zip(grids, node.op.window.axes, strict=True)
            grids = tuple(grid.after(axis, transposed=transposed) for grid, axis in axes)
    return grids


def _joined(read: Sequence[_Grids | None]) -> _Grids | None:
    """Return what branches have in common; None where they lie at different distances."""
    known = [grids for grids in read if grids is not None]
    if len(known) < len(read) or len({tuple(grid.stride for grid in one) for one in known}) > 1:
        return None
    return tuple(
        _Grid(same[0].stride, math.lcm(*(grid.period for grid in same)))
        for same in zip(*known, strict=True)
    )
