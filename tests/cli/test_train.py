"""`kernelet train`: what it prints, writes and refuses."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import kernelet
from commands import Command, Launch, write_pictures
from kernelet.interchange.safetensors import load_model
from kernelet.networks import NETWORKS


def test_tells_of_data_network_epochs_and_end(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--epochs", 8, "--json")
    assert outcome.code == 0
    assert [line["event"] for line in outcome.json] == ["data", "network", *["epoch"] * 8, "done"]
    data, network, done = (outcome.event(kind) for kind in ("data", "network", "done"))
    assert data["classes"] == ["left", "top"]
    assert data["counts"] == {"train": {"left": 36, "top": 36}, "validation": {"left": 4, "top": 4}}
    assert data["image_shape"] == [16, 16, 1]
    assert network["name"] == "lenet5"
    assert network["epochs"] == 8
    training = network["summary"]["training"]
    assert (training["optimizer"], training["batch_size"]) == ("adamw", network["batch_size"])
    assert network["memory"] > training["memory"] > 100_000
    assert network["seconds"] > 0
    convolution = network["summary"]["layers"][2]
    assert convolution["arithmetic"] == "16 + 4 − 5 + 1 = 16"
    assert convolution["multiply_adds"] == 16 * 16 * 25 * 6
    assert done["split"] == "validation"
    assert done["report"] == "runs/shapes-lenet5/report.html"
    assert Path(done["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert done["accuracy"] == 1.0
    assert done["per_class"] == {"left": 1.0, "top": 1.0}
    assert done["model"] == "runs/shapes-lenet5/model.safetensors"


def test_model_file_carries_all_that_prediction_needs(trained: Path) -> None:
    model = load_model(trained / "model.safetensors")
    assert model.class_names == ("left", "top")
    assert model.preprocessing["image_size"] == [16, 16]
    assert model.preprocessing["channels"] == 1
    assert model.preprocessing["resize"] == "crop"
    assert len(model.preprocessing["mean"]) == 1
    record = model.training_record
    assert record["configuration"]["data_fingerprint"]
    assert record["configuration"]["seed"] == 0
    assert len(record["history"]["val_accuracy"]) == 8


def test_run_folder_holds_what_is_documented(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    expected = {"config.json", "history.csv", "last", "lock", "model.safetensors", "report.html"}
    assert names == expected
    configuration = json.loads((trained / "config.json").read_text())
    assert configuration["network"] == "lenet5"
    assert configuration["kernelet"] == kernelet.__version__
    assert configuration["anneal_strategy"] == "linear"
    with (trained / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(1, 9))
    assert set(rows[0]) == {
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate",
    }  # fmt: skip


def test_keeps_the_best_network_and_not_the_last(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--epochs", 12, "--json", "--learning-rate", 0.02)
    epochs = [line for line in outcome.json if line["event"] == "epoch"]
    done = outcome.event("done")
    order = [(epoch["val_accuracy"], -epoch["val_loss"]) for epoch in epochs]
    assert done["best_epoch"] == 1 + order.index(max(order))
    assert done["accuracy"] == pytest.approx(max(order)[0])
    assert done["loss"] == pytest.approx(-max(order)[1], rel=1e-4)


def test_measures_on_test_pictures_where_there_are_some(tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "data" / "train", 24)
    write_pictures(tmp_path / "data" / "test", 6, seed=1)
    outcome = command("train", tmp_path / "data", "--epochs", 6, "--json")
    assert outcome.event("done")["split"] == "test"
    assert set(outcome.event("data")["counts"]) == {"train", "validation", "test"}


def test_text_output(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--epochs", 2)
    assert outcome.code == 0
    assert outcome.errors == ""
    for expected in (
        f"{pictures}: 80 pictures of 16×16 grey, 2 classes (train 72, validation 8)",
        "16 + 4 − 5 + 1 = 16",
        "training: 2 epochs, 16 pictures a step",
        "epoch 2/2  loss",
        "validation accuracy",
        "model: runs/shapes-lenet5/model.safetensors",
    ):
        assert expected in outcome.output
    assert "\x1b" not in outcome.output


def test_same_seed_same_network_at_any_number_of_threads(pictures: Path, command: Command) -> None:
    hashes = set()
    for run, threads in enumerate((1, 2, 4)):
        command("train", pictures, "--epochs", 3, "--threads", threads, "--out", f"run{run}")
        hashes.add(load_model(f"run{run}/model.safetensors").weights.sha256())
    assert len(hashes) == 1
    command("train", pictures, "--epochs", 3, "--seed", 1, "--out", "other")
    assert load_model("other/model.safetensors").weights.sha256() not in hashes


def test_a_new_run_never_overwrites_an_old_one(pictures: Path, command: Command) -> None:
    for name in ("mine", "mine-2", "mine-3"):
        outcome = command("train", pictures, "--epochs", 1, "--out", "mine", "--json")
        assert outcome.event("done")["run"] == name
    first = (Path("mine") / "model.safetensors").read_bytes()
    command("train", pictures, "--epochs", 2, "--out", "mine")
    assert (Path("mine") / "model.safetensors").read_bytes() == first


PEAK = """
import sys
from pathlib import Path
from kernelet.cli import main
code = main(["train", "--epochs", "1", "--json"])
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
sys.exit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux tells it")
def test_memory_is_as_forecast() -> None:
    program = [sys.executable, "-c", PEAK]
    lines = subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()
    forecast = next(json.loads(line) for line in lines if '"event":"network"' in line)["memory"]
    assert forecast == pytest.approx(int(lines[-1]) * 1024, rel=0.15)


def test_minutes_choose_the_number_of_epochs(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--minutes", 0.02, "--json")
    epochs = outcome.event("network")["epochs"]
    assert epochs > 1
    assert outcome.event("done")["epochs"] == epochs
    outcome = command("train", pictures, "--minutes", 0.0001, "--json")
    assert outcome.event("network")["epochs"] == 1
    assert "more than --minutes leaves" in outcome.event("warning")["message"]


def test_patience_ends_early(pictures: Path, command: Command) -> None:
    outcome = command("train", pictures, "--epochs", 100, "--patience", 3, "--json")
    done = outcome.event("done")
    assert outcome.code == 0
    assert done["epochs"] < 100


def test_options_reach_the_run(pictures: Path, command: Command) -> None:
    outcome = command(
        "train", pictures, "--epochs", 1, "--network", "small_vgg", "--image-size", "16x24",
        "--resize", "stretch", "--channels", 3, "--batch-size", 8, "--optimizer", "sgd",
        "--learning-rate", 0.05, "--weight-decay", 0, "--no-augment", "--seed", 7,
        "--validation-split", 0.25, "--out", "chosen", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.output
    assert outcome.event("data")["image_shape"] == [16, 24, 3]
    assert outcome.event("data")["counts"]["validation"] == {"left": 10, "top": 10}
    kinds = [layer["kind"] for layer in outcome.event("network")["summary"]["layers"]]
    assert "RandomFlip" not in kinds
    assert "RandomTranslation" not in kinds
    configuration = json.loads(Path("chosen/config.json").read_text())
    expected = {
        "network": "small_vgg", "image_size": [16, 24], "channels": 3, "resize": "stretch",
        "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.0,
        "seed": 7, "validation_split": 0.25,
    }  # fmt: skip
    assert {name: configuration[name] for name in expected} == expected


def test_no_flip_keeps_left_and_right(pictures: Path, command: Command) -> None:
    options = ("--epochs", 1, "--network", "small_vgg", "--no-flip", "--json")
    outcome = command("train", pictures, *options)
    kinds = [layer["kind"] for layer in outcome.event("network")["summary"]["layers"]]
    assert "RandomFlip" not in kinds
    assert "RandomTranslation" in kinds


def test_a_folder_with_odd_files(tmp_path: Path, command: Command) -> None:
    root = tmp_path / "odd"
    write_pictures(root, 20)
    (root / "left" / "notes.txt").write_text("not a picture")
    (root / "left" / "broken.png").write_bytes(b"\x89PNG not really")
    (root / "top" / "\x1b[31mred\n.jpg").write_bytes(b"")
    (root / ".hidden").mkdir()
    Image.new("RGB", (300, 200), "green").save(root / "top" / "large.JPG")
    Image.new("RGBA", (17, 90)).save(root / "top" / "clear.png")
    (root / "left" / "loop").symlink_to(root)
    outcome = command("train", root, "--epochs", 1)
    assert outcome.code == 0, outcome.errors
    assert "broken pictures left out: 2" in outcome.output
    assert "\x1b" not in outcome.output
    outcome = command("train", root, "--epochs", 1, "--json")
    assert {item["file"].split("/")[-1] for item in outcome.event("data")["broken"]} == {
        "broken.png",
        "\x1b[31mred\n.jpg",
    }


def test_three_pictures_a_class_are_enough_to_run(tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "few", 3)
    outcome = command("train", tmp_path / "few", "--epochs", 2, "--json")
    assert outcome.code == 0
    assert outcome.event("data")["counts"]["train"] == {"left": 2, "top": 2}


def test_no_validation_pictures_keeps_the_last_network(pictures: Path, command: Command) -> None:
    options = ("--validation-split", 0, "--epochs", 3, "--json")
    outcome = command("train", pictures, *options)
    done = outcome.event("done")
    assert (done["split"], done["best_epoch"]) == ("train", 3)
    outcome = command("train", pictures, *options, "--patience", 2)
    assert outcome.code == 2
    assert outcome.event("error")["message"] == (
        "--patience watches the validation pictures, and there are none.\n"
        "  Give some, or a --validation-split above 0."
    )


def test_help_names_the_networks(command: Command) -> None:
    shown = command("train", "--help").output
    assert all(name in shown for name in NETWORKS)


def test_a_loss_that_is_not_finite(pictures: Path, command: Command) -> None:
    options = ("--optimizer", "sgd", "--learning-rate", 1e30, "--epochs", 3)
    outcome = command("train", pictures, *options)
    assert outcome.code == 2
    assert "the loss became " in outcome.errors
    assert "Try a learning rate below" in outcome.errors
    assert re.search(r"Their files: .*\.(png|jpg)", outcome.errors)


def test_paths_that_are_not_unicode(tmp_path: Path, command: Command) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff"))
    write_pictures(root, 12)
    out = os.fsdecode(b"run\xfe")
    assert command("train", root, "--epochs", 1, "--out", out).code == 0
    outcome = command("train", root, "--epochs", 1, "--out", out, "--json")
    assert outcome.event("data")["source"].endswith("/odd\\xff")
    assert outcome.event("done")["run"] == "run\\xfe-2"
    assert command("train", root, "--resume", out).code == 0
    assert command("predict", out, root, "--csv", "found.csv").code == 0
    assert "odd\\xff" in Path("found.csv").read_text()


def test_a_locale_without_the_characters(
    pictures: Path, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    process = launch("train", pictures, "--epochs", 1, encoding="latin-1")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "16 + 4 \\u2212 5 + 1 = 16" in output


def test_bars_on_a_terminal(pictures: Path, launch: Launch) -> None:
    terminal, other_end = pty.openpty()
    process = launch("train", pictures, "--epochs", 30, stdout=other_end, stderr=other_end)
    os.close(other_end)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while part := os.read(terminal, 65_536):
            shown += part
    os.close(terminal)
    assert process.wait(timeout=60) == 0
    text = shown.decode()
    assert "epoch 30/30  loss" in text
    assert "━" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor must come back"
