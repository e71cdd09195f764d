"""Samples for a network to be timed on, where none are given: their values do not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.errors import UsageError
from kernelet.training import arrays
from kernelet.training.arrays import Samples
from kernelet.training.programs import input_shapes, output_shape

if TYPE_CHECKING:
    from kernelet.model import Model
    from kernelet.program import Shape

_SEED = 0


def synthetic_samples(model: Model, count: int, *, training: bool) -> Samples:
    """Return random samples as a program of a model takes them.

    Parameters
    ----------
    model : Model
        Compiled, where it is to be trained.
    count : int
    training : bool
        Whether labels and weights belong to them.
    """
    generator = np.random.default_rng(_SEED)
    shapes = input_shapes(model.graph)
    each = [_input(generator, count, shape) for shape in shapes]
    inputs: Any = each if len(each) > 1 else each[0]
    if not training:
        return Samples(arrays.inputs(inputs, shapes, finite=False))
    output = output_shape(model.graph)
    loss = model.trainer.objective.loss
    labels = _labels(generator, count, output, loss.label_shape(output))
    return arrays.samples(inputs, labels, shapes, loss, output, None)


def given_samples(model: Model, x: Any, y: ArrayLike | None, *, training: bool) -> Samples:
    """Return a caller's samples as a program of a model takes them; see `Model.fit`.

    Raises
    ------
    UsageError
        If labels are missing.
    DataError, ShapeError
        If the data do not fit.
    """
    model.build_for(x)
    shapes = input_shapes(model.graph)
    ordered = arrays.in_order(x, model.graph.input_names)
    if not training:
        return Samples(arrays.inputs(ordered, shapes, finite=False))
    if y is None:
        raise UsageError("a step of training needs labels: give y, or leave out x.")
    output = output_shape(model.graph)
    return arrays.samples(ordered, y, shapes, model.trainer.objective.loss, output, None)


def _input(generator: np.random.Generator, count: int, shape: Shape) -> NDArray[Any]:
    """Return pictures as bytes, other inputs as normally distributed numbers."""
    if len(shape) == 3:
        return generator.integers(0, 256, (count, *shape), np.uint8)
    return generator.standard_normal((count, *shape), np.float32)


def _labels(
    generator: np.random.Generator, count: int, output: Shape, labels: Shape
) -> NDArray[Any]:
    """Return class numbers, or for each sample one class in all of its places as 0 and 1."""
    classes = max(2, output[-1])
    numbers = generator.integers(0, classes, (count, *output[:-1]), np.int32)
    if labels == ():
        return numbers
    # The numbers 0 and 1 for one output, a one among zeros for several.
    first = 1 if output[-1] == 1 else 0
    places = np.arange(first, first + output[-1])
    return np.asarray(numbers[..., np.newaxis] == places, np.float32)
