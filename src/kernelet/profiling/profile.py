"""Measured times of every step of a network's plan, beside what the machine allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import ArrayLike

from kernelet.executors.native import NativeExecutor
from kernelet.executors.timing import Timing
from kernelet.plan.description import PARTS, PlanDescription, StepDescription
from kernelet.profiling.machine import MachineProfile, measure_machine
from kernelet.profiling.rounds import (
    measured_executor,
    sample_count,
    some_steps,
    steps_a_round,
    usual_precision,
)
from kernelet.profiling.samples import given_samples, synthetic_samples
from kernelet.training.arrays import Samples
from kernelet.training.execution import Machine

if TYPE_CHECKING:
    from kernelet.model import Model

# Enough to tell a usual one.
_ROUNDS = 15
# Seconds after which no further round begins, and the fewest rounds.
_BUDGET = 3.0
_LEAST_ROUNDS = 3


class StepProfile(msgspec.Struct, frozen=True):
    """One kernel of a plan with its measured time.

    Attributes
    ----------
    description : StepDescription
        What it does, and what it is predicted to take.
    seconds : float
        Of a step of the run: the time that all threads together spent in it, divided by their
        number. All steps, waiting and what is outside add up to the elapsed time.
    """

    description: StepDescription
    seconds: float

    @property
    def rate(self) -> float:
        """Useful multiply-adds a second, by the definition of the operations."""
        return self.description.multiply_adds / self.seconds if self.seconds else 0.0

    @property
    def share(self) -> float:
        """Share of what limits it, multiply-adds or bytes, that it reached; 1 is the machine.

        It is 0 for what is done once a run, whose time is spread over all steps of the run.
        """
        once = self.description.once or not self.seconds
        return 0.0 if once else self.description.bound / self.seconds

    @property
    def excess(self) -> float:
        """Seconds above what limits it: what could be gained at most."""
        return max(0.0, self.seconds - self.description.bound)


class Profile(msgspec.Struct, frozen=True):
    """A training step or a prediction, taken apart.

    Attributes
    ----------
    name : str
        Of the network.
    training : bool
        Whether a step of training was timed, or a prediction.
    precision : str
        That was asked for.
    machine : MachineProfile
        What the machine did at most, just before.
    plan : PlanDescription
        With the machine's rates.
    steps : tuple of StepProfile
        In the order in which they run.
    waiting : float
        Seconds of a step that a thread waited for others, on average.
    outside : float
        Seconds of a step outside the plan: waking threads, and Python.
    elapsed, fastest, slowest : float
        Seconds a step in the median round, in the fastest and in the slowest one. All times are
        of the median round.
    rounds, steps_a_round : int
        What was timed.
    """

    name: str
    training: bool
    precision: str
    machine: MachineProfile
    plan: PlanDescription
    steps: tuple[StepProfile, ...]
    waiting: float
    outside: float
    elapsed: float
    fastest: float
    slowest: float
    rounds: int
    steps_a_round: int

    def parts(self) -> dict[str, float]:
        """Return the seconds of each part of a step, with waiting and what is outside the plan."""
        seconds = dict.fromkeys(PARTS, 0.0)
        for step in self.steps:
            seconds[step.description.part] += step.seconds
        seconds = {part: time for part, time in seconds.items() if time}
        return seconds | {"waiting": self.waiting, "outside": self.outside}

    def to_text(self) -> str:
        """Return a table in plain text, with short steps left out."""
        from kernelet.profiling.rows import profile_text

        return profile_text(self)

    def __str__(self) -> str:
        return self.to_text()

    def slowest_steps(self, count: int = 3) -> tuple[StepProfile, ...]:
        """Return the steps with the most time above what limits them."""
        above = [step for step in self.steps if step.excess > 0]
        return tuple(sorted(above, key=lambda step: -step.excess)[:count])


def profile(
    model: Model,
    batch_size: int | None = None,
    *,
    training: bool | None = None,
    precision: str | None = None,
    threads: int | None = None,
    x: Any = None,
    y: ArrayLike | None = None,
    machine: MachineProfile | None = None,
) -> Profile:
    """Time every step of a network's plan.

    Parameters
    ----------
    model : Model
        Stays as it is.
    batch_size, precision, threads
        As for `kernelet.Model.fit`, or `predict`.
    training : bool, optional
        A step of training, or a prediction; by default what the model is ready for.
    x, y : array_like, optional
        As for `kernelet.Model.fit`; random ones by default, with pictures as bytes.
    machine : MachineProfile, optional
        With the number of threads; measured by default.

    Returns
    -------
    Profile
        Prints as a table.

    Raises
    ------
    UsageError
        If a model that is not compiled is to be trained, or its input shape is not known.
    ConfigurationError, DataError, ShapeError
        If arguments or data do not fit.

    Examples
    --------
    >>> from kernelet.networks import lenet5
    >>> times = profile(lenet5(), 16, threads=1)
    >>> total = sum(step.seconds for step in times.steps) + times.waiting + times.outside
    >>> abs(total / times.elapsed - 1) < 1e-6
    True
    """
    trained = model.compiled if training is None else training
    chosen = precision or usual_precision(training=trained)
    settings = Machine.checked(batch_size, threads, precision=chosen)
    executor = measured_executor(model, settings, training=trained)
    if x is None:
        count = sample_count(model, settings.batch_size)
        samples = synthetic_samples(model, count, training=trained)
    else:
        samples = given_samples(model, x, y, training=trained)
    used = executor.threads
    measured = measure_machine([used], []) if machine is None else machine
    timings = _timings(executor, samples)
    return _summarized(model.name, settings.precision, trained, executor, measured, timings)


def _timings(executor: NativeExecutor, samples: Samples) -> list[Timing]:
    """Run rounds until there are enough; the first, which meets cold caches, does not count."""
    warm = executor.timed(some_steps(executor, samples, 2))
    usual = executor.timed(some_steps(executor, samples, 2))
    steps = steps_a_round(usual.elapsed / usual.steps)
    run = some_steps(executor, samples, steps)
    timings: list[Timing] = []
    spent = warm.elapsed + usual.elapsed
    while len(timings) < _ROUNDS and (len(timings) < _LEAST_ROUNDS or spent < _BUDGET):
        timings.append(executor.timed(run))
        spent += timings[-1].elapsed
    return timings


def _summarized(
    name: str,
    precision: str,
    training: bool,
    executor: NativeExecutor,
    machine: MachineProfile,
    timings: list[Timing],
) -> Profile:
    ordered = sorted(timings, key=lambda timing: timing.elapsed)
    median = ordered[(len(ordered) - 1) // 2]
    plan = executor.plan.describe(machine.rates(executor.threads))
    seconds = median.instructions.sum(axis=0) / (median.threads * median.steps)
    return Profile(
        name=name,
        training=training,
        precision=precision,
        machine=machine,
        plan=plan,
        steps=tuple(
            StepProfile(step, float(time)) for step, time in zip(plan.steps, seconds, strict=True)
        ),
        waiting=float(median.waiting.sum() / (median.threads * median.steps)),
        outside=median.outside / median.steps,
        elapsed=median.elapsed / median.steps,
        fastest=ordered[0].elapsed / ordered[0].steps,
        slowest=ordered[-1].elapsed / ordered[-1].steps,
        rounds=len(timings),
        steps_a_round=median.steps,
    )
