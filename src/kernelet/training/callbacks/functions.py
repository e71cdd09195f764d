"""Functions as callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import SupportsFloat

from kernelet.errors import ConfigurationError
from kernelet.training.callbacks.base import Callback, Logs

Hook = Callable[..., object]


class LambdaCallback(Callback):
    """Functions in place of hooks.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Called with the number of the epoch and the logs.
    on_train_begin, on_train_end : callable, optional
        Called with the logs.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Called with the number of the step in its epoch and the logs.

    Examples
    --------
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(3, {"loss": 0.5})
    3 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
        on_train_batch_begin: Hook | None = None,
        on_train_batch_end: Hook | None = None,
    ) -> None:
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for hook, function in given.items():
            if function is not None:
                setattr(self, hook, function)


class LearningRateScheduler(Callback):
    """A learning rate for every epoch.

    Parameters
    ----------
    schedule : callable
        From the number of the epoch, from 0, and the current learning rate to the new one.

    Examples
    --------
    >>> halving = LearningRateScheduler(lambda epoch, rate: rate / 2)
    """

    def __init__(self, schedule: Callable[..., float]) -> None:
        self.schedule = schedule
        self._wants_rate = len(inspect.signature(schedule).parameters) > 1

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        if callable(optimizer.learning_rate):
            raise ConfigurationError(
                "LearningRateScheduler sets the learning rate of every epoch, and the optimizer "
                "has a schedule of its own; give the optimizer a number."
            )
        arguments = (epoch, float(optimizer.learning_rate)) if self._wants_rate else (epoch,)
        rate: object = self.schedule(*arguments)
        if not isinstance(rate, SupportsFloat):  # texts do not
            raise ConfigurationError(
                f"the schedule of LearningRateScheduler returned {rate!r} for epoch {epoch};"
                " expected a learning rate, a number of at least 0."
            )
        optimizer.learning_rate = float(rate)
