"""Coefficients of the cost model: measured once, kept, and never in the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelet.convolution import calibration
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.costs import PARALLEL, Coefficients, costs, predicted_seconds
from kernelet.convolution.methods import METHODS
from kernelet.convolution.problem import Problem


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    calibration._coefficients.cache_clear()
    yield
    calibration._coefficients.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERNELET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace measuring, and count how often it is done."""
    done: list[int] = []

    def calibrate(threads: int) -> Coefficients:
        done.append(threads)
        return {group: tuple(2 * c for c in terms) for group, terms in COEFFICIENTS.items()}

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    return done


def test_measured_once_and_kept(cache: Path, calls: list[int]) -> None:
    first = calibration.coefficients()
    calibration._coefficients.cache_clear()
    assert calibration.coefficients() == first
    assert len(calls) == 1
    assert [path.suffix for path in cache.iterdir()] == [".json"]


def test_threads_and_instruction_sets_have_their_own(
    cache: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration.coefficients()
    monkeypatch.setenv("KERNELET_ISA", "scalar")
    calibration.coefficients()
    assert len(calls) == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"parallel": [1]}', "nan", "9" * 5000])
def test_damaged_files_are_measured_anew(cache: Path, calls: list[int], damage: str) -> None:
    expected = calibration.coefficients()
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_text(damage)
    calibration._coefficients.cache_clear()
    assert calibration.coefficients() == expected
    assert len(calls) == 2
    assert path.read_bytes() == whole


def test_negative_and_infinite_coefficients_are_damage(cache: Path, calls: list[int]) -> None:
    calibration.coefficients()
    (path,) = cache.iterdir()
    for value in ("-1.0", "Infinity"):
        path.write_text(path.read_text().replace("6e-05", value, 1))
        path.write_text(f'{{"{PARALLEL}direct": [{value}, 1.0]}}')
        calibration._coefficients.cache_clear()
        calibration.coefficients()
    assert len(calls) == 3


def test_nothing_is_measured_where_nothing_can_be_kept(
    tmp_path: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("KERNELET_CACHE", str(file / "folder"))
    assert calibration.coefficients() == COEFFICIENTS
    assert calls == []


@pytest.mark.parametrize("threads", [1, 2])
def test_measuring_gives_every_group_a_time(threads: int) -> None:
    found = calibration.calibrate(threads)
    assert found.keys() == COEFFICIENTS.keys()
    for group, terms in found.items():
        built_in = COEFFICIENTS[group]
        assert [c > 0 for c in terms] == [c > 0 for c in built_in] or group.startswith(PARALLEL)
        assert all(math.isfinite(c) for c in terms)


def test_a_slower_machine_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(method: str, problem: Problem, threads: int, *_: Any) -> float:
        return 7 * predicted_seconds(method, problem, COEFFICIENTS, threads)

    monkeypatch.setattr(calibration, "measure", measure)
    found = calibration.calibrate(2)
    for group, terms in found.items():
        if not group.startswith(PARALLEL):
            np.testing.assert_allclose(terms, 7 * np.array(COEFFICIENTS[group]), rtol=1e-6)


def test_samples_touch_the_groups_that_are_chosen_from() -> None:
    touched = {costs(method, problem)[0].group for method, problem in calibration.samples()}
    names = ("direct", "fft", "separable")
    chosen_from = {group for group in COEFFICIENTS if group.startswith(names)}
    # Second stages of separable volumes, for the greater part.
    assert touched == {group for group in chosen_from if "deep" not in group}


@pytest.mark.parametrize("name", METHODS)
def test_more_work_takes_longer(name: str) -> None:
    sizes = [(1, n, n) for n in (60, 200, 700)]
    times = [
        predicted_seconds(
            name, Problem(1, size, (1, 3, 3), (0, 1, 1), size, "float32"), COEFFICIENTS, threads
        )
        for threads in (1, 2)
        for size in sizes
    ]
    assert times[:3] == sorted(times[:3])
    assert times[3:] == sorted(times[3:])
    assert times[5] <= times[2]
