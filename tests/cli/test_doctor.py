"""`kernelet doctor` from the command line: exit codes, text, JSON, page, list."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import browser, needs_browser
from commands import Command, write_pictures
from kernelet.interchange.safetensors import load_model
from scenes import scene, write_scenes


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    write_scenes(tmp_path / "pets", {"train/cat": 20, "train/dog": 20})
    return tmp_path / "pets"


@pytest.fixture
def spoilt(clean: Path) -> Path:
    (clean / "train/cat/torn.png").write_bytes(b"")
    copy = (clean / "train/dog/001.png").read_bytes()
    (clean / "train/dog/copy.png").write_bytes(copy)
    return clean


def test_a_clean_set(command: Command, clean: Path) -> None:
    outcome = command("doctor", clean)
    assert outcome.code == 0, outcome.errors
    assert outcome.output == (
        f"{clean}: 40 pictures looked at\n\nNothing that spoils a training was found.\n"
    )
    assert outcome.errors == ""


def test_text(command: Command, spoilt: Path) -> None:
    outcome = command("doctor", spoilt)
    assert outcome.code == 1
    assert outcome.output == (
        f"{spoilt}: 42 pictures looked at\n"
        "\n"
        "Error: 1 file cannot be read.\n"
        "  'train/cat/torn.png' (the file is empty)\n"
        "  → Repair or remove them; training leaves them out.\n"
        "\n"
        "Warning: 1 picture is there several times in one split (train 1).\n"
        "  'train/dog/001.png' = 'train/dog/copy.png'\n"
        "  → Keep one of each: copies count as often as they occur, and a validation split drawn "
        "at random tears them apart.\n"
        "\n"
        "Found: 1 error, 1 warning.\n"
    )


def test_json(command: Command, spoilt: Path) -> None:
    outcome = command("doctor", spoilt, "--json")
    assert outcome.code == 1
    (found,) = outcome.json
    assert {k: found[k] for k in ("source", "pictures", "clean", "page", "left_out")} == {
        "source": str(spoilt),
        "pictures": 42,
        "clean": False,
        "page": None,
        "left_out": None,
    }
    unreadable, duplicates = found["findings"]
    assert unreadable["kind"] == "unreadable"
    assert unreadable["severity"] == "error"
    assert unreadable["groups"] == [
        [
            {
                "name": "train/cat/torn.png",
                "split": "train",
                "class": "cat",
                "detail": "the file is empty",
            }
        ]
    ]
    assert duplicates["count"] == 2


def test_notes_alone_are_clean(command: Command, clean: Path) -> None:
    (clean / "train/dog/notes.txt").write_text("nothing")
    outcome = command("doctor", clean)
    assert outcome.code == 0
    assert "Note: files left out, not pictures: 1 (.txt 1)." in outcome.output


def test_data_that_is_not_there(command: Command) -> None:
    outcome = command("doctor", "nowhere")
    assert outcome.code == 2
    assert outcome.errors.startswith("Error: 'nowhere' does not exist.")
    outcome = command("doctor", "sample", "--model", "nowhere")
    assert outcome.code == 2


def test_what_the_list_names_is_left_out_of_training(command: Command, spoilt: Path) -> None:
    outcome = command("doctor", spoilt, "--write-list", "leave.txt")
    assert outcome.code == 1
    assert outcome.output.endswith(
        f"list: 2 pictures; to train without them:\n  kernelet train {spoilt} --exclude leave.txt\n"
    )
    train = ("train", spoilt, "--exclude", "leave.txt", "--out", "run", "--network", "small_vgg")
    outcome = command(*train, "--image-size", 16, "--epochs", 1, "--json")
    assert outcome.code == 0, outcome.output
    data = outcome.event("data")
    assert "pictures left out as asked: 2" in data["notes"]
    assert data["broken"] == []
    assert {s: sum(c.values()) for s, c in data["counts"].items()} == {"train": 36, "validation": 4}
    configuration = json.loads(Path("run/config.json").read_text())
    assert configuration["exclude"] == ["train/cat/torn.png", "train/dog/copy.png"]
    assert configuration["exclude_list"] == str(Path("leave.txt").resolve())
    # Resuming needs the list no more.
    Path("leave.txt").unlink()
    outcome = command("train", "--resume", "run", "--json")
    assert outcome.code == 0, outcome.output
    record = load_model(Path("run/model.safetensors")).training_record
    assert record["configuration"]["exclude"] == configuration["exclude"]


def test_an_option_that_cannot_change_on_resume(command: Command) -> None:
    outcome = command("train", "--resume", "run", "--exclude", "leave.txt")
    assert outcome.code == 2
    assert "--exclude cannot change while a run is resumed" in outcome.errors


def test_wrong_labels_are_found_by_a_network(
    command: Command, trained: Path, pictures: Path, tmp_path: Path
) -> None:
    other = tmp_path / "others"
    write_pictures(other, 20, seed=7)
    (other / "top/003.png").rename(other / "left/moved.png")
    (other / "left/004.png").rename(other / "top/moved.png")
    outcome = command("doctor", other, "--model", trained, "--json")
    assert outcome.code == 1
    (found,) = [f for f in outcome.json[0]["findings"] if f["kind"] == "doubtful-labels"]
    assert sorted(group[0]["name"] for group in found["groups"])[:2] == [
        "left/moved.png",
        "top/moved.png",
    ]
    assert "has learned" not in found["advice"]
    own = command("doctor", pictures, "--model", trained, "--json").json[0]["findings"]
    (limit,) = [f for f in own if f["kind"] in ("limits", "doubtful-labels")]
    assert "has learned from" in limit["title"] or "has learned" in limit["advice"]


HOSTILE = "<script>alert(1)</script>\u202e\n'\".png"


@needs_browser
def test_the_page(command: Command, spoilt: Path, tmp_path: Path) -> None:
    hostile = spoilt / "train" / "dog" / HOSTILE.replace("/", "∕")
    scene(3).save(tmp_path / "x.png")
    hostile.write_bytes((tmp_path / "x.png").read_bytes())
    (spoilt / "train" / "cat" / "<img src=x onerror=alert(1)>.png").write_bytes(b"")
    outcome = command("doctor", spoilt, "-o", "doctor.html")
    assert outcome.code == 1
    assert outcome.output.endswith("page: doctor.html\n")
    assert "\u202e" not in outcome.output
    text = Path("doctor.html").read_text()
    assert "\u202e" not in text
    assert "<script" not in text
    with browser(tmp_path / "profile") as page:
        for width in (1280, 360):
            page.open(Path("doctor.html"), width, scheme="dark" if width == 360 else "light")
            assert page.requests == [Path("doctor.html").absolute().as_uri()]
            assert page.complaints == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.querySelectorAll('.finding').length") == 3
        sizes = page.evaluate("[...document.images].map(i => i.naturalWidth)")
        assert sizes == [64] * 6
        assert page.evaluate("[...document.images].every(i => i.alt !== '')")
        shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 500  # the pictures are there


def test_the_page_is_the_same_for_the_same_pictures(command: Command, spoilt: Path) -> None:
    for name in ("one.html", "two.html"):
        command("doctor", spoilt, "-o", name)
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()
