from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from kernelet.errors import ConfigurationError
from kernelet.optimizers import SGD
from kernelet.training.schedules import (
    CosineDecay,
    ExponentialDecay,
    OneCycle,
    PiecewiseConstantDecay,
    WarmUp,
    rates,
)


def test_cosine_decay_after_a_warm_up() -> None:
    schedule = CosineDecay(0.01, 100, alpha=0.1, warmup_target=0.2, warmup_steps=10)
    assert schedule(0) == pytest.approx(0.01)
    assert schedule(5) == pytest.approx(0.01 + 0.19 / 2)
    expected = 0.2 * (0.9 * 0.5 * (1 + math.cos(math.pi * 0.25)) + 0.1)
    assert schedule(10 + 25) == pytest.approx(expected)
    assert schedule(10_000) == pytest.approx(0.02)


def test_cosine_decay_without_a_warm_up_starts_at_the_initial_rate() -> None:
    assert [CosineDecay(0.1, 4)(step) for step in (0, 2, 4, 9)] == pytest.approx([0.1, 0.05, 0, 0])


def test_exponential_decay_smooth_and_in_steps() -> None:
    assert ExponentialDecay(0.1, 10, 0.5)(5) == pytest.approx(0.1 * 0.5**0.5)
    assert ExponentialDecay(0.1, 10, 0.5, staircase=True)(29) == pytest.approx(0.025)


def test_warm_up_in_front_of_a_schedule() -> None:
    schedule = WarmUp(PiecewiseConstantDecay([2], [0.4, 0.1]), steps=4)
    assert [schedule(step) for step in (0, 1, 4, 6, 7)] == pytest.approx([0, 0.1, 0.4, 0.4, 0.1])


def test_rates_come_in_any_number_at_a_time() -> None:
    schedule = CosineDecay(0.1, 50)
    whole = rates(schedule, 0, 50)
    pieces = np.concatenate([rates(schedule, 0, 7), rates(schedule, 7, 43)])
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, pieces)


def test_a_function_is_a_schedule() -> None:
    assert rates(lambda step: 1 / (step + 1), 1, 2).tolist() == pytest.approx([1 / 2, 1 / 3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineDecay(-1, 10), "initial_learning_rate must be a number of at least 0"),
        (lambda: CosineDecay(1, 0), "decay_steps must be a positive number, not 0."),
        (lambda: OneCycle(0.1, 10, pct_start=2), "pct_start must lie in 0 to 1, not 2."),
        (
            lambda: OneCycle(0.1, 10, anneal_strategy="cosine"),  # type: ignore[arg-type]
            "anneal_strategy must be one of cos, linear, not 'cosine'.",
        ),
        (
            lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
            "2 boundaries need 3 values, got 2.",
        ),
        (
            lambda: PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
            r"boundaries must increase: \[2, 1\].",
        ),
        (lambda: SGD(math.nan), "the learning rate of step 0 is nan"),
        (lambda: rates(lambda step: 1.0 - step, 0, 3), "the learning rate of step 2 is -1.0"),
    ],
)
def test_schedules_that_make_no_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.torch
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("way", ["cos", "linear"])
def test_one_cycle_is_that_of_pytorch(share: float, way: Literal["cos", "linear"]) -> None:
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    common: dict[str, Any] = {"pct_start": share, "div_factor": 10, "final_div_factor": 100}
    oracle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.3, total_steps=60, anneal_strategy=way, **common
    )
    schedule = OneCycle(0.3, 60, anneal_strategy=way, **common)
    for step in range(60):
        assert schedule(step) == pytest.approx(oracle.get_last_lr()[0], rel=1e-9)
        optimizer.step()
        if step < 59:
            oracle.step()
