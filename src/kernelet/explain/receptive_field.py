"""Receptive fields: the part of the picture that a cell of a feature map sees."""

from __future__ import annotations

import functools

from kernelet.errors import UsageError
from kernelet.explain.lowered_call import LoweredCall, lower_call
from kernelet.geometry import Window
from kernelet.model.graph import Graph
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape
from kernelet.program import Node, Shape, Value

#: First cell and the one after the last, along each axis but the channels'.
Box = tuple[tuple[int, int], ...]


class ReceptiveFields:
    """What the cells of any layer see of a network's one input.

    Parameters
    ----------
    graph : Graph

    Raises
    ------
    UsageError
        If the network has several inputs.

    Examples
    --------
    Two 3×3 convolutions see as much as one of 5×5; pooling doubles each further step:

    >>> from kernelet.layers import Conv2D, Input, MaxPooling2D
    >>> from kernelet.model import Sequential
    >>> layers = [Input((16, 16, 1)), Conv2D(2, 3), Conv2D(2, 3), MaxPooling2D(), Conv2D(2, 3)]
    >>> fields = ReceptiveFields(Sequential(layers).graph)
    >>> fields.box(2, (0, 0)), fields.box(4, (0, 0)), fields.box(4, (1, 0))
    (((0, 5), (0, 5)), ((0, 10), (0, 10)), ((2, 12), (0, 10)))
    """

    def __init__(self, graph: Graph) -> None:
        if len(graph.inputs) != 1:
            raise UsageError(
                f"receptive fields are those of one input; the network has {len(graph.inputs)}."
            )
        self.graph = graph
        self._lowered: list[LoweredCall] = [
            lower_call(graph, number) for number in range(len(graph.calls))
        ]

    @functools.cached_property
    def input_shape(self) -> Shape:
        """Shape of the input, without the batch."""
        return self.graph.calls[self.graph.inputs[0]].shape

    def box(self, number: int, cell: tuple[int, ...]) -> Box:
        """Return what one cell sees; it reaches beyond the input where there is padding.

        Parameters
        ----------
        number : int
            Of the call.
        cell : tuple of int
            Index of the cell in the call's output, without the channel.

        Returns
        -------
        tuple of (int, int)
            First cell and the one after the last, along each axis.
        """
        seen: dict[int, Box] = {number: tuple((index, index + 1) for index in cell)}
        # A call reads calls of smaller numbers alone.
        for current in range(number, -1, -1):
            box = seen.get(current)
            if box is None:
                continue
            reads = self.graph.calls[current].inputs
            for source, part in zip(reads, _read(self._lowered[current], box), strict=False):
                seen[source] = _union(seen.get(source), part)
        return seen[self.graph.inputs[0]]

    def centres(self, number: int, axis: int) -> list[float]:
        """Return where the middle of each cell's field lies along an axis of the input.

        Parameters
        ----------
        number : int
            Of the call.
        axis : int

        Returns
        -------
        list of float
            In cells of the input, the middle of the first one being 0.
        """
        shape = self.graph.calls[number].shape[:-1]
        found = []
        for index in range(shape[axis]):
            cell = tuple(index if k == axis else 0 for k in range(len(shape)))
            first, end = self.box(number, cell)[axis]
            found.append((first + end - 1) / 2)
        return found


def _read(call: LoweredCall, box: Box) -> list[Box]:
    """Return what a part of a call's output reads of each input of the call."""
    boxes: dict[Value, Box] = {call.output: box}
    for node in reversed(call.nodes):
        for value in node.inputs:
            if value.batched and node.output in boxes:
                part = _source(node, boxes[node.output], value.shape)
                boxes[value] = _union(boxes.get(value), part)
    return [boxes[value] for value in call.inputs]


def _source(node: Node, box: Box, shape: Shape) -> Box:
    """Return what a part of a node's output reads of an input of that shape."""
    match node.op:
        case Convolution() | MaxPool() | AveragePool():
            return tuple(map(_covered, node.op.window.axes, box))
        case ConvolutionInputGradient():
            return tuple(map(_covering, node.op.window.axes, box))
        case Reshape() | MatrixProduct():
            return tuple((0, length) for length in shape[:-1])
        case _:  # cell by cell
            return box


def _covered(axis: Window, part: tuple[int, int]) -> tuple[int, int]:
    """Return the cells under window positions."""
    first, end = part
    return first * axis.stride - axis.before, (end - 1) * axis.stride - axis.before + axis.extent


def _covering(axis: Window, part: tuple[int, int]) -> tuple[int, int]:
    """Return the window positions that reach cells."""
    first, end = part
    earliest = -(-(first + axis.before - axis.extent + 1) // axis.stride)
    return earliest, (end - 1 + axis.before) // axis.stride + 1


def _union(one: Box | None, other: Box) -> Box:
    if one is None:
        return other
    return tuple((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True))
