"""Symbolic tensors: what a network graph is drawn with before there is data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernelet.program import Shape

if TYPE_CHECKING:
    from kernelet.layers.base import Layer


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class SymbolicTensor:
    """The output of one call of a layer.

    Attributes
    ----------
    sample_shape : tuple of int
        Shape without the batch.
    layer : Layer
        What made it.
    parents : tuple of SymbolicTensor
        What the layer was called on.
    """

    sample_shape: Shape
    layer: Layer
    parents: tuple[SymbolicTensor, ...]

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape with the batch, which is None, in front."""
        return (None, *self.sample_shape)

    def __repr__(self) -> str:
        """Say shape and layer; parents would repeat the whole graph, once for every way to it."""
        return f"<SymbolicTensor of shape {self.shape} from {self.layer!r}>"


def history(outputs: Iterable[SymbolicTensor]) -> list[SymbolicTensor]:
    """Return all tensors that the outputs depend on and themselves, each after its parents.

    Examples
    --------
    >>> from kernelet.layers import Flatten, Input
    >>> x = Input((4, 4, 1))
    >>> [type(tensor.layer).__name__ for tensor in history([Flatten()(x)])]
    ['InputLayer', 'Flatten']
    """
    ordered: dict[SymbolicTensor, None] = {}
    entered: set[SymbolicTensor] = set()
    # Not recursive: a network may be deeper than Python's stack.
    stack = [(tensor, False) for tensor in reversed(tuple(outputs))]
    while stack:
        tensor, parents_done = stack.pop()
        if parents_done:
            ordered[tensor] = None
        elif tensor not in entered:
            entered.add(tensor)
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(tensor.parents))
    return list(ordered)


def layers_of(tensors: Iterable[SymbolicTensor]) -> list[Layer]:
    """Return the layers behind tensors, each once, in the order of their first call."""
    return list(dict.fromkeys(tensor.layer for tensor in tensors))
