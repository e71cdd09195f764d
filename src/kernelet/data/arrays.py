"""Data sets that come as arrays (IDX, .npz): checks, and one size for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.data.dataset import Split
from kernelet.data.memory import refuse_what_does_not_fit
from kernelet.data.sizing import Resize, Target
from kernelet.data.values import to_uint8
from kernelet.errors import DataError

_BLOCK = 1024


class LabelledArrays(msgspec.Struct, frozen=True):
    """Pictures and labels by split, as read; `class_names` where the source knows them."""

    splits: Mapping[str, tuple[NDArray[Any], NDArray[Any]]]
    class_names: tuple[str, ...] | None = None


def to_splits(
    arrays: LabelledArrays,
    source: str,
    *,
    image_size: tuple[int, int] | None,
    channels: int | None,
    resize: Resize,
    class_names: Sequence[str] | None,
) -> tuple[tuple[str, ...], dict[str, Split], list[str]]:
    """Check arrays and bring them to uint8 NHWC and int32 labels.

    Returns
    -------
    class_names : tuple of str
    splits : dict of str to Split
    notes : list of str

    Raises
    ------
    DataError
        If shapes, types or values are not those of pictures and labels, or do not agree.
    """
    names, splits, notes = _class_names(arrays, source, class_names), {}, []
    checked = {name: _nhwc(pair[0], f"{name} of {source}") for name, pair in arrays.splits.items()}
    highest = max(float(pictures.max()) for pictures in checked.values())
    for name, (_, labels) in arrays.splits.items():
        pictures = checked[name]
        numbers = _labels(labels, len(pictures), names, f"{name} of {source}")
        if pictures.dtype != np.uint8:
            notes.append(f"{name}: {pictures.dtype} pixel values became 0–255")
        height, width = image_size or pictures.shape[1:3]
        target = Target(height, width, channels or pictures.shape[3], resize)
        if target.shape != pictures.shape[1:]:
            notes.append(
                f"{name}: {'×'.join(map(str, pictures.shape[1:]))} became "
                f"{'×'.join(map(str, target.shape))}"
            )
        try:
            values = _as_uint8(pictures, highest)
        except DataError as error:
            raise DataError(f"{name} of {source}: {error}") from None
        splits[name] = Split(_fitted(values, target), numbers)
    shapes = {split.images.shape[1:] for split in splits.values()}
    if len(shapes) > 1:
        raise DataError(
            f"{source}: pictures of different shapes in its parts: {sorted(shapes)}.\n"
            "  Give image_size and channels to bring them to one."
        )
    return names, splits, notes


def _nhwc(images: NDArray[Any], where: str) -> NDArray[Any]:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim == 4 and images.shape[3] in (1, 3) and 0 not in images.shape:
        if images.dtype.kind not in "buif":
            raise DataError(f"{where}: pixel values are of type {images.dtype}; expected numbers.")
        return images
    hint = ""
    if images.ndim == 4 and images.shape[1] in (1, 3):
        hint = "\n  These have the channels first: use images.transpose(0, 2, 3, 1)."
    raise DataError(
        f"{where}: pictures have shape {images.shape}; expected (pictures, height, width) or "
        f"(pictures, height, width, 1 or 3).{hint}"
    )


def _labels(
    labels: NDArray[Any], count: int, names: tuple[str, ...], where: str
) -> NDArray[np.int32]:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise DataError(f"{where}: labels have shape {labels.shape} for {count:,} pictures.")
    if labels.dtype.kind == "U":
        number = {name: index for index, name in enumerate(names)}
        try:
            return np.array([number[name] for name in labels.tolist()], np.int32)
        except KeyError as error:
            raise DataError(f"{where}: {error} is none of the classes {names}.") from error
    if labels.dtype.kind not in "iu":
        raise _no_labels(labels, where)
    if labels.min() < 0 or labels.max() >= len(names):
        raise DataError(
            f"{where}: labels run from {labels.min()} to {labels.max()}; "
            f"expected 0 to {len(names) - 1} for {len(names)} classes."
        )
    return labels.astype(np.int32)


def _class_names(
    arrays: LabelledArrays, source: str, given: Sequence[str] | None
) -> tuple[str, ...]:
    if not arrays.splits:
        raise DataError(f"{source} holds no pictures.")
    first = arrays.splits.get("train") or next(iter(arrays.splits.values()))
    labels = first[1]
    if labels.size == 0:
        raise DataError(f"{source} holds no pictures.")
    if given is not None:
        if arrays.class_names is not None and tuple(given) != arrays.class_names:
            raise DataError(
                f"{source} has the classes {arrays.class_names}, the model has {tuple(given)}."
            )
        return tuple(given)
    if arrays.class_names is not None:
        return arrays.class_names
    if labels.dtype.kind == "U":
        names = tuple(np.unique(labels).tolist())
    elif labels.dtype.kind in "iu":
        names = tuple(map(str, range(int(labels.max()) + 1)))
        _refuse_gaps(labels, source)
    else:
        raise _no_labels(labels, source)
    if len(names) < 2:
        raise DataError(f"{source} has one class, {names[0]!r}; a classifier needs two or more.")
    return names


def _no_labels(labels: NDArray[Any], where: str) -> DataError:
    repair = ""
    if labels.ndim == 2:
        repair = "\n  For one number a class, save numpy.argmax(labels, axis=1)."
    elif labels.dtype.kind == "f":
        repair = "\n  For whole numbers, save labels.astype(int)."
    return DataError(
        f"{where}: labels are of type {labels.dtype}; expected integers or names.{repair}"
    )


def _refuse_gaps(labels: NDArray[Any], source: str) -> None:
    highest, distinct = int(labels.max()), len(np.unique(labels))
    if highest >= 2 * distinct + 10:
        raise DataError(
            f"{source}: labels go up to {highest:,} but only {distinct:,} occur; "
            "expected class numbers from 0 on, without large gaps."
        )


def _as_uint8(pictures: NDArray[Any], highest: float) -> NDArray[np.uint8]:
    if pictures.dtype == np.uint8:
        return pictures
    converted = np.empty(pictures.shape, np.uint8)
    for start in range(0, len(pictures), _BLOCK):  # intermediate results are larger than uint8
        block = slice(start, start + _BLOCK)
        converted[block] = to_uint8(pictures[block], highest=highest)
    return converted


def _fitted(images: NDArray[np.uint8], target: Target) -> NDArray[np.uint8]:
    if images.shape[1:] == target.shape:
        return np.ascontiguousarray(images)
    from PIL import Image

    from kernelet.data.decoding import decode

    refuse_what_does_not_fit(len(images), target.shape)
    fitted = np.empty((len(images), *target.shape), np.uint8)
    for row, image in zip(fitted, images, strict=True):
        row[...] = decode(
            Image.fromarray(image.squeeze(2) if image.shape[2] == 1 else image), target
        )
    return fitted
