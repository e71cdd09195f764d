"""Planted problems, each found: which files, how many, in which words."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kernelet.data import load_dataset
from kernelet.data.dataset import BrokenPicture, Dataset, Split
from kernelet.data.doctor import Finding, Findings, diagnose, examine
from kernelet.data.doctor.examination import BLANK_DEVIATION, blank_rows, checksums, deviations
from kernelet.data.doctor.findings import KINDS
from kernelet.errors import DataError
from scenes import changes, encoded, scene, turns, write_scenes


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """A set without a problem: 2 classes of 25 and 25 in train, 6 and 6 in test."""
    root = tmp_path / "clean"
    counts = {"train/cat": 25, "train/dog": 25, "test/cat": 6, "test/dog": 6}
    write_scenes(root, counts)
    return root


def plant(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def only(findings: Findings, kind: str) -> Finding:
    (finding,) = findings.of(kind)
    return finding


def names(finding: Finding) -> list[list[str]]:
    return [sorted(item.name for item in group) for group in finding.groups]


def kinds(findings: Findings) -> set[str]:
    return {finding.kind for finding in findings.found}


def test_a_clean_set_is_clean(clean: Path) -> None:
    findings = diagnose(clean).findings
    assert findings.found == ()
    assert findings.clean
    assert findings.pictures == 62


def test_the_same_pixels_in_two_splits(clean: Path) -> None:
    # The same picture as other file formats, with alpha that hides nothing, and turned by EXIF.
    original = Image.open(clean / "train/cat/003.png")
    plant(clean, "test/cat/copy.bmp", encoded(original, "BMP"))
    plant(clean, "test/cat/clear.png", encoded(original.convert("RGBA")))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = original.transpose(Image.Transpose.ROTATE_90)
    plant(clean, "test/cat/turned.png", encoded(turned, exif=exif))
    findings = diagnose(clean).findings
    finding = only(findings, "duplicates-across-splits")
    assert finding.title == "1 picture is in more than one split (train and test 1)"
    assert finding.count == 4
    assert names(finding) == [
        ["test/cat/clear.png", "test/cat/copy.bmp", "test/cat/turned.png", "train/cat/003.png"]
    ]
    assert kinds(findings) == {"duplicates-across-splits", "orientation", "colour-forms"}
    assert names(only(findings, "orientation")) == [["test/cat/turned.png"]]


def test_grey_pictures_are_equal_whether_stored_as_grey_or_colour(clean: Path) -> None:
    grey = scene(900).convert("L")
    plant(clean, "train/dog/grey.png", encoded(grey))
    plant(clean, "train/dog/wide.png", encoded(grey.convert("RGB")))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    plant(clean, "train/dog/deep.png", encoded(deep))
    finding = only(diagnose(clean).findings, "duplicates")
    assert finding.title == "1 picture is there several times in one split (train 1)"
    assert names(finding) == [["train/dog/deep.png", "train/dog/grey.png", "train/dog/wide.png"]]


def test_large_jpeg_files_are_compared_whole(clean: Path) -> None:
    # Decoded at a fraction of their size at first.
    large = scene(901, side=400)
    jpeg = encoded(large, "JPEG", quality=92)
    plant(clean, "train/cat/large.jpg", jpeg)
    plant(clean, "train/cat/same.png", encoded(Image.open(io.BytesIO(jpeg))))
    findings = diagnose(clean).findings
    assert names(only(findings, "duplicates")) == [["train/cat/large.jpg", "train/cat/same.png"]]
    assert not findings.of("near-duplicates")


def test_labels_that_disagree(clean: Path) -> None:
    plant(clean, "train/dog/cat.png", (clean / "train/cat/000.png").read_bytes())
    findings = diagnose(clean).findings
    finding = only(findings, "disagreeing-labels")
    assert finding.title == "1 picture is under more than one class"
    assert [item.class_name for item in finding.groups[0]] == ["cat", "dog"]
    assert finding.severity == "error"
    assert names(only(findings, "duplicates")) == names(finding)


def test_near_duplicates_of_every_kind(clean: Path) -> None:
    planted = {}
    for number, (change, data) in enumerate(changes(scene(0)).items()):
        original = Image.open(clean / f"train/cat/{number:03}.png")
        data = changes(original)[change]
        extension = "jpg" if data.startswith(b"\xff\xd8") else "png"
        plant(clean, f"test/cat/{change}.{extension}", data)
        planted[f"test/cat/{change}.{extension}"] = f"train/cat/{number:03}.png"
    findings = diagnose(clean).findings
    finding = only(findings, "near-duplicates-across-splits")
    assert sorted(names(finding)) == sorted([list(pair) for pair in planted.items()])
    assert (
        finding.title == "6 pictures are nearly the same in more than one split (train and test 6)"
    )
    assert not findings.of("near-duplicates")
    assert not findings.of("duplicates-across-splits")


def test_near_duplicates_whose_labels_disagree(clean: Path) -> None:
    plant(clean, "train/dog/cat.jpg", changes(scene(1))["compressed"])
    findings = diagnose(clean).findings
    assert names(only(findings, "disagreeing-near-duplicates")) == [
        ["train/cat/001.png", "train/dog/cat.jpg"]
    ]
    assert names(only(findings, "near-duplicates")) == [["train/cat/001.png", "train/dog/cat.jpg"]]


def test_turned_copies(clean: Path) -> None:
    for number, turn in enumerate(turns(scene(0))):
        original = Image.open(clean / f"train/cat/{number:03}.png")
        plant(clean, f"train/cat/turned-{number}.jpg", turns(original)[turn])
    findings = diagnose(clean).findings
    finding = only(findings, "turned-copies")
    assert names(finding) == [
        [f"train/cat/{number:03}.png", f"train/cat/turned-{number}.jpg"] for number in range(5)
    ]
    said = [group[1].detail for group in finding.groups]
    quarter = "turned by 90°"
    assert said == ["mirrored", "mirrored top to bottom", quarter, "turned by 180°", quarter]


def test_recoloured_pictures_are_no_duplicates(clean: Path) -> None:
    vivid = np.asarray(scene(3)).astype(np.int16)
    vivid = np.clip(vivid + np.array([60, -30, 0]), 0, 255).astype(np.uint8)
    plant(clean, "train/cat/vivid.png", encoded(Image.fromarray(vivid)))
    assert not any("vivid" in str(names(f)) for f in diagnose(clean).findings.found)


def bomb() -> bytes:
    """A PNG of 20,000 × 20,000 pixels in a few bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def test_files_that_cannot_be_read(clean: Path) -> None:
    jpeg = encoded(scene(5), "JPEG")
    broken = {
        "bomb.png": (bomb(), "too many pixels; at most 89,478,485 are decoded"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "image file is truncated"),
        "empty.jpg": (b"", "the file is empty"),
        "page.jpg": (b"<!DOCTYPE html><p>404", "it is a web page, which is not read"),
        "text.png": (b"hello", "not a picture of a kind that is read"),
        "zeros.png": (bytes(300), "the file holds nothing but zero bytes"),
    }
    for name, (data, _) in broken.items():
        plant(clean, f"train/cat/{name}", data)
    findings = diagnose(clean).findings
    finding = only(findings, "unreadable")
    assert finding.title == "6 files cannot be read"
    assert names(finding) == [[f"train/cat/{name}"] for name in broken]
    for (item,), (_, reason) in zip(finding.groups, broken.values(), strict=True):
        assert item.detail.startswith(reason)
        assert (item.split, item.class_name) == ("train", "cat")
    assert kinds(findings) == {"unreadable"}
    assert findings.pictures == 68


def test_suspicious_files(clean: Path) -> None:
    jpeg, png = encoded(scene(6), "JPEG"), encoded(scene(7))
    plant(clean, "train/cat/lies.png", jpeg)
    whole = encoded(scene(8), "JPEG", quality=95)
    filled = whole[: len(whole) // 2] + bytes(len(whole))
    plant(clean, "train/cat/no-end.jpg", filled)
    plant(clean, "train/cat/no-end.png", png[: png.rindex(b"IEND") - 4])
    frames = [scene(9), scene(10)]
    moving = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    plant(clean, "train/cat/moving.webp", moving)
    plant(clean, "train/cat/picture.gif", encoded(scene(11), "GIF"))
    plant(clean, "train/cat/photo.txt", jpeg)
    plant(clean, "train/cat/notes.txt", b"nothing")
    findings = diagnose(clean).findings
    lies = only(findings, "wrong-extension")
    assert lies.title == "1 file is of another format than the name says"
    assert [item.detail for (item,) in lies.groups] == ["it is JPEG"]
    cut_off = only(findings, "suspicious-file")
    assert cut_off.title == "2 files seem cut off"
    assert names(cut_off) == [["train/cat/no-end.jpg"], ["train/cat/no-end.png"]]
    assert names(only(findings, "several-frames")) == [["train/cat/moving.webp"]]
    over = only(findings, "passed-over")
    assert [(item.name, item.detail) for (item,) in over.groups] == [
        ("train/cat/photo.txt", "it is JPEG"),
        ("train/cat/picture.gif", "it is GIF"),
    ]
    (left_out,) = findings.of("left-out")
    assert left_out.title == "files left out, not pictures: 3 (.txt 2, .gif 1)"


def test_blank_pictures_but_not_thin_lines(clean: Path) -> None:
    plant(clean, "train/cat/black.png", encoded(Image.new("RGB", (64, 64))))
    noise = np.random.default_rng(0).normal(100, 4, (64, 64, 3)).astype(np.uint8)
    plant(clean, "train/cat/cap.png", encoded(Image.fromarray(noise)))
    plant(clean, "train/cat/unseen.png", encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0))))
    line = Image.new("L", (800, 800), 255)
    line.paste(0, (0, 400, 800, 401))
    plant(clean, "train/cat/line.png", encoded(line))
    finding = only(diagnose(clean).findings, "blank")
    assert finding.title == "3 pictures show nothing but one colour"
    assert names(finding) == [
        ["train/cat/black.png"],
        ["train/cat/cap.png"],
        ["train/cat/unseen.png"],
    ]


def test_small_and_unequal_classes(clean: Path) -> None:
    write_scenes(clean, {"train/rare": 2, "test/rare": 1, "train/common": 26}, first=500)
    findings = diagnose(clean).findings
    in_train, in_test = findings.of("small-class")
    assert in_train.title == "1 class has fewer than 20 pictures in train (fewest: 'rare', 2)"
    assert in_test.title == "2 classes have fewer than 5 pictures in test (fewest: 'common', 0)"
    unequal = only(findings, "imbalance")
    assert unequal.title == "classes are unequal 13 : 1 in train ('common' 26, 'rare' 2)"
    assert names(unequal) == [["rare"]]


def test_odd_sizes_and_proportions(clean: Path) -> None:
    plant(clean, "train/cat/tiny.png", encoded(scene(20).resize((15, 15))))
    plant(clean, "train/cat/wide.png", encoded(scene(300, side=200).crop((0, 0, 200, 64))))
    findings = diagnose(clean).findings
    small = only(findings, "odd-size")
    assert small.title == (
        "1 picture is much smaller than the rest (short side below 16 of usually 64 pixels)"
    )
    assert small.groups[0][0].detail == "15×15"
    odd = only(findings, "odd-proportions")
    assert odd.title == "1 picture has proportions far from the rest"
    assert odd.groups[0][0].detail == "64×200"
    sizes = only(findings, "sizes")
    assert sizes.title == "pictures of 3 sizes, from 15×15 to 64×200 (height × width)"


def test_a_form_that_gives_the_class_away(clean: Path) -> None:
    for path in sorted((clean / "train/dog").iterdir()):
        Image.open(path).convert("L").save(path)
    findings = diagnose(clean).findings
    assert only(findings, "colour-forms").title == "pictures of 2 colour forms: RGB 37, grey 25"
    assert only(findings, "revealing-form").title == (
        "the colour form gives the class away ('cat': RGB; 'dog': grey)"
    )


def test_symbolic_links(clean: Path) -> None:
    (clean / "train/cat/link.png").symlink_to(clean / "train/cat/000.png")
    (clean / "train/cat/out.png").symlink_to("/usr/share")
    findings = diagnose(clean).findings
    assert only(findings, "links").title == "1 file is a symbolic link to another"
    assert only(findings, "left-out").title == (
        "symbolic links left out, they lead outside the folder or nowhere: 1"
    )
    (group,) = only(findings, "duplicates").groups
    assert [item.detail for item in group] == ["", "symbolic link"]


def test_a_set_that_cannot_be_trained_on_is_examined_all_the_same(tmp_path: Path) -> None:
    write_scenes(tmp_path / "one", {"cat": 4})
    plant(tmp_path / "one", "cat/copy.png", encoded(scene(2)))
    findings = diagnose(tmp_path / "one").findings
    wrong = only(findings, "layout")
    assert wrong.title.endswith("has one class, 'cat'; a classifier needs two or more.")
    assert names(only(findings, "duplicates")) == [["cat/002.png", "cat/copy.png"]]
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="No pictures in"):
        diagnose(tmp_path / "none")


def test_zip_archives_and_arrays_are_examined_alike(clean: Path, tmp_path: Path) -> None:
    plant(clean, "test/dog/copy.png", encoded(scene(4)))
    plant(clean, "test/dog/near.png", changes(scene(30))["brighter"])
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in sorted(clean.rglob("*.png")):
            target.write(path, path.relative_to(clean).as_posix())
    loaded = load_dataset(clean, validation_split=0, cache=False)
    train, test = loaded.splits["train"], loaded.splits["test"]
    np.savez(
        tmp_path / "set.npz",
        x_train=train.images,
        y_train=train.labels,
        x_test=test.images,
        y_test=test.labels,
    )
    from_zip, from_arrays = (diagnose(tmp_path / f"set.{kind}").findings for kind in ("zip", "npz"))
    assert [(f.kind, f.title) for f in from_zip.found] == [
        (f.kind, f.title) for f in from_arrays.found
    ]
    assert names(only(from_zip, "duplicates-across-splits")) == [
        ["test/dog/copy.png", "train/cat/004.png"]
    ]
    assert names(only(from_arrays, "duplicates-across-splits")) == [["test[12]", "train[4]"]]
    assert names(only(from_arrays, "near-duplicates-across-splits")) == [["test[13]", "train[30]"]]


def test_many_copies_are_one_group(clean: Path) -> None:
    for index in range(30):
        plant(clean, f"train/cat/again-{index:02}.png", encoded(scene(6)))
    (group,) = only(diagnose(clean).findings, "duplicates").groups
    assert len(group) == 31


@pytest.mark.parametrize("shape", [(6, 6, 1), (28, 28, 1), (9, 4, 3), (80, 80, 1)])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_blank_rows_are_those_of_small_deviation(shape: tuple[int, ...], share: float) -> None:
    random = np.random.default_rng(0)
    spread = np.where(random.random(300) < share, random.uniform(0, 4, 300), 60)
    noise = random.normal(0, 1, (300, *shape)) * spread[:, None, None, None]
    images = np.clip(128 + noise, 0, 255).astype(np.uint8)
    images[5] = 30
    images[5, 0, 0] = 90  # one pixel far from the others: still blank where there are many
    expected = np.flatnonzero(deviations(images) < BLANK_DEVIATION)
    assert 0 < len(expected) < 300
    np.testing.assert_array_equal(blank_rows(images), expected)


def test_examine_looks_at_what_is_in_memory() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (60, 6, 6, 1), dtype=np.uint8)
    images[7] = images[3]
    images[8] = 40
    labels = np.repeat(np.arange(2, dtype=np.int32), 30)
    test = Split(images[[3, 50]], np.array([0, 0], np.int32))
    broken = (BrokenPicture("a.png", "it is torn"),)
    dataset = Dataset(("a", "b"), Split(images, labels), None, test, "arrays", broken=broken)
    findings = examine(dataset)
    assert findings.pictures == 62
    assert [(f.kind, f.count) for f in findings.found] == [
        ("unreadable", 1),
        ("disagreeing-labels", 2),
        ("duplicates-across-splits", 5),
        ("blank", 1),
        ("small-class", 2),
    ]
    assert [item.index for item in only(findings, "blank").groups[0]] == [8]
    assert [(item.name, item.split, item.index) for item in findings.found[2].groups[0]] == [
        ("train[3]", "train", 3),
        ("train[7]", "train", 7),
        ("test[0]", "test", 0),
    ]


def test_what_matters_most_comes_first() -> None:
    order = list(KINDS.values())
    assert order == sorted(order, key=("error", "warning", "note").index)


@pytest.mark.parametrize("side", [1, 3, 8])
def test_checksums_tell_pictures_apart_and_keep_equal_ones_together(side: int) -> None:
    generator = np.random.default_rng(1)
    images = generator.integers(0, 256, (200, side, side, 3), np.uint8)
    images[150] = images[7]
    images[151] = images[7]
    images[151, -1, -1, -1] ^= 1
    sums = checksums(images)
    assert sums[150] == sums[7]
    assert sums[151] != sums[7]
    assert len(np.unique(sums)) == len(np.unique(images.reshape(200, -1), axis=0))


def test_equal_pictures_of_a_loaded_set_are_found_across_splits() -> None:
    generator = np.random.default_rng(2)
    images = generator.integers(0, 256, (60, 5, 5, 1), np.uint8)
    images[[51, 58]] = images[[3, 4]]
    labels = np.arange(60, dtype=np.int32) % 2
    train, test = Split(images[:40], labels[:40]), Split(images[40:], labels[40:])
    found = examine(Dataset(("a", "b"), train, None, test, "made"))
    copies = [f for f in found.found if f.kind == "duplicates-across-splits"]
    assert sum(len(f.groups) for f in copies) == 2
