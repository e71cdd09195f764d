"""Learning rates as functions of the number of steps taken."""

from __future__ import annotations

import bisect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import ConfigurationError


class LearningRateSchedule(ABC):
    """Base class: a learning rate for every step, the first being step 0."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the learning rate after ``step`` steps."""


Rate = float | LearningRateSchedule | Callable[[int], float]


def _require_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigurationError(f"{name} must be a positive number, not {value!r}.")


def _require_rate(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigurationError(f"{name} must be a number of at least 0, not {value!r}.")


def _cosine(begin: float, end: float, fraction: float) -> float:
    """Move from ``begin`` to ``end`` along half a wave of the cosine."""
    return end + (begin - end) * 0.5 * (1 + math.cos(math.pi * fraction))


def _line(begin: float, end: float, fraction: float) -> float:
    """Move from ``begin`` to ``end`` along a straight line."""
    return begin + (end - begin) * fraction


_WAYS = {"cos": _cosine, "linear": _line}


@dataclass(frozen=True)
class CosineDecay(LearningRateSchedule):
    """Half a wave of the cosine, after an optional linear warm-up.

    Loshchilov and Hutter, "SGDR", 2017, without restarts; arguments as in Keras.

    Attributes
    ----------
    initial_learning_rate : float
        Where the decay starts, or the warm-up if there is one.
    decay_steps : int
        Length of the decay; the warm-up comes before.
    alpha : float
        Last learning rate as a share of the first of the decay.
    warmup_target : float or None
        Where a warm-up ends and the decay starts; None for no warm-up.
    warmup_steps : int
        Length of the warm-up.

    Examples
    --------
    >>> schedule = CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10)
    >>> schedule(0), schedule(5), schedule(10), round(schedule(60), 6), schedule(110)
    (0.0, 0.05, 0.1, 0.05, 0.0)
    """

    initial_learning_rate: float
    decay_steps: int
    alpha: float = 0.0
    warmup_target: float | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _require_rate("initial_learning_rate", self.initial_learning_rate)
        _require_positive("decay_steps", self.decay_steps)
        _require_rate("alpha", self.alpha)
        _require_rate("warmup_steps", self.warmup_steps)
        if self.warmup_target is not None:
            _require_rate("warmup_target", self.warmup_target)

    def __call__(self, step: int) -> float:
        peak = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                rise = self.warmup_target - self.initial_learning_rate
                return self.initial_learning_rate + rise * step / self.warmup_steps
            peak = self.warmup_target
            step -= self.warmup_steps
        return _cosine(peak, peak * self.alpha, min(step / self.decay_steps, 1.0))


@dataclass(frozen=True)
class OneCycle(LearningRateSchedule):
    """Up and down again, along cosines or lines, within a known number of steps.

    Smith and Topin, "Super-convergence", 2018; arguments as in PyTorch's ``OneCycleLR``.

    Attributes
    ----------
    max_learning_rate : float
        Peak.
    total_steps : int
        Length; afterwards the last learning rate stays.
    pct_start : float
        Share of the steps that goes up.
    div_factor : float
        Peak divided by the first learning rate.
    final_div_factor : float
        First learning rate divided by the last.
    anneal_strategy : {"cos", "linear"}
        Half a wave of the cosine, or a straight line, up as down.

    Examples
    --------
    >>> schedule = OneCycle(0.1, total_steps=102, pct_start=0.5)
    >>> round(schedule(0), 6), round(schedule(50), 6), schedule(101) < 1e-6
    (0.004, 0.1, True)
    """

    max_learning_rate: float
    total_steps: int
    pct_start: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    anneal_strategy: Literal["cos", "linear"] = "cos"

    def __post_init__(self) -> None:
        _require_positive("max_learning_rate", self.max_learning_rate)
        _require_positive("total_steps", self.total_steps)
        _require_positive("div_factor", self.div_factor)
        _require_positive("final_div_factor", self.final_div_factor)
        if not 0 <= self.pct_start <= 1:
            raise ConfigurationError(f"pct_start must lie in 0 to 1, not {self.pct_start!r}.")
        if self.anneal_strategy not in _WAYS:
            raise ConfigurationError(
                f"anneal_strategy must be one of {', '.join(_WAYS)}, not {self.anneal_strategy!r}."
            )

    def __call__(self, step: int) -> float:
        first = self.max_learning_rate / self.div_factor
        last = first / self.final_div_factor
        peak = self.pct_start * self.total_steps - 1
        end = self.total_steps - 1
        if step >= end:
            return last
        move = _WAYS[self.anneal_strategy]
        if step <= peak:
            return move(first, self.max_learning_rate, step / peak) if peak > 0 else first
        return move(self.max_learning_rate, last, (step - peak) / (end - peak))


@dataclass(frozen=True)
class PiecewiseConstantDecay(LearningRateSchedule):
    """Constant between boundaries, as in Keras.

    Attributes
    ----------
    boundaries : sequence of int
        Increasing steps; a boundary is the last step of its piece.
    values : sequence of float
        One learning rate a piece, one more than boundaries.

    Examples
    --------
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> schedule(100), schedule(101), schedule(1000)
    (0.1, 0.01, 0.001)
    """

    boundaries: Sequence[int]
    values: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            raise ConfigurationError(
                f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} values, "
                f"got {len(self.values)}."
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ConfigurationError(f"boundaries must increase: {list(self.boundaries)}.")
        for value in self.values:
            _require_rate("each of the values", value)

    def __call__(self, step: int) -> float:
        return float(self.values[bisect.bisect_left(self.boundaries, step)])


@dataclass(frozen=True)
class ExponentialDecay(LearningRateSchedule):
    """``initial · rate ** (step / decay_steps)``, as in Keras; in steps where ``staircase``.

    Attributes
    ----------
    initial_learning_rate : float
        At step 0.
    decay_steps : int
        Steps after which the learning rate is multiplied by ``decay_rate``.
    decay_rate : float
        Factor, at most 1 for a decay.
    staircase : bool
        Whether it stays constant for ``decay_steps`` steps.

    Examples
    --------
    >>> schedule = ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True)
    >>> schedule(9), schedule(10), schedule(25)
    (0.1, 0.05, 0.025)
    """

    initial_learning_rate: float
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        _require_rate("initial_learning_rate", self.initial_learning_rate)
        _require_positive("decay_steps", self.decay_steps)
        _require_positive("decay_rate", self.decay_rate)

    def __call__(self, step: int) -> float:
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return float(self.initial_learning_rate * self.decay_rate**periods)


@dataclass(frozen=True)
class WarmUp(LearningRateSchedule):
    """A linear rise from zero in front of any other schedule.

    Attributes
    ----------
    after : float or LearningRateSchedule
        What follows; its step 0 comes after the warm-up.
    steps : int
        Length of the rise.

    Examples
    --------
    >>> schedule = WarmUp(0.1, steps=4)
    >>> schedule(0), schedule(2), schedule(4), schedule(100)
    (0.0, 0.05, 0.1, 0.1)
    """

    after: float | LearningRateSchedule
    steps: int

    def __post_init__(self) -> None:
        _require_positive("steps", self.steps)

    def __call__(self, step: int) -> float:
        rate = self.after
        if callable(rate):
            rate = rate(max(step - self.steps, 0))
        return rate * min(step / self.steps, 1.0)


def rates(learning_rate: Rate, first: int, count: int) -> NDArray[np.float32]:
    """Return the learning rates of some steps.

    Parameters
    ----------
    learning_rate : float, schedule or function from a step to a rate
        Of an optimizer.
    first, count : int
        Steps taken before, and number of steps.

    Returns
    -------
    ndarray of float32, shape (count,)

    Raises
    ------
    ConfigurationError
        If a learning rate is negative, infinite or NaN.
    """
    if callable(learning_rate):
        values = [float(learning_rate(step)) for step in range(first, first + count)]
    else:
        values = [float(learning_rate)] * count
    for step, value in enumerate(values, first):
        if not (math.isfinite(value) and value >= 0):
            raise ConfigurationError(
                f"the learning rate of step {step} is {value}; it must be a finite number of at "
                "least 0."
            )
    return np.array(values, np.float32)
