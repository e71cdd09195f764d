"""Equivariance: a layer's map moves along when the picture moves.

A convolution applies the same filter everywhere, so its map of a moved picture is the moved map.
A stride, of a convolution or a pooling, keeps that for displacements by whole strides alone. Near
the border it does not hold: padding and what enters the picture are not what left it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.feature_maps import call_names, feature_maps
from kernelet.explain.moving import moved
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.augmentation import Fill
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution
from kernelet.ops.normalization import Normalize
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import ChannelSlice, Concatenate
from kernelet.ops.softmax import Softmax
from kernelet.program import Node, ProgramBuilder, Value

if TYPE_CHECKING:
    from kernelet.geometry import Window
    from kernelet.model import Model
    from kernelet.model.graph import Graph

# Each output cell reads the input cells at its own place.
_POINTWISE = (Activate, Add, BiasAdd, ChannelSlice, Concatenate, Normalize, Rescale, Softmax)


class LayerEquivariance(msgspec.Struct, frozen=True):
    """How well a layer's map follows the picture.

    Errors are the root of the mean squared difference between the map of the moved picture and
    the moved map, divided by the deviation of the map's channels over the compared cells: 0 where
    the map moves along exactly, about 1.4 where the two have nothing in common.

    Attributes
    ----------
    name, kind : str
        Of the layer.
    displacement : (int, int)
        Pixels that the picture was moved by, down and to the right, one after the other: the
        stride of the map, so that it has to move by one cell.
    cells : int
        Cells of a map that neither padding nor what entered the picture reaches, of both moves.
    inside : float or None
        Error over these cells; None where there are none, or the map is the same everywhere.
    everywhere : float or None
        Error over all cells that both maps have.
    """

    name: str
    kind: str
    displacement: tuple[int, int]
    cells: int
    inside: float | None
    everywhere: float | None


class _Axis(msgspec.Struct, frozen=True):
    """Cells of one axis of a map: pixels from one to the next, first and last undisturbed one."""

    stride: int
    first: int
    last: int


_Extent = tuple[_Axis, ...]


def equivariance(model: Model, images: NDArray[Any], fill: Fill) -> tuple[LayerEquivariance, ...]:
    """Move pictures by the stride of each layer's map, and compare the maps.

    Parameters
    ----------
    model : Model
        With one input, of pictures.
    images : ndarray, shape (pictures, height, width, channels)
    fill : {"nearest", "constant", "reflect"}
        What enters a moved picture.

    Returns
    -------
    tuple of LayerEquivariance
        Of the layers whose output is a map, up to where the places of the picture are lost.
    """
    graph, size = model.graph, images.shape[1:3]
    calls = {
        name: extent
        for name, extent in zip(call_names(graph), _extents(graph, size), strict=True)
        if extent is not None and name not in graph.input_names
    }
    sums = {name: _Sums() for name in calls}
    # Maps of one stride at a time are in memory.
    for stride in sorted({extent for cells in calls.values() for extent in _strides(cells)}):
        names = [name for name, cells in calls.items() if stride in _strides(cells)]
        _compare(model, images, fill, stride, {name: calls[name] for name in names}, sums)
    kinds = dict(zip(call_names(graph), (type(c.layer).__name__ for c in graph.calls), strict=True))
    return tuple(
        LayerEquivariance(
            name=name,
            kind=kinds[name],
            displacement=(extent[0].stride, extent[1].stride),
            cells=sum(sums[name].cells),
            inside=sums[name].inside.error(),
            everywhere=sums[name].everywhere.error(),
        )
        for name, extent in calls.items()
    )


def _strides(cells: _Extent) -> tuple[int, ...]:
    return tuple(axis.stride for axis in cells)


def _compare(
    model: Model,
    images: NDArray[Any],
    fill: Fill,
    stride: int,
    extents: dict[str, _Extent],
    sums: dict[str, _Sums],
) -> None:
    """Move pictures by one stride along each axis; add what layers of this stride make of it."""
    graph, size = model.graph, images.shape[1:3]
    original = feature_maps(model, images, _layers(extents))
    for axis in (0, 1):
        names = [name for name, cells in extents.items() if cells[axis].stride == stride]
        if not names or stride >= size[axis]:
            continue
        clean = tuple(n - stride * (k == axis) for k, n in enumerate(size))
        reached = dict(zip(call_names(graph), _extents(graph, clean), strict=True))
        shift = (stride, 0) if axis == 0 else (0, stride)
        maps = feature_maps(model, moved(images, *shift, fill), _layers(names))
        for name in names:
            inside = reached[name]
            assert inside is not None
            sums[name].add(original[name], maps[name], axis, inside)


def _layers(calls: Iterable[str]) -> list[str]:
    """Return the names of the layers that calls of these names belong to."""
    return list(dict.fromkeys(name.partition(":")[0] for name in calls))


class _Difference:
    """Squares of differences, and what leads to the deviation of each channel."""

    def __init__(self) -> None:
        self.difference = 0.0
        self.count = 0
        self.sums: NDArray[np.float64] = np.zeros((2, 1))

    def add(self, expected: NDArray[np.float32], found: NDArray[np.float32]) -> None:
        if expected.size:
            before = expected.reshape(-1, expected.shape[-1]).astype(np.float64)
            after = found.reshape(before.shape)
            self.difference += float(((after - before) ** 2).sum())
            self.count += len(before)
            self.sums = np.add(self.sums, [before.sum(axis=0), (before**2).sum(axis=0)])

    def error(self) -> float | None:
        if not self.count:
            return None
        total, squares = self.sums
        deviation = float((squares - total**2 / self.count).sum())
        # Rounding leaves a little of a map that is the same everywhere.
        constant = deviation <= 1e-12 * float(squares.sum())
        return None if constant else math.sqrt(self.difference / deviation)


class _Sums:
    """What both moves of one layer add up to."""

    def __init__(self) -> None:
        self.cells = [0, 0]
        self.inside, self.everywhere = _Difference(), _Difference()

    def add(self, original: NDArray[Any], maps: NDArray[Any], axis: int, extent: _Extent) -> None:
        """Compare cells with those one further along the axis, in the maps of moved pictures."""
        rest = original.shape[1 + axis] - 1
        before = np.take(original, range(rest), 1 + axis)
        after = np.take(maps, range(1, rest + 1), 1 + axis)
        self.everywhere.add(before, after)
        rows, columns = (slice(cells.first, cells.last + 1) for cells in extent)
        before, after = before[:, rows, columns], after[:, rows, columns]
        self.inside.add(before, after)
        self.cells[axis] = before.shape[1] * before.shape[2]


def _extents(graph: Graph, clean: Sequence[int]) -> list[_Extent | None]:
    """Return the extent of each call's output where so many rows and columns are undisturbed."""
    build = ProgramBuilder()
    inputs = {
        graph.calls[k].name: build.input(graph.calls[k].name, graph.calls[k].shape)
        for k in graph.inputs
    }
    values = graph.lower_calls(build, inputs, training=False)
    known: dict[Value, _Extent | None] = {
        value: tuple(_Axis(1, 0, length - 1) for length in clean) for value in inputs.values()
    }
    for node in build.nodes:
        extent = _through(node, [known.get(value) for value in node.inputs if value.batched])
        known.update(dict.fromkeys(node.outputs, extent))
    return [known[value] for value in values]


def _through(node: Node, read: Sequence[_Extent | None]) -> _Extent | None:
    """Return what an operation makes of extents; None where places are lost."""
    known = [extent for extent in read if extent is not None]
    if len(known) < len(read) or not known:
        return None
    if isinstance(node.op, Convolution | MaxPool | AveragePool):
        (extent,) = known
        pairs = zip(extent, node.op.window.axes, strict=True)
        return tuple(_slid(cells, window) for cells, window in pairs)
    if isinstance(node.op, _POINTWISE):
        return _common(known)
    return None


def _slid(cells: _Axis, window: Window) -> _Axis:
    first = -(-(cells.first + window.before) // window.stride)
    last = (cells.last + window.before - window.extent + 1) // window.stride
    return _Axis(cells.stride * window.stride, first, max(last, first - 1))


def _common(extents: Sequence[_Extent]) -> _Extent | None:
    """Return the cells that are undisturbed in all of several maps of one stride."""
    axes = []
    for cells in zip(*extents, strict=True):
        if len({axis.stride for axis in cells}) > 1:
            return None
        first, last = max(axis.first for axis in cells), min(axis.last for axis in cells)
        axes.append(_Axis(cells[0].stride, first, max(last, first - 1)))
    return tuple(axes)
