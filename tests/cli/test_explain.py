"""`kernelet explain`: pages, where they go, what is left out and why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from commands import Command


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_a_page_for_a_picture(trained: Path, pictures: Path, command: Command) -> None:
    picture = pictures / "top" / "000.png"
    outcome = command("explain", trained, picture)
    assert outcome.code == 0
    assert outcome.errors == ""
    page = Path("000-explained.html")
    assert outcome.output.startswith(f"{picture}: top, ")
    assert outcome.output.endswith(f" %; {page}\n")
    text = text_of(page)
    assert "<title>top: 000.png</title>" in text
    assert "What each filter is and answers to" in text
    assert "Looked for in all 80 pictures of" in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_json_and_several_pictures(trained: Path, pictures: Path, command: Command) -> None:
    first, second = pictures / "top" / "000.png", pictures / "left" / "000.png"
    outcome = command("explain", trained, first, second, first, "-o", "pages", "--json")
    assert outcome.code == 0
    assert [line["file"] for line in outcome.json] == [str(first), str(second)]
    assert [line["page"] for line in outcome.json] == [
        "pages/000-explained.html",
        "pages/000-explained-2.html",
    ]
    predicted = command("predict", trained, first, second, "--json").json
    for line, same in zip(outcome.json, predicted, strict=True):
        assert set(line) == {"file", "class", "probability", "probabilities", "page"}
        assert line["class"] == same["class"]
        assert line["probabilities"] == pytest.approx(same["probabilities"], abs=1e-6)
        assert f"<title>{line['class']}: 000.png</title>" in text_of(Path(line["page"]))


def test_a_model_file_without_its_run(trained: Path, pictures: Path, command: Command) -> None:
    shutil.copy(trained / "model.safetensors", "alone.safetensors")
    picture = pictures / "top" / "000.png"
    outcome = command("explain", "alone.safetensors", picture, "-o", "one.html")
    assert outcome.code == 0
    assert "name them with --data" in outcome.errors
    assert "name them with --data" in text_of(Path("one.html"))
    outcome = command("explain", "alone.safetensors", picture, "-o", "two.html", "--data", pictures)
    assert (outcome.code, outcome.errors) == (0, "")
    assert "Looked for in all 80 pictures of" in text_of(Path("two.html"))


def test_pictures_that_are_gone(trained: Path, pictures: Path, command: Command) -> None:
    picture = pictures / "top" / "000.png"
    shutil.copy(picture, "kept.png")
    pictures.rename(pictures.with_name("moved"))
    try:
        outcome = command("explain", trained, "kept.png")
        assert outcome.code == 0
        assert "cannot be read any more" in outcome.errors
        assert "cannot be read any more" in text_of(Path("kept-explained.html"))
        outcome = command("explain", trained, "kept.png", "--data", pictures)
        assert outcome.code == 2
        assert "does not exist" in outcome.errors
    finally:
        pictures.with_name("moved").rename(pictures)


def test_hostile_and_broken_pictures(trained: Path, pictures: Path, command: Command) -> None:
    good = (pictures / "top" / "000.png").read_bytes()
    hostile = Path("\u202e<b onload=x>\x1b[2J\n.png")
    hostile.write_bytes(good)
    Path("broken.png").write_bytes(good[:40])
    outcome = command("explain", trained, hostile, "broken.png")
    assert outcome.code == 0
    assert outcome.errors.startswith("Warning: could not be read: 'broken.png': ")
    for text in (outcome.output, outcome.errors):
        assert all(character.isprintable() or character == "\n" for character in text)
    (page,) = Path().glob("*-explained.html")
    assert "<b onload" not in text_of(page)
    assert "\x1b" not in text_of(page)
    outcome = command("explain", trained, "broken.png", "--json")
    assert outcome.code == 2
    assert outcome.event("error")["message"].startswith("None of 1 pictures could be read:\n")


def test_pictures_of_other_sizes_and_forms(trained: Path, command: Command) -> None:
    Image.new("RGB", (300, 120), "orange").save("wide.jpg")
    outcome = command("explain", trained, "wide.jpg")
    assert outcome.code == 0
    text = text_of(Path("wide-explained.html"))
    assert "Grey, the middle cut out, from 120×300." in text
    assert "data:image/jpeg;base64," in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "-o", "page.png"], "-o is 'page.png'; expected a name like PAGE.html."),
        (["a.png", "-o", "no/page.html"], "there is no folder 'no'."),
        (["a.png", "b.png", "-o", "page.html"], "-o is 'page.html', one page, and there are 2"),
        (["missing.png"], "'missing.png' does not exist"),
        (["folder"], "'folder' is a folder; expected pictures"),
    ],
)
def test_mistakes(
    trained: Path, pictures: Path, command: Command, arguments: list[str], message: str
) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy(pictures / "top" / "000.png", name)
    Path("folder").mkdir()
    outcome = command("explain", trained, *arguments)
    assert outcome.code == 2
    assert message in outcome.errors
    assert "Traceback" not in outcome.errors
