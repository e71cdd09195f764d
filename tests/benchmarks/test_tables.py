"""Tables and the plot show wins and losses alike."""

from pathlib import Path

import pytest

from contenders.results import Measurement, of_runners, of_seconds
from contenders.tables import BEGIN, END, details, duration, plot, replaced, summary


def measurement(contender: str, ratio: float, work: str = "step") -> Measurement:
    return Measurement(work, "float32", contender, ratio, ratio, ratio, ratio, 10_000_000)


MEASUREMENTS = [
    measurement("kernelet", 1),
    measurement("PyTorch", 3),
    measurement("JAX", 2),
    measurement("kernelet", 1, "predict"),
    measurement("ONNX Runtime", 0.5, "predict"),
]


def test_the_summary_names_the_strongest_peer_and_every_loss() -> None:
    step, predict = summary(MEASUREMENTS).split("\n")[2:]
    assert "JAX" in step
    assert "PyTorch" not in step
    assert "lost" not in step
    assert "**× 0.5**, lost" in predict


def test_the_details_have_a_row_for_every_contender() -> None:
    assert len(details(MEASUREMENTS).split("\n")) == 2 + len(MEASUREMENTS)


def test_the_block_between_the_markers_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter"
    assert replaced(text, r"new \1") == f"before\n{BEGIN}\nnew \\1\n{END}\nafter"
    with pytest.raises(ValueError, match="no <!-- benchmarks"):
        replaced("nothing", "new")


def test_durations_have_the_unit_that_suits_them() -> None:
    assert [duration(s) for s in (0.00012, 0.0123, 12.3)] == ["0.120 ms", "12.3 ms", "12.3 s"]


def test_ratios_are_of_turns_that_followed_each_other() -> None:
    slower = of_seconds("work", "", "other", [2, 40, 3], [1, 10, 1])
    assert (slower.ratio, slower.seconds, slower.title) == (3, 3, "work")
    assert of_runners("work", "float32", []) == []


def test_the_plot_names_every_library(tmp_path: Path) -> None:
    plot(MEASUREMENTS, tmp_path / "plot.svg")
    text = (tmp_path / "plot.svg").read_text()
    for name in ("PyTorch", "JAX", "ONNX Runtime", "predict, float32"):
        assert name in text
