"""Which change to an earlier layer would let a layer fit: tried out, not guessed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.layers.symbolic import SymbolicTensor

if TYPE_CHECKING:
    from kernelet.layers.base import Layer


def shrinking_layer(
    path: Sequence[SymbolicTensor], failing: Layer, inputs: Sequence[SymbolicTensor]
) -> tuple[Layer, str] | None:
    """Return the layer that shrank its input most and without whose doing all others fit.

    Parameters
    ----------
    path : sequence of SymbolicTensor
        From an input of the network to the first of ``inputs``.
    failing : Layer
        The one that does not fit.
    inputs : sequence of SymbolicTensor
        What it was called on.

    Returns
    -------
    (Layer, str) or None
        The layer, and what to do: ``leave out`` for a pooling, ``strides=1 in`` for a
        convolution. Of several that shrank as much, the last.
    """
    candidates = []
    known: set[int] = set()
    for number, (before, after) in enumerate(pairwise(path), 1):
        without = None if id(after.layer) in known else _without_shrinking(after.layer)
        known.add(id(after.layer))
        if without is not None:
            shrinkage = math.prod(before.sample_shape[:-1]) / math.prod(after.sample_shape[:-1])
            candidates.append((shrinkage, number, without))
    for _, number, (layer, repair) in sorted(candidates, key=lambda one: one[:2], reverse=True):
        replaced = {id(path[number].layer): layer}
        if _fits(path, number, replaced, failing, inputs[1:]):
            return path[number].layer, repair
    return None


def _without_shrinking(layer: Layer) -> tuple[Layer | None, str] | None:
    """Return a layer that does the same at every cell, or None in its place, and the repair."""
    if hasattr(layer, "pool_size"):
        return None, "leave out"
    strides = getattr(layer, "strides", None)
    # The strides of a transposed convolution enlarge.
    if strides is None or hasattr(layer, "output_padding") or set(strides) == {1}:
        return None
    try:
        changes: dict[str, Any] = {"strides": 1, "name": None}
        return dataclasses.replace(layer, **changes), "strides=1 in"
    except ConfigurationError:
        return None


def _fits(
    path: Sequence[SymbolicTensor],
    number: int,
    replaced: dict[int, Layer | None],
    failing: Layer,
    others: Sequence[SymbolicTensor],
) -> bool:
    """Return whether a path, and the layer behind it, take what comes once a layer changed."""
    remade = {id(path[number - 1]): path[number - 1]}
    last = path[number - 1]
    try:
        for tensor in path[number:]:
            parents = [remade.get(id(parent), parent) for parent in tensor.parents]
            layer = replaced.get(id(tensor.layer), tensor.layer)
            last = parents[0] if layer is None else _called(layer, parents)
            remade[id(tensor)] = last
        _called(failing, [last, *(remade.get(id(one), one) for one in others)])
    except ShapeError:
        return False
    return True


def _called(layer: Layer, inputs: Sequence[SymbolicTensor]) -> SymbolicTensor:
    return SymbolicTensor(layer.shape_of(inputs), layer, tuple(inputs))
