"""Choices, and what they are made from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

import kernelet as kl
from kernelet.convolution import choice, ledger, prediction, selection
from kernelet.convolution.coefficients import COEFFICIENTS
from kernelet.convolution.methods import METHODS
from kernelet.convolution.prediction import problem_for
from kernelet.errors import ShapeError, UsageError


@pytest.fixture(autouse=True)
def built_in_coefficients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Choose as on the machine where the built-in coefficients were measured, with two threads."""
    monkeypatch.setenv("KERNELET_THREADS", "2")
    for module in (choice, prediction, ledger):
        monkeypatch.setattr(module, "coefficients", lambda: COEFFICIENTS)
    choice._order.cache_clear()
    choice.spectra_pay.cache_clear()
    yield
    choice._order.cache_clear()
    choice.spectra_pay.cache_clear()


def test_clear_cases() -> None:
    assert kl.choose_method((720, 1280), (3, 3), "same").method == "direct"
    assert kl.choose_method(1_000_000, 10_000).method == "fft"
    assert kl.choose_method((720, 1280), (63, 63), "same").method == "fft"
    w = np.ones((15, 15), np.float32)
    assert kl.choose_method((720, 1280), (15, 15), "same", w=w).method == "separable"
    assert kl.choose_method((512, 512), (5, 5), dtype=np.int16).method == "direct"
    assert kl.choose_method((300, 300), (100, 100), dtype=np.int64).method == "fft"


def test_predictions_say_what_methods_do() -> None:
    found = kl.choose_method((720, 1280), (3, 3), "same")
    by_name = {one.method: one for one in found.predictions}
    assert set(by_name) == set(METHODS)
    direct = by_name["direct"]
    assert direct.multiply_adds == 720 * 1280 * 9
    assert direct.bytes == 4 * (2 * 720 * 1280 + 9)
    assert by_name["winograd"].multiply_adds == 360 * 640 * 72
    assert [one.seconds for one in found.predictions] == sorted(
        one.seconds for one in found.predictions
    )
    assert by_name["separable"].remark == "if the filter is a product of one vector an axis"


def test_complex_numbers_are_four_real_products() -> None:
    real = kl.choose_method((50, 50), (5, 5), dtype="float64").predictions
    four = kl.choose_method((50, 50), (5, 5), dtype="complex128").predictions
    for one, other in product(real, four):
        if one.method == other.method:
            assert other.multiply_adds == 4 * one.multiply_adds
            assert other.seconds == pytest.approx(4 * one.seconds)


def test_text() -> None:
    text = str(kl.choose_method((720, 1280), (3, 3), "same"))
    lines = text.split("\n")
    assert lines[0].split() == [
        *("method", "multiply-adds", "memory", "traffic", "time", "error", "below"),
    ]
    assert re.fullmatch(r"direct +8,294,400 +7\.0 MiB +\S+ (ms|µs) +\S+", lines[1])
    assert re.fullmatch(
        r"direct: .* predicted, .* times as fast as .*, which comes next\.", lines[-1]
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_chosen_keeps_to_the_stated_error(dtype: Any) -> None:
    limit = choice.LARGEST_ERROR[dtype]
    for n, k in product((10, 1000, 100_000, 10_000_000), (3, 100, 5000, 500_000)):
        if n >= k:
            problem, _ = problem_for((n,), (k,), "same", dtype)
            name = choice.fastest(problem, None)
            assert METHODS[name].error_bound(problem) <= limit


def test_the_choice_is_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for name, method in METHODS.items():

        def run(*given: Any, name: str = name, own: Any = method.run, **options: Any) -> Any:
            ran.append(name)
            return own(*given, **options)

        monkeypatch.setattr(method, "run", run)
    generator = np.random.default_rng(1)
    for lengths, taps in (((300, 300), (3, 3)), ((300, 300), (80, 80)), ((60_000,), (2000,))):
        a, w = (generator.standard_normal(n) for n in (lengths, taps))
        ran.clear()
        kl.convolve(a, w, "same")
        assert ran == [kl.choose_method(lengths, taps, "same", "float64").method]
    ran.clear()
    kl.convolve(generator.standard_normal((300, 400)), np.ones((7, 7)))
    assert ran == ["separable"]


def test_integers_that_might_not_round_exactly_stay_with_the_definition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "spectra_pay", lambda problem: True)
    monkeypatch.setattr(selection, "_rounded", lambda *_: pytest.fail("rounded"))
    a = np.full((50, 50), 2**40)
    np.testing.assert_array_equal(kl.convolve(a, a), kl.convolve(a, a, method="direct"))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((3, 3), (3,)), {}, "the same number of axes"),
        (((0,), (3,)), {}, "each at least one cell long"),
        (((5, 3), (3, 5)), {"mode": "valid"}, "at least as long as the other"),
        (((3,), (3,)), {"mode": "half"}, "mode must be"),
        (((3,), (3,)), {"dtype": "longdouble"}, "no method computes in"),
        (((3,) * 4, (2,) * 4), {}, "more than 3 axes"),
        (((9,), (3,)), {"w": [1, 2]}, r"w has the shape \(2,\), but w_shape is \(3,\)"),
    ],
)
def test_mistakes(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises((ShapeError, UsageError), match=message):
        kl.choose_method(*arguments, **options)


def test_axes_that_are_batches_do_not_count() -> None:
    problem, _ = problem_for((4, 5, 6, 7, 8), (1, 1, 2, 3, 3), "full", "float32")
    assert problem.batch == 20
    assert problem.window == (2, 3, 3)
