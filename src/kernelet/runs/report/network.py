"""The network: what it learned to look for, what it makes of pictures, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernelet.executors.native_processor import processor, resolve_isa
from kernelet.explain.charts import WIDTH
from kernelet.explain.diagram import diagram
from kernelet.explain.feature_maps import call_names, feature_maps
from kernelet.explain.layer_times import layer_times
from kernelet.explain.pages import map_uri, picture_uri
from kernelet.explain.shift import ShiftReport, shift
from kernelet.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dropout,
    InputLayer,
    LeakyReLU,
    RandomFlip,
    RandomTranslation,
    ReLU,
    Rescaling,
)
from kernelet.runs.preparation import build_model
from kernelet.runs.report.pictures import answered
from kernelet.text import short_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.layers import Layer
    from kernelet.runs.report.subject import Subject

# Layers whose maps have nothing new where another one of these reads them.
_FOLLOWING = (Activation, BatchNormalization, Dropout, LeakyReLU, ReLU)
_PREPARING = (InputLayer, RandomFlip, RandomTranslation, Rescaling)

_FILTERS = 64
_LAYERS = 8
_MAPS = 8
_MAP_SIDE = 48
# Seconds, once each layer is measured twice; with twice the time, totals spread as much.
_TIMING_BUDGET = 0.06
# Pictures a step, less where a picture takes many multiply-adds.
_BATCH = 64
_SLOW = 5e6
# Multiply-adds that the shift report may take: a fraction of a second on two processors.
_SHIFT_BUDGET = 3e10
_SHIFTED = (32, 500)
_FINE = 200


def filters_part(subject: Subject) -> dict[str, Any] | None:
    """Return the filters of the first convolution, before the training and after it."""
    layer = next((one for one in subject.model.layers if isinstance(one, Conv2D)), None)
    if layer is None:
        return None
    name = f"{layer.name}/kernel"
    after = subject.model.weights[name]
    before = build_model(subject.configuration, subject.dataset).weights[name]
    limit = float(max(np.abs(before).max(), np.abs(after).max()))
    rows, columns, channels, count = after.shape
    shown = range(min(count, _FILTERS))
    return {
        "layer": layer.name,
        "size": (rows, columns, channels),
        "count": count,
        "colour": channels == 3,
        "limit": limit,
        "pairs": [(_filter(before[..., k], limit), _filter(after[..., k], limit)) for k in shown],
    }


def _filter(weights: NDArray[np.float32], limit: float) -> str:
    """Return a filter of one or three channels as a picture, 0 in the middle of the colours."""
    if weights.shape[2] == 3:
        return picture_uri(weights, (-limit, limit))
    return map_uri(weights.mean(axis=2), (-limit, limit), signed=True)


def maps_part(subject: Subject) -> dict[str, Any] | None:
    """Return what layers make of the surest right answer, the surest mistake and a doubtful one."""
    layers = _telling_layers(subject)
    if not layers:
        return None
    found = subject.answers
    doubtful = int(found.certainty.argmin())
    rows = list(dict.fromkeys([*found.surest(1), *found.worst(1), doubtful]))
    maps = feature_maps(subject.model, subject.pictures.images[rows])
    shown = []
    for k, row in enumerate(rows):
        sheets = [(name, *_sheet(maps[name][k])) for name in layers]
        shown.append((answered(subject, row), sheets))
    return {"pictures": shown, "most": _MAPS}


def _telling_layers(subject: Subject) -> list[str]:
    """Return calls whose output is a map that no further step of the same stage changes."""
    graph = subject.model.graph
    readers: dict[int, list[Layer]] = {}
    for call in graph.calls:
        for source in call.inputs:
            readers.setdefault(source, []).append(call.layer)
    names = [
        name
        for number, (name, call) in enumerate(zip(call_names(graph), graph.calls, strict=True))
        if len(call.shape) == 3
        and not isinstance(call.layer, _PREPARING)
        and not any(isinstance(reader, _FOLLOWING) for reader in readers.get(number, ()))
    ]
    if len(names) <= _LAYERS:
        return names
    return [names[k] for k in np.linspace(0, len(names) - 1, _LAYERS).round().astype(int)]


def _sheet(maps: NDArray[np.float32]) -> tuple[tuple[int, ...], list[str]]:
    """Return the shape of a layer's output, and the first of its maps as pictures."""
    limit = float(np.abs(maps).max())
    signed = bool((maps < 0).any())
    limits = (-limit, limit) if signed else (0.0, limit)
    step = -(-max(maps.shape[:2]) // _MAP_SIDE)
    small = maps[::step, ::step]
    pictures = [map_uri(small[..., k], limits, signed=signed) for k in range(maps.shape[2])[:_MAPS]]
    return maps.shape, pictures


def shift_part(subject: Subject) -> ShiftReport:
    """Return what becomes of answers and maps when pictures move."""
    height, width, _ = subject.dataset.image_shape
    step = max(1, min(height, width) // 16)
    work = max(1, subject.summary.multiply_adds)
    fine = _SHIFT_BUDGET / (9**2 * work)
    displacements, affordable = (
        (None, fine) if fine >= _FINE else ([2 * step, 4 * step], _SHIFT_BUDGET / (5**2 * work))
    )
    least, most = _SHIFTED
    pictures = int(min(max(affordable, least), most))
    return shift(
        subject.model,
        subject.pictures,
        displacements=displacements,
        pictures=pictures,
        precision=subject.configuration.precision,
        threads=subject.threads,
    )


def network_part(subject: Subject) -> dict[str, Any]:
    """Return the layers with what each costs, counted and measured."""
    summary = subject.summary
    batch_size = _BATCH if summary.multiply_adds < _SLOW else 16 * subject.workers
    times = layer_times(
        subject.model,
        subject.some(256),
        batch_size=batch_size,
        threads=subject.threads,
        budget=_TIMING_BUDGET,
    )
    rows = []
    for layer, seconds in zip(summary.layers, times.seconds, strict=True):
        rate = (
            layer.multiply_adds / seconds / 1e9
            if layer.multiply_adds and seconds > 0.01 * times.total
            else None
        )
        rows.append(
            (
                layer.title,
                "×".join(map(str, layer.shape)),
                layer.arithmetic,
                _count(layer.weights + layer.biases + layer.statistics),
                _count(layer.multiply_adds),
                short_time(seconds),
                f"{100 * seconds / times.total:.0f} %",
                "" if rate is None else f"{rate:,.0f}",
            )
        )
    drawn = diagram(subject.model)
    return {
        "summary": summary,
        "diagrams": [("wide", drawn.to_svg()), ("narrow", drawn.to_svg(WIDTH))],
        "rows": rows,
        "times": times,
        "instruction_set": resolve_isa(),
        "processor": processor().brand,
    }


def _count(number: int) -> str:
    return f"{number:,}" if number else ""
