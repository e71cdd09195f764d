"""Evaluation: loss and metrics over a data set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernelet.executors.base import Executor, Run
from kernelet.training.arrays import Samples
from kernelet.training.callbacks.base import CallbackList
from kernelet.training.progress import Averages, Pace, batch_sizes


def run_evaluation(
    executor: Executor,
    samples: Samples,
    names: tuple[str, ...],
    callbacks: CallbackList,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float] | None:
    """Return the averages of loss and metrics, None where it was stopped.

    Parameters
    ----------
    executor : Executor
        Of an evaluation program.
    samples : Samples
        Inputs, labels and weights.
    names : tuple of str
        Names of the loss and the metrics.
    callbacks : CallbackList
        Told of the beginning, the end and, where one of them asks, of every batch.
    stop : callable
        Asked a few times a second.
    """
    sizes = batch_sizes(len(samples), executor.batch_size)
    order = np.arange(len(samples), dtype=np.int64)
    averages = Averages(names)
    pace = Pace(single=callbacks.every_test_batch)
    callbacks.call("on_test_begin", {})
    step = 0
    while step < len(sizes):
        steps = pace.steps(len(sizes) - step)
        if callbacks.every_test_batch:
            callbacks.call("on_test_batch_begin", step, {})
        begin = step * executor.batch_size
        part = order[begin : begin + steps * executor.batch_size]
        results = executor.run(Run(samples.arrays, part))
        pace.done(steps)
        averages.add(results.values, sizes[step : step + steps])
        step += steps
        if callbacks.every_test_batch:
            callbacks.call("on_test_batch_end", step - 1, averages.logs())
        if step < len(sizes) and stop():
            return None
    logs = averages.logs()
    callbacks.call("on_test_end", logs)
    return logs
