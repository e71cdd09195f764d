"""`kernelet bench`."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import Command

STEP_FIELDS = {
    "phase",
    "division",
    "once",
    "part",
    "layer",
    "kernel",
    "operations",
    "shape",
    "multiply_adds",
    "multiplications",
    "other",
    "read",
    "written",
    "reads",
    "writes",
    "workspace",
    "limit",
    "bound",
    "predicted",
    "seconds",
    "share_of_limit",
}


def test_a_plan_as_a_table(command: Command) -> None:
    arguments = ("--batch-size", 32, "--threads", 1, "--precision", "float32")
    outcome = command("bench", "--plan", *arguments)
    assert (outcome.code, outcome.errors) == (0, "")
    lines = outcome.output.split("\n")
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("lenet5: training step, batch 32 in blocks of 16, 1 thread, ")
    assert "convolution +bias +re" in outcome.output
    assert "conv2 convolution_filter_gradient" in outcome.output or "most to gain" in outcome.output
    assert sum(line.startswith("a step") for line in lines) == 1
    every = command("bench", "--plan", *arguments, "--all").output
    assert "short steps" in outcome.output
    assert "short steps" not in every
    assert "softmax_cross_entropy" in every


def test_a_plan_as_json(command: Command) -> None:
    (found,) = command(
        "bench", "--plan", "--inference", "--batch-size", 64, "--threads", 1, "--json"
    ).json
    assert (found["network"], found["training"], found["batch_size"]) == ("lenet5", False, 64)
    assert all(set(step) == STEP_FIELDS for step in found["steps"])
    assert sum(found["parts"].values()) == pytest.approx(found["seconds"])
    assert set(found["parts"]) == {"forward", "waiting", "outside"}
    assert found["machine"]["multiply_adds"]["float32"] > 0
    assert next(iter(found["machine"]["bytes"])) == "L1"
    convolutions = [s for s in found["steps"] if s["kernel"].startswith("convolution")]
    assert [s["layer"] for s in convolutions] == ["conv1", "conv2"]
    assert convolutions[0]["operations"] == ["convolution", "bias", "relu"]


def test_the_machine(command: Command) -> None:
    outcome = command("bench", "machine", "--threads", 2)
    assert outcome.code == 0
    assert max(map(len, outcome.output.split("\n"))) <= 100
    assert "float32" in outcome.output
    assert "2 threads meet at a barrier in" in outcome.output
    (found,) = command("bench", "machine", "--threads", 1, "--json").json
    assert {a["threads"] for a in found["arithmetic"]} == {1}
    assert {m["level"] for m in found["movements"]} >= {"L1", "L2", "memory"}


def test_whole_steps_and_predictions(command: Command) -> None:
    arguments = ("bench", "lenet5", "--batch-size", 8, "--batch-size", 16, "--threads", 1)
    found = command(*arguments, "--json", "--precision", "bfloat16").json
    assert {f["precision"] for f in found} == {"bfloat16"}
    assert [(f["training"], f["batch_size"]) for f in found] == [
        (True, 8),
        (True, 16),
        (False, 8),
        (False, 16),
    ]
    assert all(f["fastest"] <= f["seconds"] <= f["slowest"] for f in found)
    outcome = command(*arguments, "--training")
    assert "lenet5: training step" in outcome.output
    assert "prediction" not in outcome.output


def test_a_model_file(trained: Path, command: Command) -> None:
    (found,) = command("bench", "--plan", trained, "--batch-size", 16, "--json").json
    assert found["training"]
    assert found["batch_size"] == 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "neither a file or folder nor a network"),
        (("small-vgg", "--classes", 3), "or one of lenet5, small_vgg, large_vgg"),
        (("machine", "--plan"), "takes no other options than --threads and --json"),
        (("machine", "--precision", "float32"), "takes no other options than"),
        (("lenet5", "--all"), "give --plan with it"),
        (("--plan", "--threads", 1, "--threads", 2), "give --threads once"),
        (("--plan", "--batch-size", 0), "0 is not in the range"),
        (("lenet5", "--input", "4x4"), "pictures of at least"),
    ],
)
def test_mistakes(command: Command, arguments: tuple[object, ...], message: str) -> None:
    outcome = command("bench", *arguments)
    assert outcome.code == 2
    assert message in outcome.errors
