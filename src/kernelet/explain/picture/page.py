"""The page about one picture: answer, where it comes from, every layer, every number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.data.listing import visible
from kernelet.errors import UsageError
from kernelet.explain.charts import Bar, bar_chart
from kernelet.explain.feature_maps import call_names, feature_maps
from kernelet.explain.grad_cam import grad_cam
from kernelet.explain.lowered_call import lower_call
from kernelet.explain.numbers import number_text
from kernelet.explain.occlusion import POSITIONS, occlusions, stride_for
from kernelet.explain.pages import map_uri, photo_uri, render
from kernelet.explain.pages.rendering import percent
from kernelet.explain.picture.cell_data import CellData, cell_data
from kernelet.explain.picture.heat import heat_uri
from kernelet.explain.picture.layer_view import (
    Allowance,
    LayerView,
    filter_views,
    layer_view,
    reads_picture,
)
from kernelet.explain.picture.learned import Learned
from kernelet.explain.probabilities import class_probabilities
from kernelet.explain.summary import summarize
from kernelet.model.base import Model
from kernelet.model.graph import Graph

#: No page is larger.
MAXIMUM_BYTES = 5_000_000
# Of these, for all but the text; and for the pictures of maps and filters, where numbers need more
# than is left.
_ALL, _PICTURES = 4_600_000, 1_800_000
# What covering parts of the picture may cost, in multiply-adds.
_COVERING = 2 * 10**11

# Longer side of the picture itself, in pixels.
_SIDE = 320
# Classes with a bar of their own.
_BARS = 30
_HEADINGS = {
    "answer": "What it is taken for",
    "looks": "Where the network looks",
    "layers": "Layer by layer",
    "about": "About this page",
}


class Subject(msgspec.Struct, frozen=True, eq=False):
    """A picture and what is known about it.

    Attributes
    ----------
    name : str
        Of the picture, as the page calls it.
    pixels : ndarray of uint8, shape (height, width, channels)
        As the network takes it.
    original : ndarray of uint8, shape (rows, columns, channels), or None
        Before it was brought to the network's size.
    preparation : str
        What was done to it, as a sentence.
    """

    name: str
    pixels: NDArray[np.uint8]
    original: NDArray[np.uint8] | None = None
    preparation: str = ""


def picture_page(
    model: Model,
    subject: Subject,
    class_names: Sequence[str],
    learned: Learned,
    facts: Mapping[str, str],
) -> str:
    """Return a page that explains what a network makes of a picture.

    Parameters
    ----------
    model : Model
        A classifier with one picture as its input.
    subject : Subject
        The picture.
    class_names : sequence of str
        One a class.
    learned : Learned
        Of this network.
    facts : mapping of str to str
        What the page says about itself.

    Returns
    -------
    str
        HTML that needs nothing else.
    """
    pixels = subject.pixels[np.newaxis]
    probabilities = class_probabilities(model, pixels)[0]
    names = call_names(model.graph)
    maps = {name: array[0] for name, array in feature_maps(model, pixels).items()}
    maps[names[0]] = subject.pixels.astype(np.float32)
    order = np.argsort(-probabilities, kind="stable").tolist()
    shown = [visible(name) for name in class_names]
    layers, used = _layers(model, maps, names, learned)
    data = cell_data(model, names, maps, _ALL - used)
    _name_numbers(model, data, shown)
    return render(
        "picture.html",
        ("network.js", "inspector.js"),
        title=f"{shown[order[0]]}: {visible(subject.name)}",
        sections=_HEADINGS,
        name=subject.name,
        best=[(shown[k], float(probabilities[k])) for k in order[:2]],
        bars=_bars(probabilities, shown, order),
        others=max(0, len(order) - _BARS),
        original=_original(subject),
        original_width=_original_width(subject),
        seen=photo_uri(subject.pixels, _SIDE),
        size=subject.pixels.shape,
        preparation=subject.preparation,
        entering=_entering(model, maps, names),
        looks=_looks(model, subject.pixels, order[:2], shown),
        layers=[replace(one, closed=data.closed.get(one.number, "")) for one in layers],
        learned=learned,
        facts=facts,
        cells=_script_text(data.calls),
    )


def _original(subject: Subject) -> str | None:
    """Return the address of the picture itself where it is another than what the network takes."""
    if subject.original is None or np.array_equal(subject.original, subject.pixels):
        return None
    return photo_uri(subject.original, _SIDE)


def _original_width(subject: Subject) -> int:
    """Return the width at which the picture itself is shown."""
    height, width = subject.original.shape[:2] if subject.original is not None else (1, 1)
    return int(_SIDE * width / max(height, width))


def _bars(probabilities: NDArray[np.float32], names: Sequence[str], order: Sequence[int]) -> Any:
    shown = [
        Bar(names[k], float(probabilities[k]), note=percent(float(probabilities[k])))
        for k in order[:_BARS]
    ]
    return bar_chart(shown, "probability of each class", label_width=120)


def _entering(
    model: Model, maps: Mapping[str, NDArray[np.float32]], names: Sequence[str]
) -> list[tuple[str, str, str]]:
    """Return each channel of the picture as it enters the first layer that learns.

    An entry has an address, what the channel is, and the range of its numbers.
    """
    learning = (k for k in range(1, len(names)) if not _only_rescales(model.graph, k))
    number = next((k for k in learning if reads_picture(model, k)), None)
    if number is None:
        return []
    array = maps[names[model.graph.calls[number].inputs[-1]]]
    most = float(np.abs(array).max())
    signed = float(array.min()) < 0
    limits = (-most, most) if signed else (0.0, most)
    channels = ("red", "green", "blue") if array.shape[2] == 3 else ("grey",)
    return [
        (
            map_uri(array[..., k], limits, signed=signed),
            channel,
            f"{number_text(array[..., k].min())} to {number_text(array[..., k].max())}",
        )
        for k, channel in enumerate(channels)
    ]


def _only_rescales(graph: Graph, number: int) -> bool:
    return all(node.op.name == "rescale" for node in lower_call(graph, number).nodes)


class Look(msgspec.Struct, frozen=True):
    """Heat over the picture for one class."""

    name: str
    probability: float
    cam: str
    cam_layer: str
    occluded: str
    window: int
    drop: float
    problem: str


def _cost(model: Model) -> int:
    """Return the multiply-adds of a picture, at least 1."""
    return max(1, summarize(model, forecast=False).multiply_adds)


def _mean_colour(model: Model, channels: int) -> list[float] | None:
    """Return the mean of the training pictures, a channel, where the model's file tells it."""
    mean = model.preprocessing.get("mean")
    if not isinstance(mean, list) or len(mean) != channels:
        return None
    known = all(isinstance(one, int | float) and 0 <= one <= 255 for one in mean)
    return mean if known else None


def _looks(
    model: Model, pixels: NDArray[np.uint8], targets: Sequence[int], names: Sequence[str]
) -> list[Look]:
    fill = _mean_colour(model, pixels.shape[2])
    side = max(1, round(min(pixels.shape[:2]) / 5))
    most = int(np.clip(math.sqrt(_COVERING / _cost(model)), 8, POSITIONS))
    stride = stride_for(max(pixels.shape[:2]), side, most)
    every = occlusions(model, pixels, targets, window=side, stride=stride, fill=fill)
    looks = []
    for target, covered in zip(targets, every, strict=True):
        cam, layer, problem = "", "", ""
        try:
            found = grad_cam(model, pixels, target)
            layer = found.layer
            if found.heat.any():
                cam = heat_uri(found.heat)
            else:
                problem = f"Nothing in the maps of {layer} raises the score of this class."
        except UsageError as error:
            problem = f"No Grad-CAM: {error}"
        drop = covered.probability - float(covered.probabilities.min())
        looks.append(
            Look(
                names[target],
                covered.probability,
                cam,
                layer,
                heat_uri(covered.heat),
                covered.window,
                drop,
                problem,
            )
        )
    return looks


def _layers(
    model: Model,
    maps: Mapping[str, NDArray[np.float32]],
    names: Sequence[str],
    learned: Learned,
) -> tuple[list[LayerView], int]:
    """Return what the page shows of each layer, and the bytes of its pictures."""
    summaries = summarize(model, forecast=False).layers
    room = max(_PICTURES, _ALL - _numbers(model, maps))
    pictures = Allowance(room // 2, len(names) - 1)
    filters = Allowance(room // 2, max(1, len(learned.patches)))
    views = []
    # Maps become smaller from layer to layer; what the last ones leave is for the first.
    for number in range(len(names) - 1, 0, -1):
        name = names[number]
        view = layer_view(number, name, summaries[number], maps[name], pictures)
        shown, count = filter_views(
            model, number, learned.patches.get(name), learned.images, filters
        )
        changes = bool(lower_call(model.graph, number).nodes)
        views.append(replace(view, filters=shown, all_filters=count, changes=changes))
    views.reverse()
    return views, room - pictures.left - filters.left


def _numbers(model: Model, maps: Mapping[str, NDArray[np.float32]]) -> int:
    """Return what all weights and maps would take as base64 of float32, in bytes."""
    floats = model.count_params() + sum(array.size for array in maps.values())
    return 16 * floats // 3


def _name_numbers(model: Model, data: CellData, class_names: Sequence[str]) -> None:
    """Give the numbers of the output the names of their classes, and tell colours from maps."""
    last = data.calls[model.graph.outputs[0]]
    if len(class_names) == last["shape"][0]:
        last["labels"] = list(class_names)
    for number, call in enumerate(data.calls):
        call["colours"] = len(call["reads"]) == 1 and reads_picture(model, number)


def _script_text(calls: list[dict[str, Any]]) -> Any:
    """Return plain data as JSON that ends no script, whatever it holds."""
    from markupsafe import Markup

    text = msgspec.json.encode(calls).decode("utf-8")
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 - JSON
