from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from kernelet.data import Dataset, load_dataset
from kernelet.data.values import to_uint8
from kernelet.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), np.uint8)
LABELS = np.arange(20) % 4


def load(tmp_path: Path, arrays: dict[str, Any], **options: Any) -> Dataset:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, **arrays)
    return load_dataset(path, **({"validation_split": 0} | options))


@pytest.mark.parametrize(
    ("images", "labels"), [("x_train", "y_train"), ("x", "y"), ("images", "labels")]
)
def test_names_of_arrays(tmp_path: Path, images: str, labels: str) -> None:
    dataset = load(tmp_path, {images: IMAGES, labels: LABELS[:, np.newaxis]})
    assert dataset.train is not None
    np.testing.assert_array_equal(dataset.train.images, IMAGES)
    np.testing.assert_array_equal(dataset.train.labels, LABELS)
    assert dataset.train.labels.dtype == np.int32


def test_keras_names_with_all_parts_and_class_names(tmp_path: Path) -> None:
    arrays = {f"{kind}_{part}": array for part in ("train", "val", "test")
              for kind, array in (("x", IMAGES), ("y", LABELS))}  # fmt: skip
    dataset = load(tmp_path, arrays | {"class_names": np.array(list("abcd"))})
    assert list(dataset.splits) == ["train", "validation", "test"]
    assert dataset.class_names == ("a", "b", "c", "d")


def test_labels_may_be_names(tmp_path: Path) -> None:
    dataset = load(tmp_path, {"x": IMAGES, "y": np.array(list("wxyz"))[LABELS]})
    assert dataset.class_names == ("w", "x", "y", "z")
    assert dataset.train is not None
    np.testing.assert_array_equal(dataset.train.labels, LABELS)


def test_grey_pictures_gain_an_axis_and_other_sizes_are_resized(tmp_path: Path) -> None:
    dataset = load(tmp_path, {"x": IMAGES[..., 0], "y": LABELS}, image_size=8, channels=3)
    assert dataset.image_shape == (8, 8, 3)
    assert dataset.notes == ("train: 6×5×1 became 8×8×3",)


def test_one_scale_for_all_parts(tmp_path: Path) -> None:
    bright, dark = np.full((4, 2, 2), 200.0), np.ones((4, 2, 2))
    arrays = {"x_train": bright, "y_train": LABELS[:4], "x_test": dark, "y_test": LABELS[:4]}
    dataset = load(tmp_path, arrays)
    assert dataset.test is not None
    assert dataset.test.images.max() == 1
    assert dataset.notes[0] == "train: float64 pixel values became 0–255"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 7, 255], np.int64), [0, 7, 255]),
        (np.array([0, 257 * 7, 65535], np.uint16), [0, 7, 255]),
        (np.array([0, 257 * 7, 65535], np.int32), [0, 7, 255]),
        (np.array([0, 128, 129], np.uint16), [0, 0, 1]),
        (np.array([0.0, 0.5, 1.0], np.float32), [0, 128, 255]),
        (np.array([0.0, 2.5, 254.6]), [0, 3, 255]),
        (np.array([0.0, 65535.0]), [0, 255]),
        (np.array([False, True]), [0, 255]),
        (np.array([], np.float32), []),
    ],
)
def test_values_of_every_type(values: Any, expected: list[int]) -> None:
    converted = to_uint8(values)
    assert converted.dtype == np.uint8
    assert converted.tolist() == expected


@pytest.mark.parametrize("value", [-1.0, 65536.0, np.nan, np.inf])
def test_values_out_of_range(value: float) -> None:
    with pytest.raises(DataError, match="expected 0…1, 0…255 or 0…65535"):
        to_uint8(np.array([0.0, value]))


BAD = {
    "no arrays": ({"a": IMAGES}, "holds 'a'; expected x_train and y_train"),
    "channels first": (
        {"x": IMAGES.transpose(0, 3, 1, 2), "y": LABELS},
        "These have the channels first: use images.transpose(0, 2, 3, 1).",
    ),
    "flat": ({"x": IMAGES.reshape(20, -1), "y": LABELS}, "pictures have shape (20, 90); expected"),
    "fewer labels": ({"x": IMAGES, "y": LABELS[:9]}, "labels have shape (9,) for 20 pictures."),
    "one class": ({"x": IMAGES, "y": LABELS * 0}, "has one class, '0'; a classifier needs two"),
    "gaps": ({"x": IMAGES, "y": LABELS * 100}, "labels go up to 300 but only 4 occur"),
    "negative": ({"x": IMAGES, "y": LABELS - 1}, "labels run from -1 to 2; expected 0 to 2"),
    "fractions": ({"x": IMAGES, "y": LABELS / 2}, "labels are of type float64; expected integers"),
    "rows": (
        {"x": IMAGES, "y": np.eye(4)[LABELS]},
        "For one number a class, save numpy.argmax(labels, axis=1).",
    ),
    "not a number": (
        {"x": IMAGES * np.nan, "y": LABELS},
        "data.npz': pixel values run from nan to nan; expected 0…1",
    ),
    "complex": ({"x": IMAGES * 1j, "y": LABELS}, "pixel values are of type complex128"),
    "empty": ({"x": IMAGES[:0], "y": LABELS[:0]}, "holds no pictures."),
    "too few names": (
        {"x": IMAGES, "y": LABELS, "class_names": np.array(["a", "b"])},
        "labels run from 0 to 3; expected 0 to 1 for 2 classes.",
    ),
    "shapes": (
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, 1:], "y_test": LABELS},
        "pictures of different shapes in its parts",
    ),
    "new name in test": (
        {
            "x_train": IMAGES,
            "y_train": np.array(list("wxyz"))[LABELS],
            "x_test": IMAGES[:1],
            "y_test": np.array(["q"]),
        },
        "'q' is none of the classes",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_arrays_that_are_no_data_set(tmp_path: Path, case: str) -> None:
    arrays, text = BAD[case]
    with pytest.raises(DataError) as caught:
        load(tmp_path, arrays)
    assert text in str(caught.value)


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, x=np.array([object()], object), y=LABELS)
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert "holds Python objects, which are not loaded: they could run code." in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_archives_of_arrays(tmp_path: Path, share: float) -> None:
    path = tmp_path / "cut.npz"
    np.savez(path, x=IMAGES, y=LABELS)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(DataError, match=r"is not a readable \.npz archive"):
        load_dataset(path)


def test_an_array_that_declares_more_than_it_holds(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 28, 28)}
    np.lib.format.write_array_header_1_0(buffer, header)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("x.npy", buffer.getvalue())
        archive.writestr("y.npy", buffer.getvalue())
    with pytest.raises(DataError, match=r"bomb\.npz"):
        load_dataset(tmp_path / "bomb.npz")


def test_the_classes_of_a_model(tmp_path: Path) -> None:
    arrays = {"x": IMAGES[:2], "y": np.array([1, 1])}
    assert load(tmp_path, arrays, class_names=("a", "b")).class_names == ("a", "b")
    named = arrays | {"class_names": np.array(["b", "a"])}
    with pytest.raises(DataError, match="has the classes"):
        load(tmp_path, named, class_names=("a", "b"))
