"""Shape errors that teach: the layer, the arithmetic, the sizes so far and ranked repairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from kernelet.errors import ShapeError
from kernelet.layers.naming import names_of
from kernelet.layers.repairs import shrinking_layer
from kernelet.layers.symbolic import SymbolicTensor, history, layers_of
from kernelet.program import Shape

if TYPE_CHECKING:
    from kernelet.layers.base import Layer


class LayerShapeError(ShapeError):
    """A layer cannot take its input; raised by `lower`, which knows nothing of the network.

    Parameters
    ----------
    problem : str
        What was expected and what came, without a full stop.
    repairs : sequence of str
        What to try, most promising first.
    too_small : bool
        Whether the input is too small, so that an earlier layer may have shrunk it too much.
    """

    def __init__(
        self, problem: str, repairs: Sequence[str] = (), *, too_small: bool = False
    ) -> None:
        super().__init__("".join((problem, ".", repair_line(repairs))))
        self.problem = problem
        self.repairs = tuple(repairs)
        self.too_small = too_small


def size_text(shape: Shape) -> str:
    """Return the size of a picture or volume without its channels, or all sizes of anything else.

    Examples
    --------
    >>> size_text((28, 28, 1)), size_text((784,))
    ('28×28', '784')
    """
    return "×".join(str(n) for n in (shape[:-1] if len(shape) in (3, 4) else shape))


def repair_line(repairs: Sequence[str]) -> str:
    """Return ``Try a, b, or c.`` on a line of its own, or nothing."""
    if not repairs:
        return ""
    listed = ", ".join(repairs[:-1]) + (", or " if len(repairs) > 2 else " or ")
    return f"\n  Try {listed if len(repairs) > 1 else ''}{repairs[-1]}."


def require_last_axis(axis: object, shape: Shape) -> None:
    """Raise LayerShapeError unless an axis, counted with the batch, is that of the channels.

    Parameters
    ----------
    axis : int
        −1, or the number of the last axis, as scripts for Keras often say it.
    shape : tuple of int
        Of one sample.
    """
    if axis not in (-1, len(shape)):
        raise LayerShapeError(
            f"works along the channels, axis -1, here the same as {len(shape)}; got axis={axis!r}",
            ["axis=-1"],
        )


def _path(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """Return the tensors from an input to this one, along first parents."""
    path = [tensor]
    while path[-1].parents:
        path.append(path[-1].parents[0])
    return path[::-1]


def _chain(path: Sequence[SymbolicTensor], names: Mapping[Layer, str], name: str) -> str:
    """Return the sizes on the way to a layer, with who changed them."""
    chain = [size_text(path[0].sample_shape)]
    for before, after in pairwise(path):
        if size_text(before.sample_shape) != size_text(after.sample_shape):
            chain.append(f"{names[after.layer]} {size_text(after.sample_shape)}")
    return f"  {' → '.join((*chain, name))}"


def explained(
    layer: Layer, inputs: Sequence[SymbolicTensor], problem: LayerShapeError
) -> ShapeError:
    """Return the error as the user sees it.

    Parameters
    ----------
    layer : Layer
        The one that failed.
    inputs : sequence of SymbolicTensor
        What it was called on.
    problem : LayerShapeError
        What it raised.
    """
    layers = list(dict.fromkeys((*layers_of(history(inputs)), layer)))
    names = dict(zip(layers, names_of(layers), strict=True))
    name = names[layer]
    paths = [_path(one) for one in inputs]
    repairs = list(problem.repairs)
    if problem.too_small:
        found = shrinking_layer(paths[0], layer, inputs)
        if found is not None:
            culprit, repair = found
            repairs.append(f"{repair} {names[culprit]}")
    chains = dict.fromkeys(_chain(path, names, name) for path in paths)
    return ShapeError(
        f"{type(layer).__name__} {name!r}: {problem.problem}.\n"
        + "\n".join(chains)
        + repair_line(repairs)
    )
