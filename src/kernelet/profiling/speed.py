"""How long training steps and predictions take, as a whole."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import msgspec

from kernelet.profiling.rounds import (
    measured_executor,
    sample_count,
    some_steps,
    steps_a_round,
    usual_precision,
)
from kernelet.profiling.samples import synthetic_samples
from kernelet.training.execution import Machine

if TYPE_CHECKING:
    from kernelet.model import Model

_ROUNDS = 11


class Speed(msgspec.Struct, frozen=True):
    """Measured times of one network with one batch size and number of threads.

    Attributes
    ----------
    network : str
    training : bool
        Steps of training, or predictions.
    precision : str
    batch_size, threads : int
        The threads are those that might be used; few samples may leave some of them asleep.
    seconds, fastest, slowest : float
        Of a step, in the median round, the fastest and the slowest one.
    pictures : float
        Samples a second, in the median round.
    multiply_adds : int
        Of a step, by the definition of its operations.
    """

    network: str
    training: bool
    precision: str
    batch_size: int
    threads: int
    seconds: float
    fastest: float
    slowest: float
    pictures: float
    multiply_adds: int


def measure_speed(
    model: Model,
    batch_size: int,
    *,
    training: bool,
    precision: str | None = None,
    threads: int | None = None,
) -> Speed:
    """Time steps on random samples, without a look inside.

    Parameters
    ----------
    model : Model
        Compiled, where it is to be trained; stays as it is.
    batch_size, precision, threads
        As for `kernelet.Model.fit`, or `predict`.
    training : bool
        Steps of training, or predictions.

    Raises
    ------
    UsageError
        If a model that is not compiled is to be trained, or its input shape is not known.
    ConfigurationError
        If arguments, loss and network do not fit.

    Examples
    --------
    >>> from kernelet.networks import lenet5
    >>> speed = measure_speed(lenet5(), 16, training=False, threads=1)
    >>> abs(speed.pictures * speed.seconds / 16 - 1) < 1e-9
    True
    """
    chosen = precision or usual_precision(training=training)
    settings = Machine.checked(batch_size, threads, precision=chosen)
    executor = measured_executor(model, settings, training=training)
    count = sample_count(model, batch_size)
    samples = synthetic_samples(model, count, training=training)

    def seconds(steps: int) -> float:
        run = some_steps(executor, samples, steps)
        began = time.perf_counter()
        executor.run(run)
        return (time.perf_counter() - began) / steps

    seconds(2)
    steps = steps_a_round(seconds(2))
    times = [seconds(steps) for _ in range(_ROUNDS)]
    usual = statistics.median(times)
    return Speed(
        network=model.name,
        training=training,
        precision=chosen,
        batch_size=batch_size,
        threads=settings.threads or executor.threads,
        seconds=usual,
        fastest=min(times),
        slowest=max(times),
        pictures=batch_size / usual,
        multiply_adds=executor.plan.describe().multiply_adds,
    )
