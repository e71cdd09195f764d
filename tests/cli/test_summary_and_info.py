"""`kernelet summary` and `kernelet info`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import kernelet
from commands import Command
from kernelet.executors.native_processor import processor
from kernelet.explain import diagram, savings, summarize
from kernelet.networks import lenet5


def test_summary_of_a_network(command: Command) -> None:
    outcome = command("summary", "lenet5")
    assert (outcome.code, outcome.output) == (0, summarize(lenet5()).to_text() + "\n")
    assert "14 − 5 + 1 = 10" in outcome.output
    (found,) = command("summary", "lenet5", "--input", "32x32x3", "--classes", 7, "--json").json
    assert found["layers"][0]["shape"] == [32, 32, 3]
    assert found["layers"][-1]["shape"] == [7]
    assert found["multiply_adds"] == sum(layer["multiply_adds"] for layer in found["layers"])


def test_summary_with_savings_and_a_batch_size(command: Command) -> None:
    model = lenet5()
    outcome = command("summary", "lenet5", "--savings", "--batch-size", 7)
    expected = f"{summarize(model, 7).to_text()}\n\n{savings(model).to_text()}\n"
    assert (outcome.code, outcome.output) == (0, expected)
    (found,) = command("summary", "lenet5", "--savings", "--batch-size", 7, "--json").json
    assert found["savings"]["dense_weights"] == 784 * 4_704 + 1_176 * 1_600
    assert found["savings"]["layers"][0]["matrix"]["columns"] == 784
    assert found["training"]["batch_size"] == 7
    (plain,) = command("summary", "lenet5", "--batch-size", 7, "--json").json
    assert {**plain, "savings": found["savings"]} == found


def test_summary_with_a_diagram(command: Command) -> None:
    outcome = command("summary", "lenet5", "--diagram", "net.svg")
    assert outcome.code == 0
    assert outcome.output.endswith("\n\ndiagram: net.svg\n")
    assert Path("net.svg").read_text() == diagram(lenet5()).to_svg()
    (found,) = command("summary", "lenet5", "--diagram", "again.svg", "--json").json
    assert found["diagram"] == "again.svg"
    outcome = command("summary", "lenet5", "--diagram", "net.png")
    assert (outcome.code, outcome.output) == (2, "")
    assert "--diagram is 'net.png'; expected a name that ends in .svg." in outcome.errors
    outcome = command("summary", "lenet5", "--diagram", "nowhere/net.svg")
    assert "there is no folder 'nowhere'" in outcome.errors


def test_summary_of_a_run_and_a_file(trained: Path, command: Command) -> None:
    outcome = command("summary", trained)
    assert "16 + 4 − 5 + 1 = 16" in outcome.output
    assert command("summary", trained / "model.safetensors").output == outcome.output
    outcome = command("summary", trained, "--classes", 3)
    assert outcome.code == 2
    assert "a model file has its own" in outcome.errors


def test_summary_of_a_network_that_does_not_fit(command: Command) -> None:
    outcome = command("summary", "lenet5", "--input", "10x10x1")
    assert outcome.code == 2
    assert outcome.errors == (
        "Error: MaxPooling2D 'pool2': pool 2×2 does not fit its 1×1 input (valid: 1 − 2 + 1 = 0).\n"
        "  10×10 → pool1 5×5 → conv2 1×1 → pool2\n"
        "  Try pictures of at least 12×12, the network small_vgg, or the network large_vgg.\n"
    )
    assert command("summary", "lenet5", "--input", "12x12x1").code == 0
    assert command("summary", "small_vgg", "--input", "10x10x1").code == 0


def test_info(command: Command) -> None:
    (facts,) = command("info", "--json").json
    assert facts["kernelet"] == kernelet.__version__
    assert facts["instruction_set"] == processor().best
    assert facts["instruction_sets_supported"] == list(processor().levels)
    assert facts["cache_folder"] == os.environ["KERNELET_CACHE"]
    assert int(facts["threads"].split()[0]) >= 1
    text = command("info").output
    assert len(text.splitlines()) == len(facts)
    assert f"kernelet                    {kernelet.__version__}\n" in text


def test_info_says_what_was_forced(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELET_ISA", "scalar")
    monkeypatch.setenv("KERNELET_THREADS", "3")
    (facts,) = command("info", "--json").json
    assert facts["instruction_set"] == "scalar (KERNELET_ISA)"
    assert facts["threads"] == "3 (KERNELET_THREADS)"
    monkeypatch.setenv("KERNELET_ISA", "z80")
    outcome = command("info")
    assert outcome.code == 2
    assert "z80" in outcome.errors


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is set as Linux does")
def test_info_says_what_affinity_allows(command: Command) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("needs two processors")
    os.sched_setaffinity(0, {min(allowed)})
    try:
        (facts,) = command("info", "--json").json
    finally:
        os.sched_setaffinity(0, allowed)
    assert facts["threads"].startswith("1 (this process may use 1 of ")


def test_version(command: Command) -> None:
    assert command("--version").output == f"kernelet {kernelet.__version__}\n"
