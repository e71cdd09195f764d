"""Feature maps: what every layer of a network makes of given pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.layers.execution import run_forward
from kernelet.layers.input import InputLayer
from kernelet.model.base import Model
from kernelet.model.graph import Graph
from kernelet.program import ProgramBuilder, Value


def feature_maps(
    model: Model, x: Any, layers: str | Sequence[str] | None = None
) -> dict[str, NDArray[np.float32]]:
    """Return what layers make of given pictures, all from one forward pass.

    Parameters
    ----------
    model : Model
    x : array_like, shape (samples, ...), or several of them
        As for ``model.predict``.
    layers : str or sequence of str, optional
        Names of layers. Default: all, without the inputs.

    Returns
    -------
    dict of str to ndarray of float32, shape (samples, ...)
        By the name of the layer, in the order in which they run, as outside training: dropout and
        augmentation change nothing. The second call of a shared layer is called ``NAME:2``, and
        so on.

    Raises
    ------
    UsageError
        If there is no layer of a name.
    ShapeError
        If `x` does not fit the model.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input, MaxPooling2D
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((6, 6, 1)), Conv2D(4, 3, name="conv"), MaxPooling2D(name="pool")])
    >>> maps = feature_maps(model, np.ones((2, 6, 6, 1)))
    >>> {name: array.shape for name, array in maps.items()}
    {'conv': (2, 4, 4, 4), 'pool': (2, 2, 2, 4)}
    """
    arrays = model.named_inputs(x)
    graph = model.graph
    names = call_names(graph)
    chosen = _chosen(model, layers)
    sources: list[Value] = []

    def lowering(build: ProgramBuilder, inputs: list[Value]) -> list[Value]:
        values = graph.lower_calls(build, dict(zip(arrays, inputs, strict=True)), training=False)
        sources.extend(values[k] for k in chosen)
        return list(dict.fromkeys(sources))

    # A layer that changes nothing shares the value of the layer before it.
    results = run_forward(lowering, arrays, model.weights, model.seed)
    by_value = dict(zip(dict.fromkeys(sources), results, strict=True))
    return {names[k]: by_value[value] for k, value in zip(chosen, sources, strict=True)}


def call_names(graph: Graph) -> list[str]:
    """Return a name for each call: that of its layer, with a number from the second call on.

    Examples
    --------
    >>> from kernelet.layers import Add, Dense, Input
    >>> from kernelet.model import Model
    >>> x, twice = Input((2,), name="x"), Dense(2, name="twice")
    >>> call_names(Model(x, twice(twice(x))).graph)
    ['x', 'twice', 'twice:2']
    """
    seen: Counter[str] = Counter()
    names = []
    for call in graph.calls:
        seen[call.name] += 1
        names.append(call.name if seen[call.name] == 1 else f"{call.name}:{seen[call.name]}")
    return names


def _chosen(model: Model, layers: str | Sequence[str] | None) -> list[int]:
    """Return the numbers of the calls to report."""
    calls = model.graph.calls
    if layers is None:
        return [k for k, call in enumerate(calls) if not isinstance(call.layer, InputLayer)]
    wanted = {layers} if isinstance(layers, str) else set(layers)
    if not wanted:
        raise UsageError("layers is empty; name at least one layer, or leave it out for all.")
    for name in wanted:
        model.get_layer(name)
    return [k for k, call in enumerate(calls) if call.name in wanted]
