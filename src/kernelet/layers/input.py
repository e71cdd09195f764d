"""Where data enter a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet.errors import ConfigurationError
from kernelet.layers.arguments import is_integer
from kernelet.layers.base import Layer
from kernelet.layers.problems import repair_line
from kernelet.layers.symbolic import SymbolicTensor
from kernelet.program import ProgramBuilder, Shape, Value


@final
@dataclass(eq=False, repr=False)
class InputLayer(Layer):
    """The data as they come; made by `Input`.

    Parameters
    ----------
    shape : tuple of int
        Of one sample, without the batch.
    """

    shape: tuple[int, ...]

    def validate(self) -> None:
        given, numbers = self.shape, isinstance(self.shape, list | tuple)
        self.shape = tuple(given) if numbers else ()
        if not self.shape or not all(is_integer(n, 1) for n in self.shape):
            raise ConfigurationError(
                "an input's shape is one or more sizes of at least 1 and leaves the batch out,"
                f" for example (28, 28, 1); got {given!r}." + _repair(given)
            )

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        return inputs[0]

    def output_shape(self, inputs: Sequence[SymbolicTensor]) -> Shape:
        return self.shape


def _repair(given: object) -> str:
    if is_integer(given, 1):
        return repair_line([f"Input(({given},))"])
    if isinstance(given, list | tuple) and given[:1] == type(given)((None,)):
        return repair_line([f"Input({tuple(given[1:])})"])
    if isinstance(given, list | tuple) and None in given:
        return repair_line(["sizes in place of None: a network is made for inputs of one size"])
    return ""


def Input(  # noqa: N802 - Keras' name
    shape: Sequence[int], *, name: str | None = None
) -> SymbolicTensor:
    """Begin a graph.

    Parameters
    ----------
    shape : sequence of int
        Of one sample, without the batch: ``(height, width, channels)`` or ``(numbers,)``.
    name : str, optional
        Of the input; `Model.predict` takes a dictionary by these names.

    Returns
    -------
    SymbolicTensor

    Examples
    --------
    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    layer = InputLayer(shape, name=name)  # type: ignore[arg-type]
    return SymbolicTensor(layer.shape, layer, ())
