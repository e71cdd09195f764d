"""Strongest patches: the parts of pictures that each filter of a network answers to most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.explain.feature_maps import call_names, feature_maps
from kernelet.explain.lowered_call import lower_call
from kernelet.explain.receptive_field import Box, ReceptiveFields
from kernelet.model.base import Model
from kernelet.ops.convolution import Convolution

#: Most bytes of feature maps that are held at a time.
_MEMORY = 1 << 26


class StrongestPatches(msgspec.Struct, frozen=True, eq=False):
    """What the filters of one convolution answer to most.

    Attributes
    ----------
    layer : str
        Name of the call.
    values : ndarray of float32, shape (filters, patches)
        The layer's outputs there, the largest first.
    pictures : ndarray of int64, shape (filters, patches)
        Numbers of the pictures, no picture twice for a filter.
    boxes : tuple of tuples of Box
        For each filter and patch, the receptive field: first pixel and the one after the last,
        along both axes. It may reach beyond the picture, where there is padding.
    """

    layer: str
    values: NDArray[np.float32]
    pictures: NDArray[np.int64]
    boxes: tuple[tuple[Box, ...], ...]


def strongest_patches(
    model: Model, images: NDArray[Any], layers: Sequence[str] | None = None, *, patches: int = 5
) -> dict[str, StrongestPatches]:
    """Find the patches of pictures that each filter of each convolution answers to most.

    Parameters
    ----------
    model : Model
        With one picture as its input.
    images : ndarray, shape (pictures, height, width, channels)
        To look at, usually those that the network learned from.
    layers : sequence of str, optional
        Names of convolution layers. Default: all that make maps.
    patches : int
        How many, at most one a picture.

    Returns
    -------
    dict of str to StrongestPatches
        By the name of the call, in the order in which they run; empty where the network has no
        convolution of pictures.

    Raises
    ------
    UsageError
        If the network has several inputs, a layer is no convolution of pictures, or there is
        nothing to find.
    ShapeError
        If the pictures do not fit the model.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((4, 4, 1)), Conv2D(1, 2, name="conv")])
    >>> model.set_weights([np.ones((2, 2, 1, 1)), [0]])
    >>> images = np.zeros((3, 4, 4, 1))
    >>> images[1, 2:, 1:3] = 1
    >>> found = strongest_patches(model, images, patches=1)["conv"]
    >>> found.values.tolist(), found.pictures.tolist(), found.boxes[0][0]
    ([[4.0]], [[1]], ((2, 4), (1, 3)))
    """
    if patches < 1 or not len(images):
        raise UsageError("at least one patch of at least one picture is to be found.")
    fields = ReceptiveFields(model.graph)
    numbers = _convolutions(model, layers)
    if not numbers:
        return {}
    names = call_names(model.graph)
    wanted = list(dict.fromkeys(model.graph.calls[k].name for k in numbers))
    ranks = {k: _Ranking(patches) for k in numbers}
    chunk = _chunk(model, numbers)
    for begin in range(0, len(images), chunk):
        maps = feature_maps(model, images[begin : begin + chunk], wanted)
        for k in numbers:
            ranks[k].add(maps[names[k]], begin)
    return {names[k]: ranks[k].result(names[k], fields, k) for k in numbers}


def _chunk(model: Model, numbers: Sequence[int]) -> int:
    """Return how many pictures to take at a time."""
    floats = sum(int(np.prod(model.graph.calls[k].shape)) for k in numbers)
    return int(np.clip(_MEMORY // (4 * max(1, floats)), 16, 1024))


def _convolutions(model: Model, layers: Sequence[str] | None) -> list[int]:
    """Return the numbers of the calls that convolve pictures."""
    graph = model.graph
    found = [
        k
        for k, call in enumerate(graph.calls)
        if len(call.shape) == 3
        and any(isinstance(node.op, Convolution) for node in lower_call(graph, k).nodes)
    ]
    if layers is None:
        return found
    for name in layers:
        model.get_layer(name)
        if name not in {graph.calls[k].name for k in found}:
            raise UsageError(f"{name!r} is not a convolution of pictures.")
    return [k for k in found if graph.calls[k].name in layers]


class _Ranking:
    """The largest outputs of each filter so far."""

    def __init__(self, patches: int) -> None:
        self._patches = patches
        self._values: NDArray[np.float32] = np.empty((0, 0), np.float32)
        self._places: NDArray[np.int64] = np.empty((0, 0, 2), np.int64)
        self._width = 1

    def add(self, maps: NDArray[np.float32], first: int) -> None:
        """Take in the maps of pictures, the first of which has this number."""
        count, _, self._width, filters = maps.shape
        cells = maps.reshape(count, -1, filters)
        best = cells.argmax(axis=1)
        values = np.take_along_axis(cells, best[:, np.newaxis], axis=1)[:, 0].T
        numbers = np.broadcast_to(np.arange(first, first + count), (filters, count))
        places = np.stack((numbers, best.T), axis=-1)
        if self._values.size:
            values = np.concatenate((self._values, values), axis=1)
            places = np.concatenate((self._places, places), axis=1)
        # Of equal ones the earlier picture stays first.
        order = np.argsort(-values, axis=1, kind="stable")[:, : self._patches]
        self._values = np.take_along_axis(values, order, axis=1)
        self._places = np.take_along_axis(places, order[..., np.newaxis], axis=1)

    def result(self, name: str, fields: ReceptiveFields, number: int) -> StrongestPatches:
        """Return what was found for the call of that number."""
        boxes = tuple(
            tuple(fields.box(number, divmod(int(cell), self._width)) for cell in row)
            for row in self._places[..., 1]
        )
        return StrongestPatches(name, self._values, self._places[..., 0], boxes)


def crop(image: NDArray[Any], box: Box, outside: int = 127) -> NDArray[Any]:
    """Cut a receptive field out of a picture.

    Parameters
    ----------
    image : ndarray, shape (height, width, channels)
    box : Box
        Along an axis where it is longer than the picture, the whole picture is taken.
    outside : int
        Value of the cells beyond the border.

    Returns
    -------
    ndarray, shape (rows, columns, channels)

    Examples
    --------
    >>> picture = np.arange(9).reshape(3, 3, 1)
    >>> crop(picture, ((-1, 1), (1, 3)))[..., 0].tolist()
    [[127, 127], [1, 2]]
    >>> crop(picture, ((-2, 2), (0, 1)))[..., 0].tolist()
    [[0], [3], [6]]
    """
    ranges = [
        (0, length) if end - first >= length else (first, end)
        for (first, end), length in zip(box, image.shape, strict=False)
    ]
    padding = [
        (max(0, -first), max(0, end - length))
        for (first, end), length in zip(ranges, image.shape, strict=False)
    ]
    inside = tuple(slice(max(0, first), max(0, end)) for first, end in ranges)
    return np.pad(image[inside], [*padding, (0, 0)], constant_values=outside)
