"""Stopped anywhere and resumed, a run ends with the bits of one that was never stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from commands import Command, Launch, write_pictures
from kernelet._version import __version__
from kernelet.cli import main
from kernelet.cli.failures import Terminated
from kernelet.cli.interruption import Interruption
from kernelet.executors.native_processor import processor
from kernelet.interchange.safetensors import load_model

# Long enough to be hit in the middle, short enough to be run all the time.
EPOCHS = 120
OPTIONS = ("--epochs", EPOCHS, "--batch-size", 8)
KILLS = 20


def wait_for_epochs(process: subprocess.Popen[str], count: int) -> None:
    """Read a process' JSON lines until it is done with so many epochs, or ends."""
    assert process.stdout is not None
    for line in process.stdout:
        count -= '"event":"epoch"' in line
        if count == 0:
            return


def result(run: str | Path) -> tuple[str, str, object]:
    """Return all that has to be the same: weights, history and record."""
    model = load_model(Path(run) / "model.safetensors")
    history = (Path(run) / "history.csv").read_text()
    record = dict(model.training_record)
    record["configuration"] = {**record["configuration"], "data": "anywhere"}
    return model.weights.sha256(), history, record


def wait_for(pattern: str, process: subprocess.Popen[str], count: int = 1) -> None:
    """Wait until so many files are there."""
    deadline = time.monotonic() + 60
    while len(list(Path().glob(pattern))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, object]:
    root = tmp_path_factory.mktemp("uninterrupted")
    write_pictures(root / "shapes", 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERNELET_CACHE", str(root / "cache"))
        arguments = ("train", root / "shapes", *OPTIONS, "--out", root / "whole")
        assert main(list(map(str, arguments))) == 0
    return result(root / "whole")


def test_killed_at_random_points(pictures: Path, uninterrupted: object, launch: Launch) -> None:
    random = np.random.default_rng(0)
    process = launch("train", pictures, *OPTIONS, "--out", "killed", "--json", checkpoint_seconds=0)
    wait_for("killed/config.json", process)
    for kill in range(KILLS):
        if kill % 4:  # between two epochs, in one, or while one is saved; else anywhere
            wait_for_epochs(process, int(random.integers(1, 5)))
        time.sleep(random.uniform(0, 0.02 if kill % 4 else 0.3))
        process.kill()
        process.wait()
        process = launch("train", "--resume", "killed", "--json", checkpoint_seconds=0)
    done = len(Path("killed/history.csv").read_text().splitlines()) - 1
    assert KILLS // 2 < done < EPOCHS
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert result("killed") == uninterrupted


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop(
    pictures: Path,
    uninterrupted: object,
    command: Command,
    launch: Launch,
    number: signal.Signals,
    code: int,
) -> None:
    process = launch("train", pictures, *OPTIONS, "--out", "stopped run")
    wait_for("stopped run/history.csv", process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=5)
    assert process.returncode == code
    assert errors == (
        "Warning: Stopped and saved. To go on: kernelet train --resume 'stopped run'\n"
    )
    epochs = len((Path("stopped run") / "history.csv").read_text().splitlines()) - 1
    assert 0 < epochs < EPOCHS
    assert command("predict", "stopped run", pictures).code == 0
    outcome = command("train", "--resume", "stopped run", "--json", "--threads", 1)
    assert outcome.code == 0
    resumed = [line["epoch"] for line in outcome.json if line["event"] == "epoch"]
    assert resumed == list(range(epochs + 1, EPOCHS + 1))
    assert result("stopped run") == uninterrupted


@pytest.mark.parametrize(("first", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("second", "raised"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)]
)
def test_a_second_signal_stops_at_once(
    first: signal.Signals, code: int, second: signal.Signals, raised: type[BaseException]
) -> None:
    before = signal.getsignal(signal.SIGINT)
    interruption = Interruption()
    with interruption.handled(), interruption.saving() as stop:
        assert not stop.is_set()
        signal.raise_signal(first)
        assert stop.is_set()
        assert interruption.exit_code == code
        with pytest.raises(raised):
            signal.raise_signal(second)
    assert signal.getsignal(signal.SIGINT) == before


def test_signals_while_there_is_nothing_to_save(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, code, message in (
        (signal.SIGINT, 130, "Error: Interrupted.\n"),
        (signal.SIGTERM, 143, "Error: Terminated.\n"),
    ):

        def interrupted(*_: object, number: int = number, **__: object) -> None:
            signal.raise_signal(number)

        monkeypatch.setattr("kernelet.runs.loading.load_dataset", interrupted)
        outcome = command("train")
        assert (outcome.code, outcome.errors) == (code, message)
    assert not Path("runs").exists()


def test_exactly_one_of_two_resumes_wins(
    pictures: Path, uninterrupted: object, launch: Launch
) -> None:
    process = launch("train", pictures, *OPTIONS, "--out", "run")
    wait_for("run/history.csv", process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    rivals = [launch("train", "--resume", "run") for _ in range(3)]
    ends = [(rival.communicate(timeout=60), rival.returncode) for rival in rivals]
    assert sorted(code for _, code in ends) == [0, 2, 2]
    for (_, errors), code in ends:
        if code == 2:
            assert errors.startswith("Error: 'run' is in use by another run (process ")
    assert result("run") == uninterrupted


def test_a_finished_run_can_be_asked_again(trained: Path, command: Command) -> None:
    before = result(str(trained))
    outcome = command("train", "--resume", trained, "--json")
    assert outcome.code == 0
    assert [line["event"] for line in outcome.json] == ["data", "network", "done"]
    assert outcome.event("network")["seconds"] == 0
    assert result(str(trained)) == before


@pytest.mark.skipif(processor().best == "scalar", reason="needs a second instruction set")
def test_another_instruction_set_is_warned_of(
    trained: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELET_ISA", "scalar")
    outcome = command("train", "--resume", trained)
    assert outcome.code == 0
    then, now = (f"kernelet {__version__} on {isa}" for isa in (processor().best, "scalar"))
    assert outcome.errors == (
        f"Warning: The run began with {then} and goes on with {now}, which may round differently: "
        "the result can differ in the last digits.\n"
    )


def test_data_may_move_but_not_change(trained: Path, pictures: Path, command: Command) -> None:
    pictures.rename("elsewhere")
    assert "does not exist" in command("train", "--resume", trained).errors
    assert command("train", "elsewhere", "--resume", trained).code == 0
    next(Path("elsewhere").rglob("*.png")).unlink()
    outcome = command("train", "elsewhere", "--resume", trained)
    assert outcome.code == 2
    assert outcome.errors == (
        "Error: 'elsewhere' is not the data that the run began with: other pictures, classes or "
        "labels.\n"
        "  Bring the data back to what it was, or begin a new run.\n"
    )


def test_a_damaged_checkpoint_leaves_the_one_before(
    pictures: Path, uninterrupted: object, command: Command, launch: Launch
) -> None:
    process = launch("train", pictures, *OPTIONS, "--out", "run", checkpoint_seconds=0)
    wait_for("run/last/state-*.safetensors", process, count=2)
    process.kill()
    process.wait()
    shutil.copytree("run", "ruined")
    newest = max(Path("run/last").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert command("train", "--resume", "run").code == 0
    assert result("run") == uninterrupted
    for path in Path("ruined/last").iterdir():
        path.write_bytes(b"nothing")
    outcome = command("train", "--resume", "ruined")
    assert outcome.code == 2
    assert "no checkpoint can be used" in outcome.errors


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", ("Error: 'run/config.json' is damaged: Input data was truncated.\n"
               "  The run cannot be resumed; begin a new one.\n")),
        (b'{"format": 9, "kernelet": "7.1"}',
         ("Error: 'run/config.json' was written by kernelet 7.1, in format 9; this one reads up "
         "to 1.\n  Resume it with kernelet 7.1 or later.\n")),
    ],
)  # fmt: skip
def test_damaged_and_later_configurations(command: Command, content: bytes, message: str) -> None:
    Path("run").mkdir()
    Path("run/config.json").write_bytes(content)
    outcome = command("train", "--resume", "run")
    assert (outcome.code, outcome.errors) == (2, message)
