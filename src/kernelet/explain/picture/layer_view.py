"""What a page shows of each layer: its maps as pictures, its filters with their patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.lowered_call import lower_call
from kernelet.explain.numbers import number_text
from kernelet.explain.pages import map_uri, photo_uri, picture_uri
from kernelet.explain.strongest_patches import StrongestPatches, crop
from kernelet.explain.summary import LayerSummary
from kernelet.model.base import Model
from kernelet.ops.convolution import Convolution

FloatArray = NDArray[np.float32]

#: Pictures of maps and filters in one layer, at most.
MOST = 64
# Numbers of a row, as a picture, beside one another.
_ROW = 32
# Sides of maps and patches as they are shown, in pixels.
_MAP_SIDE, _PATCH_SIDE = 112, 64
# Longer side of a map's picture in cells; larger maps are reduced.
_LARGEST = 64
# Side up to which strips of patches are kept exact.
_EXACT = 16


class ShownFilter(msgspec.Struct, frozen=True):
    """One filter.

    Attributes
    ----------
    pictures : tuple of (str, str)
        Address and description of each picture of its weights; empty for filters of many maps.
    patches : str
        Address of its strongest patches side by side; empty where there are none.
    width : int
        Of that picture, in pixels.
    values : tuple of str
        The outputs there.
    """

    pictures: tuple[tuple[str, str], ...]
    patches: str
    width: int
    values: tuple[str, ...]


class LayerView(msgspec.Struct, frozen=True):
    """One layer as a page shows it.

    Attributes
    ----------
    number : int
        Of the call.
    name : str
        Of the call.
    summary : LayerSummary
    maps : tuple of str
        Addresses of pictures: one a map, or one of the whole row of numbers.
    width, columns : int
        Of one of them in pixels, and in cells.
    total : int
        Maps that the layer makes.
    low, high : str
        Numbers at the ends of the colours.
    scale : str
        Address of a picture of the colours.
    closed : str
        Why its numbers are not in the page, or nothing.
    filters : tuple of ShownFilter
    all_filters : int
        Filters that the layer has.
    changes : bool
        Whether it makes anything else of the picture than what it reads.
    """

    number: int
    name: str
    summary: LayerSummary
    maps: tuple[str, ...]
    width: int
    columns: int
    total: int
    low: str
    high: str
    scale: str
    closed: str = ""
    filters: tuple[ShownFilter, ...] = ()
    all_filters: int = 0
    changes: bool = True


class Allowance(msgspec.Struct):
    """Bytes for the pictures of a number of layers; what one leaves, the others may have."""

    left: int
    layers: int
    _share: int = 0

    def next_layer(self) -> None:
        """Give the next layer an equal share of what is left."""
        self._share = self.left // max(1, self.layers)
        self.layers -= 1

    def take(self, addresses: Sequence[str]) -> bool:
        """Take the bytes of addresses from the layer's share, or say that they are not left."""
        size = sum(map(len, addresses))
        if size > self._share:
            return False
        self._share -= size
        self.left -= size
        return True


def layer_view(
    number: int,
    name: str,
    summary: LayerSummary,
    array: FloatArray,
    allowance: Allowance,
) -> LayerView:
    """Return what a page shows of the maps of a call.

    Parameters
    ----------
    number, name, summary
        Of the call.
    array : ndarray of float32
        What it makes of the picture, without a batch.
    allowance : Allowance
        Reduced by what the pictures take; as many are shown as it has room for, and one more
        than none.
    """
    allowance.next_layer()
    cells, total = _as_maps(array)
    finite = cells[np.isfinite(cells)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    signed = low < 0
    most = max(abs(low), abs(high))
    limits = (-most, most) if signed else (low, high)
    shown: list[str] = []
    for k in range(min(MOST, cells.shape[2])):
        address = map_uri(_reduced(cells[..., k]), limits, signed=signed)
        if not allowance.take([address]) and shown:
            break
        shown.append(address)
    height, width = cells.shape[:2]
    colours = np.linspace(limits[0], limits[1], 64)[np.newaxis]
    return LayerView(
        number=number,
        name=name,
        summary=summary,
        maps=tuple(shown),
        width=_enlarged(width, height, _MAP_SIDE if array.ndim > 1 else 320),
        columns=width,
        total=total,
        low=number_text(limits[0]),
        high=number_text(limits[1]),
        scale=map_uri(colours, limits, signed=signed),
    )


def _as_maps(array: FloatArray) -> tuple[FloatArray, int]:
    """Return maps of shape (rows, columns, maps), and how many there are; a row is wrapped."""
    if array.ndim == 3:
        return array, array.shape[2]
    flat = array.reshape(-1)
    columns = min(_ROW, flat.size)
    missing = -flat.size % columns
    padded = np.append(flat, np.full(missing, np.nan, np.float32))
    return padded.reshape(-1, columns, 1), 1


def _reduced(cells: FloatArray) -> FloatArray:
    """Return a map by the means of squares, with at most `_LARGEST` of them along its sides."""
    step = -(-max(cells.shape) // _LARGEST)
    if step == 1:
        return cells
    rows, columns = (np.arange(0, length, step) for length in cells.shape)
    sums = np.add.reduceat(np.add.reduceat(cells, rows, axis=0), columns, axis=1)
    counts = np.outer(
        *(np.diff([*one, n]) for one, n in zip((rows, columns), cells.shape, strict=True))
    )
    means: FloatArray = (sums / counts).astype(np.float32)
    return means


def _enlarged(width: int, height: int, side: int) -> int:
    """Return the width at which a picture is shown, a whole multiple where it is small."""
    longer = max(width, height)
    return width * (side // longer) if longer <= side else max(1, round(width * side / longer))


def filter_views(
    model: Model,
    number: int,
    patches: StrongestPatches | None,
    images: NDArray[Any] | None,
    allowance: Allowance,
) -> tuple[tuple[ShownFilter, ...], int]:
    """Return the filters of a call as a page shows them, and how many it has.

    Parameters
    ----------
    model : Model
    number : int
        Of the call.
    patches : StrongestPatches or None
    images : ndarray of uint8, shape (pictures, height, width, channels), or None
        That the patches lie in.
    allowance : Allowance
    """
    lowered = lower_call(model.graph, number)
    node = next((node for node in lowered.nodes if isinstance(node.op, Convolution)), None)
    if node is None or len(lowered.output.shape) != 3:
        return (), 0
    kernel = model.weights[lowered.weights[node.inputs[1]]]
    few = kernel.shape[2] in (1, 3) and reads_picture(model, number)
    if not few and patches is None:
        return (), kernel.shape[3]
    limit = float(np.abs(kernel).max())
    allowance.next_layer()
    shown: list[ShownFilter] = []
    for k in range(min(MOST, kernel.shape[3])):
        pictures = filter_pictures(kernel[..., k], limit) if few else ()
        strip, width, values = _strip(patches, k, images)
        if not allowance.take([strip, *(address for address, _ in pictures)]):
            break
        shown.append(ShownFilter(pictures, strip, width, values))
    return tuple(shown), kernel.shape[3]


def filter_pictures(kernel: FloatArray, limit: float) -> tuple[tuple[str, str], ...]:
    """Return a filter as pictures: in colour where it has three channels, and each channel.

    Parameters
    ----------
    kernel : ndarray, shape (rows, columns, channels)
    limit : float
        Absolute value of the full colours.

    Returns
    -------
    tuple of (str, str)
        Address and description of each.
    """
    scale = (-limit, limit)
    channels = range(kernel.shape[2])
    names = ("red", "green", "blue") if len(channels) == 3 else ("weights",)
    found = [(map_uri(kernel[..., k], scale, signed=True), names[k]) for k in channels]
    if len(channels) == 3:
        found.insert(0, (picture_uri(kernel, scale), "in colour"))
    return tuple(found)


def _strip(
    patches: StrongestPatches | None, k: int, images: NDArray[Any] | None
) -> tuple[str, int, tuple[str, ...]]:
    """Return the patches of a filter side by side, its width on the page, and the outputs."""
    if patches is None or images is None:
        return "", 0, ()
    places = zip(patches.pictures[k].tolist(), patches.boxes[k], strict=True)
    crops = [crop(images[picture], box) for picture, box in places]
    height, width = crops[0].shape[:2]
    exact = max(height, width) <= _EXACT
    if exact:  # with clear gaps, which JPEG has not
        crops = [_opaque(one) for one in crops]
    gap = np.full((height, max(1, width // 16), crops[0].shape[2]), 0 if exact else 200, np.uint8)
    strip = np.concatenate([part for one in crops for part in (one, gap)][:-1], axis=1)
    address = picture_uri(strip) if exact else photo_uri(strip, strip.shape[1])
    enlarged = _enlarged(width, height, _PATCH_SIDE)
    shown = round(strip.shape[1] * enlarged / width)
    return address, shown, tuple(map(number_text, patches.values[k].tolist()))


def _opaque(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a grey or RGB picture as RGB with full opacity."""
    colour = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    return np.concatenate((colour, np.full_like(colour[..., :1], 255)), axis=2)


def reads_picture(model: Model, number: int) -> bool:
    """Return whether a call reads the picture itself, rescaled at most."""
    graph = model.graph
    (*_, first) = graph.calls[number].inputs or (number,)
    while graph.calls[first].inputs:
        nodes = lower_call(graph, first).nodes
        if any(node.op.name != "rescale" for node in nodes) or len(graph.calls[first].inputs) > 1:
            return False
        (first,) = graph.calls[first].inputs
    return True
