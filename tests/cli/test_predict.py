"""`kernelet predict`: table, CSV and JSON, and files with odd names and contents."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from commands import Command


def test_table(trained: Path, pictures: Path, command: Command) -> None:
    outcome = command("predict", trained, pictures / "top" / "000.png", pictures / "left")
    assert outcome.code == 0
    lines = outcome.output.splitlines()
    assert lines[0].split() == ["file", "class", "probability"]
    assert len(lines) == 1 + 1 + 40
    assert lines[1].split()[:2] == [str(pictures / "top" / "000.png"), "top"]
    assert all(line.split()[1] == "left" for line in lines[2:])


def test_json(trained: Path, pictures: Path, command: Command) -> None:
    outcome = command("predict", trained, pictures / "top", "--json")
    assert len(outcome.json) == 40
    for line in outcome.json:
        assert set(line) == {"file", "class", "probability", "probabilities"}
        assert line["class"] == "top"
        assert line["probability"] == line["probabilities"]["top"] > 0.5
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-6)


def test_csv(trained: Path, pictures: Path, command: Command) -> None:
    outcome = command("predict", trained, pictures, "--csv", "found.csv")
    assert (outcome.code, outcome.output) == (0, "80 pictures: found.csv\n")
    with Path("found.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "class", "probability", "left", "top"]
    assert [Path(row["file"]).parent.name for row in rows] == [row["class"] for row in rows]
    for row in rows:
        assert float(row["left"]) + float(row["top"]) == pytest.approx(1, abs=2e-6)
    to_output = command("predict", trained, pictures, "--csv", "-").output
    assert to_output == Path("found.csv").read_text()


def test_hostile_names_and_broken_files(trained: Path, pictures: Path, command: Command) -> None:
    folder = pictures.parent / "hostile"
    folder.mkdir()
    good = (pictures / "top" / "000.png").read_bytes()
    names = ["\x1b]0;owned\x07.png", 'new\nline,"quoted".png', "\u202egnp.exe.png", "<b>.png"]
    for name in names:
        (folder / name).write_bytes(good)
    (folder / "\x1b[31mbroken.png").write_bytes(good[:40])
    (folder / "notes.txt").write_text("left out")
    outcome = command("predict", trained, folder)
    assert outcome.code == 0
    assert outcome.output.count("\n") == 1 + 4
    for text in (outcome.output, outcome.errors):
        assert all(character.isprintable() or character == "\n" for character in text)
    assert outcome.errors.startswith("Warning: ")
    assert "\\x1b[31mbroken.png could not be read: " in outcome.errors
    outcome = command("predict", trained, folder, "--csv", "-")
    files = [row["file"] for row in csv.DictReader(io.StringIO(outcome.output, newline=""))]
    assert {Path(file).name for file in files} == set(names)
    outcome = command("predict", trained, folder, "--json")
    assert [line for line in outcome.json if line.get("event") == "warning"]
    assert {Path(line["file"]).name for line in outcome.json if "file" in line} == set(names)


def test_pictures_are_prepared_as_in_training(pictures: Path, command: Command) -> None:
    for resize in ("crop", "stretch"):
        options = ("--resize", resize, "--epochs", 4, "--out", resize)
        assert command("train", pictures, *options).code == 0
    wide = Image.new("L", (48, 16), "black")
    wide.paste(255, (0, 0, 20, 16))  # stretched, the left is bright; cropped, hardly anything is
    wide.save("wide.png")
    wide.resize((16, 16), Image.Resampling.BILINEAR).save("stretched.png")
    wide.crop((16, 0, 32, 16)).save("cropped.png")
    for run, by_hand in (("crop", "cropped.png"), ("stretch", "stretched.png")):
        automatic, expected = command("predict", run, "wide.png", by_hand, "--json").json
        assert automatic["probabilities"] == pytest.approx(expected["probabilities"], abs=0.01)


def test_zip(trained: Path, pictures: Path, command: Command) -> None:
    with zipfile.ZipFile("some.zip", "w") as archive:
        archive.write(pictures / "top" / "000.png", "deep/inside.png")
    outcome = command("predict", trained, "some.zip", "--json")
    assert [line["class"] for line in outcome.json] == ["top"]


def test_nothing_to_read(trained: Path, command: Command) -> None:
    Path("empty").mkdir()
    outcome = command("predict", trained, "empty")
    assert (outcome.code, outcome.errors) == (2, "Error: No pictures in 'empty'.\n")
    Path("empty/no.png").write_text("no")
    outcome = command("predict", trained, "empty")
    assert outcome.code == 2
    assert outcome.errors == (
        "Error: None of 1 pictures could be read:\n"
        "  'empty/no.png': not a picture of a kind that is read "
        "(JPEG, PNG, PPM, BMP, TIFF, WEBP)\n"
    )


def test_one_form_at_a_time(trained: Path, pictures: Path, command: Command) -> None:
    outcome = command("predict", trained, pictures, "--json", "--csv", "x.csv")
    assert outcome.code == 2
    assert outcome.event("error")["message"].startswith(
        "--json and --csv are two forms of one result; choose one."
    )
