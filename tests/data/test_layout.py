from __future__ import annotations

import pytest

from kernelet.data.layout import Layout, find_layout
from kernelet.data.listing import Entry
from kernelet.errors import DataError


def layout(*names: str, **options: object) -> Layout:
    entries = [Entry(name, 1, 0, index) for index, name in enumerate(sorted(names))]
    return find_layout(entries, "root", **options)  # type: ignore[arg-type]


def split_names(found: Layout, split: str) -> list[tuple[str, str]]:
    files = found.splits[split]
    return [
        (entry.name, found.class_names[label])
        for entry, label in zip(files.entries, files.labels, strict=True)
    ]


def test_class_folders() -> None:
    found = layout("dog/1.jpg", "cat/2.PNG", "cat/1.webp")
    assert found.class_names == ("cat", "dog")
    assert split_names(found, "train") == [
        ("cat/1.webp", "cat"),
        ("cat/2.PNG", "cat"),
        ("dog/1.jpg", "dog"),
    ]
    assert found.notes == []


@pytest.mark.parametrize("validation", ["val", "valid", "validation", "Val"])
def test_split_folders(validation: str) -> None:
    found = layout("train/a/1.jpg", "train/b/1.jpg", f"{validation}/b/1.jpg", "test/a/1.jpg")
    assert list(found.splits) == ["train", "validation", "test"]
    assert split_names(found, "validation") == [(f"{validation}/b/1.jpg", "b")]
    assert found.notes == [
        "classes without pictures in validation: 'a'",
        "classes without pictures in test: 'b'",
    ]


@pytest.mark.parametrize("prefix", ["data/", "a/b/c/"])
def test_a_folder_that_holds_everything_is_looked_into(prefix: str) -> None:
    assert layout(f"{prefix}x/1.jpg", f"{prefix}y/1.jpg").class_names == ("x", "y")
    found = layout(f"{prefix}train/x/1.jpg", f"{prefix}train/y/1.jpg", f"{prefix}preview.png")
    assert found.class_names == ("x", "y")
    assert len(found.notes) == 1
    assert found.notes[0].startswith("pictures left out, not in train, validation or test: 1 in")


def test_pictures_may_lie_deeper_in_their_class() -> None:
    found = layout("cat/tabby/1.jpg", "cat/1.jpg", "dog/1.jpg")
    assert found.class_names == ("cat", "dog")
    assert len(found.splits["train"].entries) == 3


def test_train_may_be_a_class_among_others() -> None:
    assert layout("train/1.jpg", "bus/1.jpg").class_names == ("bus", "train")
    assert layout("test/1.jpg", "control/1.jpg").class_names == ("control", "test")


def test_other_files_and_loose_pictures_are_noted() -> None:
    found = layout("a/1.jpg", "b/1.jpg", "b/labels.csv", "b/x.csv", "LICENSE", "loose.jpg")
    assert found.notes == [
        "files left out, not pictures: 3 (.csv 2, no extension 1)",
        "pictures left out, in no class folder of train: 1",
    ]


def test_a_flat_test_folder_is_left_out() -> None:
    found = layout("train/a/1.jpg", "train/b/1.jpg", "test/1.jpg", "test/2.jpg")
    assert list(found.splits) == ["train"]
    assert found.notes == ["pictures left out, in no class folder of test: 2"]


def test_empty_classes_are_noted() -> None:
    found = layout("a/1.jpg", "b/1.jpg", "c/notes.txt", folders=["a", "b", "c", "d"])
    assert found.class_names == ("a", "b")
    assert "folders without pictures, not classes: 2 ('c', 'd')" in found.notes
    found = layout("train/a/1.jpg", "train/b/1.jpg", folders=["train", "train/e", "train/a/x"])
    assert found.notes == ["folders without pictures, not classes: 1 ('train/e')"]


def test_the_classes_of_a_model_keep_their_numbers() -> None:
    found = layout("b/1.jpg", class_names=("z", "b", "a"))
    assert found.class_names == ("z", "b", "a")
    assert found.splits["train"].labels.tolist() == [1]
    assert list(layout("test/b/1.jpg", class_names=("a", "b")).splits) == ["test"]
    with pytest.raises(DataError, match="train has 'c', which the model does not have"):
        layout("c/1.jpg", class_names=("a", "b"))


def message(*names: str) -> str:
    with pytest.raises(DataError) as caught:
        layout(*names)
    return str(caught.value)


EXPECTED = (
    "  Expected one folder a class (ROOT/cat/1.jpg, ROOT/dog/2.jpg), or those inside\n"
    "  ROOT/train, ROOT/validation and ROOT/test."
)


def test_errors_say_what_to_do() -> None:
    assert message("a.txt", "b/c.txt") == (
        f"No pictures in 'root' (2 other files).\n{EXPECTED}\n"
        "  Read are: bmp, jpeg, jpg, pgm, png, ppm, tif, tiff, webp."
    )
    assert message("pets.zip").endswith(
        "Archives inside are not read: take 'pets.zip' out, and name it alone."
    )
    assert message("1.jpg") == f"No picture in 'root' lies in a class folder.\n{EXPECTED}"
    assert message("cats/1.jpg") == (
        "'root' has one class, 'cats'; a classifier needs two or more.\n"
        f"{EXPECTED}\n  To find one kind of thing, add a folder of pictures without it."
    )
    assert message("test/a/1.jpg", "val/a/1.jpg") == (
        f"'root' has 'test', 'val' but no train folder.\n{EXPECTED}"
    )
    assert message("train/1.jpg", "test/1.jpg") == (
        f"'root': the pictures in 'train' lie in no class folder.\n{EXPECTED}"
    )
    assert message("train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg") == (
        "'root' has several validation folders: 'val', 'valid'.\n"
        "  Keep one of them, or move their pictures together."
    )
    assert message("train/a/1.jpg", "train/b/1.jpg", "test/c/1.jpg") == (
        "test has 'c', which train does not have.\n"
        "  Train has 'a', 'b'.\n"
        "  Classes are matched by the name of their folder: rename or remove the folder."
    )
