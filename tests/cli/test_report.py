"""The report that every run ends with: its numbers, what it asks of a browser, what it survives."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import kernelet.runs.reporting
import kernelet.runs.training
from browser import Page, browser, needs_browser
from commands import Command, write_pictures
from kernelet.data import load_dataset
from kernelet.interchange.safetensors import load_model

HOSTILE = "<img src=x onerror=alert(1)>\u202egnp\n\x07"


class Reader(HTMLParser):
    """The tables, headings, pictures and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._rows = []
        elif tag in ("caption", "tr"):
            self._rows.append([])
        if tag in ("caption", "td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            rows = [[" ".join(cell.split()) for cell in row] for row in self._rows]
            self.tables[rows[0][0]] = rows[1:]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture
def page(trained: Path) -> str:
    return (trained / "report.html").read_text(encoding="utf-8")


def measured(run: Path, data: Path) -> tuple[Any, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The pictures that a run was measured on, their labels, and its probabilities in float64."""
    dataset = load_dataset(str(data))
    assert dataset.validation is not None
    model = load_model(run / "model.safetensors")
    found = model.predict(dataset.validation.images, device="reference").astype(np.float64)
    return dataset, dataset.validation.labels, found


def test_numbers_are_those_of_numpy(trained: Path, pictures: Path, page: str) -> None:
    dataset, labels, found = measured(trained, pictures)
    answers, right = found.argmax(axis=1), found.argmax(axis=1) == labels
    read = Reader(page)
    accuracy = stats.binomtest(int(right.sum()), len(right)).proportion_ci(0.95, "wilson")
    assert f"{100 * right.mean():.1f} % of {len(right)} validation pictures" in read.text
    assert f"between {100 * accuracy.low:.1f} % and {100 * accuracy.high:.1f} %" in read.text
    most = max(np.bincount(labels)) / len(labels)
    assert f"would be right for {100 * most:.1f} %" in read.text
    rows = read.tables["All classes, the worst first"][1:]
    assert {row[0] for row in rows} == set(dataset.class_names)
    for name, trained_on, count, recall, within, precision, _ in rows:
        number = dataset.class_names.index(name)
        hits = int((right & (labels == number)).sum())
        assert int(trained_on) == (dataset.train.labels == number).sum()
        assert int(count) == (labels == number).sum()
        assert recall == f"{100 * hits / int(count):.1f} %"
        assert precision == f"{100 * hits / (answers == number).sum():.1f} %"
        interval = stats.binomtest(hits, int(count)).proportion_ci(0.95, "wilson")
        assert within == f"{100 * interval.low:.1f} – {100 * interval.high:.1f}"
    certainty = found.max(axis=1)
    for threshold, share, hits_text in read.tables["If only answers of some certainty count"][1:]:
        sure = certainty >= float(threshold.rstrip(" %")) / 100
        assert share == f"{100 * sure.mean():.1f} %"
        assert hits_text == (f"{100 * right[sure].mean():.1f} %" if sure.any() else "–")


def test_layers_have_their_costs(trained: Path, page: str) -> None:
    model = load_model(trained / "model.safetensors")
    rows = Reader(page).tables["Cost of each layer, for one picture"][1:]
    assert len(rows) == len(model.graph.calls)
    total = sum(int(row[3].replace(",", "")) for row in rows if row[3])
    assert total == model.count_params()
    convolution = next(row for row in rows if row[0].startswith("conv1"))
    assert convolution[1:5] == ["16×16×6", "16 + 4 − 5 + 1 = 16", "156", f"{16 * 16 * 25 * 6:,}"]
    assert re.fullmatch(r"[\d.]+ (µs|ms)", convolution[5])
    assert sum(int(row[6].rstrip(" %")) for row in rows) == pytest.approx(100, abs=5)


def test_the_command_leads_to_the_same_bits(trained: Path, page: str, command: Command) -> None:
    found = re.search(r'<pre class="command"><code>kernelet (.*?)</code>', page)
    assert found is not None
    arguments = shlex.split(html.unescape(found.group(1)))
    assert command(*arguments, "--out", "again", "--threads", 1).code == 0
    again = load_model(Path("again/model.safetensors"))
    assert again.weights.sha256() == load_model(trained / "model.safetensors").weights.sha256()
    assert again.weights.sha256() in page


def test_filters_before_the_training_are_those_it_began_with(trained: Path, page: str) -> None:
    from kernelet.explain.pages import map_uri
    from kernelet.networks import lenet5

    model = load_model(trained / "model.safetensors")
    configuration = json.loads((trained / "config.json").read_text())
    first = lenet5((16, 16, 1), 2, seed=configuration["seed"]).weights["conv1/kernel"]
    last = model.weights["conv1/kernel"]
    limit = float(max(abs(first).max(), abs(last).max()))
    for kernel, when in ((first, "before"), (last, "after")):
        for number in (0, 5):
            uri = map_uri(kernel[:, :, 0, number], (-limit, limit), signed=True)
            assert f'src="{uri}" alt="Filter {number + 1} {when} the training"' in page


def test_one_file_for_all_that_read_it(page: str) -> None:
    read = Reader(page)
    tags = [tag for tag, _ in read.tags]
    assert tags.count("h1") == 1
    assert "script" not in tags
    links = [given[name] for _, given in read.tags for name in ("href", "src") if name in given]
    assert all(link and link.startswith(("#", "data:")) for link in links)
    ids = {given["id"] for _, given in read.tags if "id" in given}
    assert {link[1:] for link in links if link and link.startswith("#")} <= ids
    assert all(given.get("alt") for tag, given in read.tags if tag == "img")
    assert len(re.findall(r"<svg[^>]*>\s*<title>[^<]", page)) == page.count("<svg") > 8


def test_names_are_text(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "data"
    write_pictures(root, 30)
    (root / "left").rename(root / HOSTILE)
    for number, file in enumerate(sorted((root / HOSTILE).iterdir())):
        file.rename(file.with_name(f"{number}{HOSTILE}.png"))
    outcome = command("train", root, "--epochs", 1, "--out", tmp_path / HOSTILE, "--json")
    text = Path(outcome.event("done")["report"]).read_text(encoding="utf-8")
    assert not {"\u202e", "\x07"} & set(text)
    read = Reader(text)
    assert not any("onerror" in given for _, given in read.tags)
    assert all(given["src"].startswith("data:") for tag, given in read.tags if tag == "img")  # type: ignore[union-attr]
    assert r"<img src=x onerror=alert(1)>\u202egnp\n\x07" in read.text


def test_pictures_that_measured_nothing_are_called_so(pictures: Path, command: Command) -> None:
    options = ("--validation-split", 0, "--epochs", 1, "--json")
    done = command("train", pictures, *options).event("done")
    read = Reader(Path(done["report"]).read_text(encoding="utf-8"))
    assert "The network learned from these very pictures" in read.text
    assert "Without validation pictures the network of the last epoch was kept." in read.text


def test_copies_and_broken_files_are_shown(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "data"
    write_pictures(root, 30)
    (root / "top" / "copy.png").write_bytes((root / "left" / "000.png").read_bytes())
    (root / "top" / "broken.png").write_bytes(b"not a picture")
    done = command("train", root, "--epochs", 1, "--json").event("done")
    read = Reader(Path(done["report"]).read_text(encoding="utf-8"))
    assert "error: 1 file cannot be read" in read.text
    assert "top/broken.png" in read.text
    assert "left/000.png" in read.text
    assert "top/copy.png" in read.text


def without_times(page: str) -> str:
    """A report without the section whose times are measured."""
    begin, end = page.index('<section id="network"'), page.index('<section id="data"')
    return page[:begin] + page[end:]


def test_made_again_it_is_the_same(trained: Path, pictures: Path, command: Command) -> None:
    before = (trained / "report.html").read_text(encoding="utf-8")
    outcome = command("report", trained, "-o", "other.html", "--json")
    assert outcome.json == [{"report": "other.html"}]
    assert without_times(Path("other.html").read_text(encoding="utf-8")) == without_times(before)
    (trained / "report.html").unlink()
    pictures.rename(pictures.with_name("moved"))
    assert command("report", trained).code == 2
    again = command("report", trained, pictures.with_name("moved"))
    assert again.output == f"report: {trained / 'report.html'}\n"
    assert (trained / "report.html").exists()


def test_other_data_and_unfinished_runs_have_no_report(
    trained: Path, tmp_path: Path, command: Command
) -> None:
    write_pictures(tmp_path / "other", 10, seed=7)
    outcome = command("report", trained, tmp_path / "other")
    assert outcome.code == 2
    assert "is not the data that the run began with" in outcome.errors
    model = load_model(trained / "model.safetensors")
    model.training_record = {}
    model.save(trained / "model.safetensors")
    outcome = command("report", trained)
    assert outcome.code == 2
    assert "has not come to its end" in outcome.errors
    assert command("report", tmp_path).code == 2


def test_an_interrupted_run_has_none_and_a_resumed_one_the_same(
    pictures: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("--epochs", 3, "--out")
    assert command("train", pictures, *options, "whole/run").code == 0

    def fit(*given: Any) -> bool:
        kernelet_fit(*given)
        return False

    kernelet_fit = kernelet.runs.training._fit
    with monkeypatch.context() as patch:
        patch.setattr(kernelet.runs.training, "_fit", fit)
        assert command("train", pictures, *options, "halves/run").code != 101
    assert not Path("halves/run/report.html").exists()
    assert command("train", "--resume", "halves/run").code == 0
    pages = [Path(f"{one}/run/report.html").read_text("utf-8") for one in ("whole", "halves")]
    assert without_times(pages[0]) == without_times(pages[1])


def broken(*given: Any) -> None:
    raise ZeroDivisionError("planted")


def test_a_run_does_not_fail_for_its_report(
    pictures: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernelet.runs.training, "write_report", broken)
    outcome = command("train", pictures, "--epochs", 1, "--json")
    assert outcome.code == 0
    assert outcome.event("done")["report"] is None
    assert (
        "its report could not be made: ZeroDivisionError('planted')"
        in outcome.event("warning")["message"]
    )
    monkeypatch.setenv("KERNELET_DEBUG", "1")
    assert command("train", pictures, "--epochs", 1).code == 101


def test_a_report_that_cannot_be_written(trained: Path, command: Command, tmp_path: Path) -> None:
    outcome = command("report", trained, "-o", tmp_path / "nowhere" / "report.html")
    assert outcome.code == 2
    assert "cannot write" in outcome.errors


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_a_browser_has_nothing_to_say(trained: Path, shown: Page, width: int, scheme: Any) -> None:
    shown.open(trained / "report.html", width, scheme=scheme)
    assert shown.requests == [(trained / "report.html").absolute().as_uri()]
    assert shown.complaints == []
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[scheme]
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == paper
    pictures = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
    assert shown.evaluate(pictures)


@needs_browser
def test_keys_reach_all_and_paper_holds_it(trained: Path, shown: Page) -> None:
    shown.open(trained / "report.html")
    reached = []
    for _ in range(4):
        shown.press("Tab", 9)
        reached.append(shown.evaluate("document.activeElement.getAttribute('href')"))
    assert reached == ["#content", "#answer", "#learning", "#classes"]
    assert shown.printed().startswith(b"%PDF")


@needs_browser
def test_hostile_names_do_nothing_in_a_browser(
    tmp_path: Path, shown: Page, command: Command
) -> None:
    root = tmp_path / "data"
    write_pictures(root, 20)
    (root / "left").rename(root / HOSTILE)
    done = command("train", root, "--epochs", 1, "--json").event("done")
    shown.open(Path(done["report"]))
    assert shown.complaints == []
    assert len(shown.requests) == 1
    assert shown.evaluate("document.querySelectorAll('[onerror], script').length") == 0


def test_pictures_of_any_size_are_shown(tmp_path: Path, command: Command) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (80, 100, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    options = ("--image-size", "80x100", "--epochs", 1, "--json")
    done = command("train", tmp_path / "data", *options).event("done")
    page = Path(done["report"]).read_text(encoding="utf-8")
    assert "data:image/jpeg;base64," in page


def test_many_classes_and_large_pictures_stay_below_the_limit() -> None:
    """Noise, which no format makes small, in 150 classes with long names, all taken for another."""
    from kernelet.data.dataset import Dataset, Split
    from kernelet.networks import small_vgg
    from kernelet.runs.choices import configure
    from kernelet.runs.report.page import MAXIMUM_BYTES, report_page
    from kernelet.runs.reporting import measure
    from kernelet.runs.request import TrainingRequest

    random = np.random.default_rng(0)
    names = tuple(f"class {number:03} {'of a long name ' * 8}" for number in range(150))
    images = random.integers(0, 256, (450, 64, 64, 3), dtype=np.uint8)
    images[1::3] = images[::3]  # copies under other labels, which the doctor shows
    split = Split(images, (np.arange(450) % 150).astype(np.int32), [f"{k}.png" for k in range(450)])
    data = Dataset(names, split, None, split, "noise")
    configuration = configure(TrainingRequest(network="small_vgg", epochs=2000), data)
    model = small_vgg((64, 64, 3), 150)
    curve = random.random(2000).tolist()
    model.training_record = {
        "best_epoch": 2000,
        "history": dict.fromkeys(("loss", "accuracy", "learning_rate"), curve),
    }
    page = report_page(measure(Path("noise"), configuration, data, model, None))
    assert len(page.encode()) < MAXIMUM_BYTES / 2
    read = Reader(page)
    assert len(read.tables["All classes, the worst first"]) == 151
    assert "Confusion matrix of 150 classes" in page
    assert len(read.tables["What is taken for what most often"]) == 16
    assert "Recall of the 25 worst classes" in page
