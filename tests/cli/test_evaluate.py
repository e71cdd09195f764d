"""`kernelet evaluate`: measured on the right pictures, classes matched by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from commands import Command, write_pictures
from kernelet.interchange.safetensors import load_model
from kernelet.layers import Dense, Flatten, Input
from kernelet.model import Sequential


def test_one_json_object(trained: Path, tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "fresh", 10, seed=5)
    outcome = command("evaluate", trained, tmp_path / "fresh", "--json")
    assert outcome.code == 0
    (found,) = outcome.json
    assert found["accuracy"] == 1.0
    assert 0 <= found["loss"] < 0.5
    assert found["per_class"] == {"left": 1.0, "top": 1.0}
    assert found["confusion"] == [[10, 0], [0, 10]]
    assert found["classes"] == ["left", "top"]
    assert (found["split"], found["pictures"], found["broken"]) == ("all", 20, [])


def test_classes_are_matched_by_name(trained: Path, tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "one", 6, seed=5)
    shutil.rmtree(tmp_path / "one" / "left")
    (found,) = command("evaluate", trained, tmp_path / "one", "--json").json
    assert found["accuracy"] == 1.0
    assert found["per_class"] == {"left": None, "top": 1.0}
    (tmp_path / "one" / "top").rename(tmp_path / "one" / "bottom")
    outcome = command("evaluate", trained, tmp_path / "one")
    assert outcome.code == 2
    assert "'bottom'" in outcome.errors


def test_split(trained: Path, tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "data" / "train", 9)
    write_pictures(tmp_path / "data" / "test", 4, seed=3)
    (found,) = command("evaluate", trained, tmp_path / "data", "--json").json
    assert (found["split"], found["pictures"]) == ("test", 8)
    (found,) = command("evaluate", trained, tmp_path / "data", "--json", "--split", "train").json
    assert (found["split"], found["pictures"]) == ("train", 18)
    outcome = command("evaluate", trained, tmp_path / "data", "--split", "validation")
    assert outcome.code == 2
    assert outcome.errors == (
        f"Error: {tmp_path / 'data'} has no validation pictures; it has train, test.\n"
        "  Leave out --split, or name one of these.\n"
    )


def test_text(trained: Path, pictures: Path, command: Command) -> None:
    outcome = command("evaluate", trained / "model.safetensors", pictures)
    assert outcome.code == 0
    assert "class  pictures   recall  taken for\nleft         40  100.0 %" in outcome.output
    assert outcome.output.splitlines()[-1].startswith("accuracy 100.0 %, loss 0.")
    assert outcome.output.endswith("(80 pictures, all)\n")


def test_says_where_pictures_were_seen_in_training(
    trained: Path, pictures: Path, tmp_path: Path, command: Command
) -> None:
    warning = "Warning: the network was trained on some of these pictures.\n"
    assert command("evaluate", trained, pictures).errors == warning
    assert command("evaluate", trained, pictures, "--json").json[0]["seen_in_training"] is True
    write_pictures(tmp_path / "fresh", 4, seed=9)
    assert command("evaluate", trained, tmp_path / "fresh").errors == ""


def test_evaluate_agrees_with_the_end_of_training(tmp_path: Path, command: Command) -> None:
    write_pictures(tmp_path / "data" / "train", 24)
    write_pictures(tmp_path / "data" / "test", 12, seed=1)
    done = command("train", tmp_path / "data", "--epochs", 2, "--json").event("done")
    (found,) = command("evaluate", "runs/data-lenet5", tmp_path / "data", "--json").json
    for name in ("accuracy", "loss", "per_class"):
        assert found[name] == done[name]


def test_models_that_are_no_classifiers(command: Command, pictures: Path) -> None:
    logits = Sequential([Input((16, 16, 1)), Flatten(), Dense(2)])
    logits.save("logits.safetensors")
    outcome = command("evaluate", "logits.safetensors", pictures)
    assert outcome.code == 2
    assert outcome.errors == (
        "Error: 'logits.safetensors' cannot name pictures: its output is not one row of "
        "probabilities; end it with a softmax activation.\n"
    )
    Sequential([Input((7,)), Dense(2, activation="softmax")]).save("rows.safetensors")
    outcome = command("predict", "rows.safetensors", pictures)
    assert outcome.code == 2
    assert "its input is [(7,)], not one picture with 1 or 3 channels." in outcome.errors


def test_damaged_models(trained: Path, pictures: Path, command: Command) -> None:
    content = (trained / "model.safetensors").read_bytes()
    for damaged in (b"", content[:-5], content[:5000] + b"\xff" + content[5001:]):
        Path("bad.safetensors").write_bytes(damaged)
        outcome = command("evaluate", "bad.safetensors", pictures)
        assert outcome.code == 2
        assert outcome.errors.startswith("Error: bad.safetensors is not a model")


@pytest.mark.parametrize("names", [None, ("no", "yes")])
def test_a_single_probability(
    pictures: Path, command: Command, names: tuple[str, str] | None
) -> None:
    model = Sequential([Input((16, 16, 1)), Flatten(), Dense(1, activation="sigmoid")])
    model.class_names = names
    model.save("one.safetensors")
    assert load_model("one.safetensors").class_names == names
    found = command("predict", "one.safetensors", pictures, "--json").json
    assert len(found) == 80
    for line in found:
        assert set(line["probabilities"]) == set(names or ("0", "1"))
        assert sum(line["probabilities"].values()) == pytest.approx(1)
