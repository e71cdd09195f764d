"""Parts of a run: folders, scores, statistics, choices, and the examples in the docstrings."""

from __future__ import annotations

import doctest
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

import kernelet.cli
import kernelet.runs
from kernelet.data import load_dataset
from kernelet.data.dataset import Dataset, Split
from kernelet.errors import UsageError
from kernelet.optimizers import Adam
from kernelet.optimizers.schedules import OneCycle
from kernelet.runs import loading
from kernelet.runs.cautions import cautions
from kernelet.runs.choices import configure
from kernelet.runs.configuration import load_configuration
from kernelet.runs.events import Event
from kernelet.runs.folder import RunFolder
from kernelet.runs.forecast import Forecast
from kernelet.runs.meanwhile import meanwhile
from kernelet.runs.names import data_name
from kernelet.runs.preparation import build_optimizer, training_split
from kernelet.runs.recipe import recipe_for
from kernelet.runs.request import TrainingRequest, parse_image_size
from kernelet.runs.scores import score

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (kernelet.runs, kernelet.cli)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize(("optimizer", "network"), [("adam", "lenet5"), ("adamw", "small_vgg")])
def test_optimizers_are_those_of_the_configuration(
    tmp_path: Path, optimizer: str, network: str
) -> None:
    request = TrainingRequest(data=None, network=network, optimizer=optimizer)
    dataset = load_dataset(None)
    pictures = len(training_split(dataset))
    configuration = configure(request, dataset)
    made = build_optimizer(configuration, 100)
    assert isinstance(made, Adam)
    assert made.beta_2 == configuration.beta_2 == recipe_for(network, pictures).beta_2
    assert made.weight_decay == configuration.weight_decay
    assert isinstance(made.learning_rate, OneCycle)
    assert made.learning_rate.pct_start == configuration.pct_start
    assert made.learning_rate.anneal_strategy == configuration.anneal_strategy
    # Runs of before, whose configuration names none of the three, go on as they began.
    content = json.loads(msgspec.json.encode(configuration))
    for name in ("beta_2", "pct_start", "anneal_strategy"):
        del content[name]
    (tmp_path / "config.json").write_text(json.dumps(content))
    before = load_configuration(tmp_path / "config.json")
    assert (before.beta_2, before.pct_start, before.anneal_strategy) == (0.999, 0.25, "cos")


def test_runs_begun_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(RunFolder.create, [tmp_path / "runs" / "mine"] * 16))
    names = sorted(folder.path.name for folder in folders)
    assert names == sorted(["mine", *(f"mine-{n}" for n in range(2, 17))])
    for folder in folders:
        folder.close()


def test_a_folder_is_held_until_it_is_closed(tmp_path: Path) -> None:
    first = RunFolder.create(tmp_path / "run")
    first.configuration_file.write_text("{}")
    with pytest.raises(UsageError, match=r"in use by another run \(process \d+\)"):
        RunFolder.open(tmp_path / "run")
    first.close()
    RunFolder.open(tmp_path / "run").close()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "run" / "lock").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be written to: Is a directory"):
        RunFolder.open(tmp_path / "run")


@pytest.mark.parametrize("lock", [False, True])
def test_a_folder_without_permission_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: bool
) -> None:
    (tmp_path / "config.json").write_text("{}")
    if lock:
        (tmp_path / "lock").touch()
    # Permissions do not stop the superuser, whom tests often run as.
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (tmp_path, os.W_OK))
    with pytest.raises(UsageError, match="cannot be written to: Permission denied"):
        RunFolder.open(tmp_path)


def test_a_file_is_not_overwritten_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with RunFolder.create(tmp_path / "run") as folder:
        assert folder.path.name == "run-2"
    assert (tmp_path / "run").read_text() == "mine"


def test_scores() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0], [0.7, 0.3, 0.0]], np.float32)
    scores = score(probabilities, np.array([0, 1, 1], np.int32), ["a", "b", "c"])
    assert scores.accuracy == pytest.approx(2 / 3)
    assert scores.per_class == {"a": 1.0, "b": 0.5, "c": None}
    assert scores.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert scores.loss == pytest.approx(-np.log([0.5, 0.9, 0.3]).mean(), rel=1e-6)
    impossible = score(np.array([[1.0, 0.0]], np.float32), np.array([1]), ["a", "b"])
    assert impossible.loss == pytest.approx(-np.log(1e-7))


def test_epochs_fit_into_the_time_with_a_reserve() -> None:
    forecast = Forecast(seconds_per_epoch=10.0, memory=1)
    assert forecast.epochs_within(100.0) == 9
    assert forecast.epochs_within(11.0) == 0
    assert forecast.epochs_within(-5.0) == 0


@pytest.mark.parametrize(("text", "size"), [(None, None), ("64", 64), ("48x64", (48, 64))])
def test_image_sizes(text: str | None, size: object) -> None:
    assert parse_image_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "48x", "-3", "1e3", "640000", "4x4x4"])
def test_what_is_no_image_size(text: str) -> None:
    with pytest.raises(UsageError, match="expected a side such as 64"):
        parse_image_size(text)


def test_epochs_or_minutes() -> None:
    with pytest.raises(UsageError, match="Give one of the two"):
        TrainingRequest(epochs=1, minutes=1.0)


def test_data_is_recorded_by_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert data_name("mine") == str(tmp_path / "mine")
    assert (data_name(None), data_name("fashion-mnist")) == ("sample", "fashion-mnist")


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run") as folder:
        folder.configuration_file.write_text("{}")
        (folder.path / ".history.csv.0123abcd.tmp").write_text("half a l")
    with RunFolder.open(tmp_path / "run") as folder:
        assert sorted(path.name for path in folder.path.iterdir()) == ["config.json", "lock"]


def dataset_of(train: list[int], validation: list[int] | None) -> Dataset:
    """A data set with so many pictures of each class."""

    def split(counts: list[int]) -> Split:
        labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        return Split(np.zeros((len(labels), 8, 8, 1), np.uint8), labels)

    names = tuple(f"class {number}" for number in range(len(train)))
    held = None if validation is None else split(validation)
    return Dataset(names, split(train), held, None, "somewhere")


@pytest.mark.parametrize(
    ("train", "validation", "texts"),
    [
        ([9, 1], None, []),
        ([100, 10], [9, 1], ["Of 'class 1' there are 10 training pictures, of 'class 0' 100: "]),
        ([900, 900, 1], [90, 90, 1], ["Of 'class 2' there are 1 training pictures, of 'class 0'"]),
        ([5, 5, 5], [1, 0, 0], ["There are no validation pictures of 'class 1', 'class 2': "]),
    ],
)
def test_cautions(train: list[int], validation: list[int] | None, texts: list[str]) -> None:
    found = cautions(dataset_of(train, validation))
    assert len(found) == len(texts)
    assert all(text in line for text, line in zip(texts, found, strict=True))


def test_pictures_are_read_before_what_learns_from_them_is_imported() -> None:
    program = "import sys, kernelet.cli.train_display, kernelet.runs.starting\n"
    program += "print([n for n in sys.modules if n.split('.')[0] in ('jinja2', 'PIL')"
    program += " or n.startswith(('kernelet.explain', 'kernelet.plan', 'kernelet.training'))])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_work_meanwhile_is_done_at_the_end_of_the_block() -> None:
    interval, began = sys.getswitchinterval(), threading.Event()
    done: list[threading.Thread] = []

    def work() -> None:
        began.wait(10)
        done.append(threading.current_thread())

    with meanwhile(work):
        began.set()
    assert done != [threading.current_thread()]
    assert sys.getswitchinterval() == interval
    with pytest.raises(UsageError, match="mine"), meanwhile(_fail):
        raise UsageError("mine")
    assert sys.getswitchinterval() == interval


def _fail() -> None:
    raise ImportError("not mine")


def test_decoding_keeps_to_the_threads_that_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        loading, "load_dataset", lambda _, *, threads, progress: asked.append(threads)
    )
    monkeypatch.setenv("KERNELET_THREADS", "3")
    for threads in (None, 2):
        loading.load_pictures_of("somewhere", _Silent(), threads)
    assert asked == [3, 2]


class _Silent:
    """An observer that says nothing."""

    def event(self, event: Event) -> None: ...

    def progress(self, task: str, done: int, total: int, note: str = "") -> None: ...
