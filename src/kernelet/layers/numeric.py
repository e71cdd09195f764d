"""What users give as arrays, brought to what the engine reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.errors import DataError
from kernelet.layers.problems import repair_line


def numeric(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return an array of float32, uint8 or int32, contiguous; other numbers become float32.

    Parameters
    ----------
    name : str
        For messages.
    values : array_like

    Raises
    ------
    DataError
        If the values are not real numbers, or rows differ in shape.

    Examples
    --------
    >>> numeric("x", [1.5, 2]).dtype, numeric("x", np.zeros(3, np.uint8)).dtype
    (dtype('float32'), dtype('uint8'))
    """
    try:
        array = np.asarray(values)
    except ValueError:
        raise DataError(_uneven(name, values)) from None
    if array.dtype in (np.uint8, np.int32, np.float32):
        return np.ascontiguousarray(array)
    if array.dtype.kind not in "fiub":
        raise DataError(_no_numbers(name, values, array))
    with np.errstate(over="ignore"):  # becomes infinite, which is looked for where it matters
        return np.ascontiguousarray(array, np.float32)


def _uneven(name: str, values: Any) -> str:
    """Return what is said of samples that differ in shape."""
    shapes = list(dict.fromkeys(np.shape(value) for value in _readable(values)))
    found = f": {' and '.join(map(str, shapes[:2]))}" if len(shapes) > 1 else ""
    return f"{name} cannot be made one array: its samples differ in shape{found}." + repair_line(
        ["bringing them to one size first", "kernelet.data.load_dataset, which does it for folders"]
    )


def _readable(values: Any) -> list[Any]:
    kept = []
    for value in values:
        try:
            kept.append(np.asarray(value))
        except ValueError:
            continue
    return kept


def _no_numbers(name: str, values: Any, array: NDArray[Any]) -> str:
    """Return what is said of anything but real numbers."""
    head = f"{name} must hold real numbers, not "
    if values is None:
        return f"{head}None.{repair_line([f'giving {name}: an array with a row a sample'])}"
    if array.dtype.kind == "c":
        repairs = [f"numpy.abs({name})", f"numpy.real({name})"]
        return f"{head}complex ones ({array.dtype}).{repair_line(repairs)}"
    if hasattr(values, "images") and hasattr(values, "labels"):
        repairs = ["its .images as x and its .labels as y"]
        return f"{head}a {type(values).__name__}.{repair_line(repairs)}"
    if hasattr(values, "train"):
        repairs = ["the .images and .labels of its .train"]
        return f"{head}a {type(values).__name__}.{repair_line(repairs)}"
    first = array.ravel()[0] if array.size else None
    if isinstance(first, str | bytes):
        return f"{head}texts such as {str(first)!r}.{repair_line(_repairs_of_texts(name))}"
    if array.dtype.kind != "O":
        return f"{head}{array.dtype}."
    stacked = f"list({name})" if isinstance(values, Iterator) else name
    repairs = [f"numpy.stack({stacked}), where it holds arrays of one shape"]
    return f"{head}{type(first).__name__} objects.{repair_line(repairs)}"


def _repairs_of_texts(name: str) -> list[str]:
    if name.endswith("y"):
        return [f"numpy.unique({name}, return_inverse=True)[1], which numbers the names from 0"]
    return ["kernelet.data.load_dataset(FOLDER), which reads pictures from files"]
