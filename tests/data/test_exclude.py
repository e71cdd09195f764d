"""Pictures that a list names are left out, of folders, archives and arrays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelet.data import load_dataset
from kernelet.data.doctor import Finding, Findings, Item, read_exclusion, write_exclusion
from kernelet.errors import DataError


@pytest.fixture
def files(noise: Callable[..., bytes]) -> dict[str, bytes]:
    return {
        f"{name}/{index}.png": noise(10 * ord(name) + index) for name in "ab" for index in range(4)
    }


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_files_are_left_out(
    kind: str, files: dict[str, bytes], request: pytest.FixtureRequest
) -> None:
    source = request.getfixturevalue(kind)(files)
    whole = load_dataset(source, validation_split=0)
    part = load_dataset(source, validation_split=0, exclude=["a/1.png", "b/0.png", "b/9.png"])
    assert whole.train is not None
    assert part.train is not None
    assert [name for name in whole.train.files or () if name not in (part.train.files or ())] == [
        "a/1.png",
        "b/0.png",
    ]
    assert "pictures left out as asked: 2; 1 more are not there" in part.notes
    # The cache keeps both apart.
    assert len(load_dataset(source, validation_split=0).splits["train"]) == 8


def test_rows_of_arrays_are_left_out(tmp_path: Path) -> None:
    images = np.arange(6, dtype=np.uint8).repeat(16).reshape(6, 4, 4)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.array([0, 1] * 3))
    dataset = load_dataset(tmp_path / "a.npz", validation_split=0, exclude=["train[1]", "train[5]"])
    assert dataset.splits["train"].images[:, 0, 0, 0].tolist() == [0, 2, 3, 4]
    assert dataset.notes == ("pictures left out as asked: 2",)


def test_names_that_are_not_there_are_an_error(
    files: dict[str, bytes], folder: Callable[..., Path]
) -> None:
    source = folder(files)
    with pytest.raises(DataError) as error:
        load_dataset(source, exclude=["c/1.png"])
    assert str(error.value) == (
        f"'{source}' holds none of the 1 pictures to leave out, such as 'c/1.png'.\n"
        "  Names are those inside the source, like train/cat/1.jpg; of arrays, rows like train[12]."
    )


def test_any_name_survives_the_list(tmp_path: Path) -> None:
    hostile = ["a/# 1.png", ' "b.png', "c\nd.png", "e\u202e.png", "ü/ß .png ", "plain name.png"]
    groups = tuple((Item(name, detail="torn\n# and\nmore"),) for name in hostile)
    findings = Findings("set\nof pictures", 9, (Finding("unreadable", "", "", groups, 6),))
    path = tmp_path / "list.txt"
    assert write_exclusion(findings, path) == 6
    assert read_exclusion(path) == frozenset(hostile)
    assert path.read_text().splitlines()[-1] == "plain name.png"


def test_one_copy_stays_and_it_is_that_of_test(tmp_path: Path) -> None:
    def group(*names: str) -> tuple[Item, ...]:
        return tuple(Item(name, name.split("/")[0], name.split("/")[1]) for name in names)

    found = (
        Finding("disagreeing-labels", "", "", (group("train/a/1", "train/b/1"),), 2),
        Finding("duplicates-across-splits", "", "", (group("train/a/2", "train/a/3", "test/a/2"),)),
        Finding("duplicates", "", "", (group("train/a/4", "train/a/5", "train/a/1"),)),
    )
    path = tmp_path / "list.txt"
    write_exclusion(Findings("set", 9, found), path)
    assert path.read_text() == (
        "# 5 pictures to leave out of training, from 'set'\n"
        "# kernelet train DATA --exclude THIS_FILE\n"
        "# disagreeing-labels: the same picture under 'a', 'b'\n"
        "train/a/1\n"
        "train/b/1\n"
        "# duplicates-across-splits: 'test/a/2' stays\n"
        "train/a/2\n"
        "train/a/3\n"
        "# duplicates: 'train/a/4' stays\n"
        "train/a/5\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"# nothing\n\n", "names no picture to leave out"),
        (b'"unfinished\n', "line 1: '\"unfinished' is no JSON string"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_lists_that_cannot_be_used(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_exclusion(path)


def test_rows_keep_their_names_whatever_is_set_aside(tmp_path: Path) -> None:
    images = np.arange(20, dtype=np.uint8).repeat(16).reshape(20, 4, 4)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.array([0, 1] * 10))
    dataset = load_dataset(tmp_path / "a.npz", validation_split=0.3, exclude=["train[4]"])
    named = {
        dataset.name_of(name, row): int(split.images[row, 0, 0, 0])
        for name, split in dataset.splits.items()
        for row in range(len(split))
    }
    assert named == {f"train[{row}]": row for row in range(20) if row != 4}
    assert len(dataset.splits["validation"]) == 6
