"""What users give as x, y and weights, checked and brought to what the engine reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.errors import DataError, ShapeError, UsageError
from kernelet.layers.numeric import numeric
from kernelet.layers.problems import repair_line
from kernelet.model.array_repairs import array_repairs
from kernelet.program import Shape
from kernelet.training.label_repairs import repairs_of_label_shape
from kernelet.training.losses import Loss
from kernelet.training.programs import LABELS, WEIGHT, input_name

# Rows are checked in pieces of about this many numbers, so that checks need little memory.
_CHECKED_AT_ONCE = 1 << 22


class Samples(msgspec.Struct, frozen=True, eq=False):
    """Arrays with a row a sample, by the names of a program's inputs."""

    arrays: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(next(iter(self.arrays.values())))

    def part(self, begin: int, end: int) -> Samples:
        """Return the samples from one row up to another, without copying."""
        return Samples({name: array[begin:end] for name, array in self.arrays.items()})

    @property
    def bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())


def rows_not_finite(array: NDArray[Any], most: int = 5) -> list[int]:
    """Return the first rows that hold a NaN or an infinity."""
    if array.dtype.kind != "f":
        return []
    found: list[int] = []
    step = max(1, _CHECKED_AT_ONCE // max(1, math.prod(array.shape[1:])))
    for begin in range(0, len(array), step):
        part = array[begin : begin + step].reshape(-1, math.prod(array.shape[1:]))
        bad = np.flatnonzero(~np.isfinite(part).all(axis=1))
        found += (bad + begin).tolist()
        if len(found) >= most:
            break
    return found[:most]


def _require_finite(name: str, array: NDArray[Any]) -> None:
    rows = rows_not_finite(array)
    if rows:
        shown = ", ".join(map(str, rows))
        raise DataError(
            f"{name} holds NaN or infinite numbers, first in row {shown}. Leave those samples out, "
            f"or replace the numbers with numpy.nan_to_num({name})."
        )


def _input(name: str, values: ArrayLike, shape: Shape) -> NDArray[Any]:
    array = numeric(name, values)
    if array.shape[1:] != shape and (*array.shape[1:], 1) == shape:
        array = array[..., np.newaxis]  # grey pictures without a channel axis, as in Keras
    if array.ndim == 0 or array.shape[1:] != shape:
        expected = "(samples, " + ", ".join(map(str, shape)) + ")"
        raise ShapeError(
            f"{name} must have shape {expected}, got {array.shape}."
            + repair_line(array_repairs(name, array.shape, shape))
        )
    if not len(array):
        raise DataError(f"{name} holds no samples.")
    return array


def in_order(x: Any, names: Sequence[str]) -> Any:
    """Return the inputs of a network in their order where they are given by name.

    Raises
    ------
    UsageError
        If a name is missing or unknown.
    """
    if not isinstance(x, Mapping):
        return x
    if set(x) != set(names):
        raise UsageError(f"expected inputs named {', '.join(names)}, got {', '.join(map(str, x))}.")
    ordered = [x[name] for name in names]
    return ordered if len(ordered) > 1 else ordered[0]


def inputs(x: Any, shapes: Sequence[Shape], *, finite: bool = True) -> dict[str, NDArray[Any]]:
    """Return the network's inputs from the user's ``x``.

    Parameters
    ----------
    x : array_like, or list of array_like for a network with several inputs
        A row a sample.
    shapes : sequence of tuple of int
        Of one sample, for each input.
    finite : bool
        Whether NaN and infinite numbers are refused.

    Raises
    ------
    DataError, ShapeError
        If the data do not fit.
    """
    given = list(x) if len(shapes) > 1 and isinstance(x, list | tuple) else [x]
    if len(given) != len(shapes):
        raise UsageError(f"the network has {len(shapes)} inputs; give x as a list of that many.")
    names = ["x"] if len(shapes) == 1 else [f"x[{k}]" for k in range(len(shapes))]
    arrays = {
        input_name(k): _input(name, one, shape)
        for k, (name, one, shape) in enumerate(zip(names, given, shapes, strict=True))
    }
    if finite:
        for name, array in zip(names, arrays.values(), strict=True):
            _require_finite(name, array)
    _require_one_length(dict(zip(names, arrays.values(), strict=True)))
    return arrays


def _require_one_length(arrays: Mapping[str, NDArray[Any]]) -> None:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length:,}" for name, length in lengths.items())
        raise DataError(
            f"all arrays need one row a sample, but {shown}."
            + repair_line(["giving as many of each: the rows belong together in their order"])
        )


def labels(y: ArrayLike, loss: Loss, prediction: Shape) -> NDArray[Any]:
    """Return the labels as the loss takes them.

    Raises
    ------
    DataError, ShapeError
        If shape or values do not fit the loss.
    """
    array = numeric("y", y)
    shape = loss.label_shape(prediction)
    # One number a sample may come with or without an axis of its own.
    if math.prod(shape) == 1 and array.ndim and array.size == len(array):
        array = array.reshape(len(array), *shape)
    if array.ndim == 0 or array.shape[1:] != shape:
        raise ShapeError(_label_problem(array, loss, prediction))
    _require_finite("y", array)
    loss.check_labels(array, prediction)
    return array


def _label_problem(array: NDArray[Any], loss: Loss, prediction: Shape) -> str:
    expected = ("samples", *loss.label_shape(prediction))
    return (
        f"the loss {loss.name} needs y of shape ({', '.join(map(str, expected))}"
        f"{',' if len(expected) == 1 else ''}), got {array.shape}."
        + repair_line(repairs_of_label_shape(loss.labels, array.shape, prediction))
    )


def _class_numbers(y: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class of each label, given as a number or as one number a class."""
    if y.ndim == 2 and y.shape[1] > 1:
        return np.asarray(y.argmax(axis=1), np.int64)
    return np.asarray(y.reshape(len(y)), np.int64)


def sample_weights(count: int, sample_weight: ArrayLike | None) -> NDArray[np.float32]:
    """Return the weight of each sample in the loss, 1 where none are given.

    Raises
    ------
    DataError, ShapeError
        If weights are not finite, or not one a sample.
    """
    if sample_weight is None:
        return np.ones(count, np.float32)
    weights = numeric("sample_weight", sample_weight).astype(np.float32)
    if weights.shape != (count,):
        flat = ["numpy.ravel(sample_weight)"] if weights.size == count else []
        raise ShapeError(
            f"sample_weight must have shape ({count},), a weight a sample, got {weights.shape}."
            + repair_line(flat or ["class_weight={0: 1.0, …} for a weight a class"])
        )
    _require_finite("sample_weight", weights)
    return weights


def with_class_weights(given: Samples, class_weight: Mapping[int, float], classes: int) -> Samples:
    """Return samples whose weights are multiplied by those of their classes.

    Parameters
    ----------
    given : Samples
        With labels that are class numbers, or one number a class.
    class_weight : mapping of int to float
        By class; 1 for classes that are not named.
    classes : int
        That the network tells apart.

    Raises
    ------
    DataError, UsageError
        If labels are no classes, a class is unknown, or a weight is not finite.
    """
    y = given.arrays[LABELS]
    if y.ndim > 2:
        raise UsageError("class_weight needs labels that are classes.")
    if not isinstance(class_weight, Mapping) or not all(
        isinstance(key, int | np.integer) and key >= 0 for key in class_weight
    ):
        repair = "a dictionary such as {0: 1.0, 1: 5.0}"
        if isinstance(class_weight, list | tuple | np.ndarray):
            repair = "dict(enumerate(class_weight)) for a weight a class"
        raise UsageError(
            f"class_weight maps class numbers to weights; got {class_weight!r}."
            + repair_line([repair])
        )
    for key in class_weight:
        if key >= classes:
            raise UsageError(
                f"class_weight names the class {key}; the network tells apart {classes} classes,"
                f" 0 to {classes - 1}."
            )
    numbers = _class_numbers(y)
    table = np.ones(max(classes, int(numbers.max()) + 1), np.float32)
    for key, weight in class_weight.items():
        table[key] = weight
    _require_finite("class_weight", table)
    return Samples({**given.arrays, WEIGHT: given.arrays[WEIGHT] * table[numbers]})


def samples(
    x: Any,
    y: ArrayLike,
    shapes: Sequence[Shape],
    loss: Loss,
    prediction: Shape,
    sample_weight: ArrayLike | None = None,
) -> Samples:
    """Return everything that training or evaluation reads, checked."""
    arrays = inputs(x, shapes)
    label_array = labels(y, loss, prediction)
    _require_one_length({"x": arrays[input_name(0)], "y": label_array})
    arrays[LABELS] = label_array
    arrays[WEIGHT] = sample_weights(len(label_array), sample_weight)
    return Samples(arrays)
