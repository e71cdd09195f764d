"""How long a training will take, and how much memory, before it begins."""

from __future__ import annotations

import math
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kernelet.data.memory import available_bytes
from kernelet.errors import ConfigurationError
from kernelet.runs.folder import RunFolder
from kernelet.runs.preparation import build_model, compile_model, training_split
from kernelet.runs.recorder import Recorder
from kernelet.training.execution import Machine
from kernelet.training.memory import training_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kernelet.data import Dataset, Split
    from kernelet.model import Model
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.events import Event
    from kernelet.training.trainer import Trainer

# Long enough for a stable figure, short enough not to be noticed.
_MEASURED_SECONDS = 0.03
# Validation takes a small part of an epoch, so an error counts less.
_VALIDATION_SECONDS = 0.01
# Figures of a moment ago can be too good: plan for less than all of the time.
_USABLE_SHARE = 0.9
_REHEARSED_EPOCHS = 3
# What the report takes, of the memory that the training has left by then.
_REPORT_BYTES = 14 << 20


class Forecast(msgspec.Struct, frozen=True):
    """What a training will take.

    Attributes
    ----------
    seconds_per_epoch : float
        With the validation at its end.
    memory : int
        Of the process while it trains, in bytes.
    """

    seconds_per_epoch: float
    memory: int

    def epochs_within(self, seconds: float) -> int:
        """Return how many epochs fit into a time, with a reserve; 0 where not even one does."""
        return max(0, math.floor(seconds * _USABLE_SHARE / self.seconds_per_epoch))


def forecast(
    configuration: RunConfiguration, dataset: Dataset, folder: RunFolder, threads: int | None
) -> Forecast:
    """Measure some steps and some saving on a copy of the network.

    Parameters
    ----------
    configuration : RunConfiguration
        Of the training.
    dataset : Dataset
        That it learns from.
    folder : RunFolder
        Of the run; its disk is the one that is measured, and left as it was.
    threads : int or None
        By default as many as the process may use.

    Raises
    ------
    ConfigurationError
        If the training does not fit into the memory that is free.
    """
    train, validation = training_split(dataset), dataset.validation
    batch_size = min(configuration.batch_size, len(train))
    model = build_model(configuration, dataset)
    # So small that the steps change nothing: they tell of time, not of whether the rate is right.
    timid = msgspec.structs.replace(configuration, learning_rate=1e-12)
    compile_model(model, timid, len(train))
    precision = configuration.precision
    machine = Machine.checked(batch_size, threads, "cpu", precision)
    memory = _memory(model.trainer, machine, configuration)
    how: dict[str, Any] = {"verbose": 0, "threads": threads, "precision": precision}

    def train_some(steps: int) -> None:
        rows = slice(steps * batch_size)
        images, labels = train.images[rows], train.labels[rows]
        model.fit(images, labels, batch_size, **how)

    def evaluate_some(steps: int) -> None:
        rows = slice(steps * batch_size)
        images, labels = train.images[rows], train.labels[rows]
        model.evaluate(images, labels, batch_size, **how)

    most = len(train) // batch_size
    step = _seconds_per_step(train_some, most, _MEASURED_SECONDS)
    seconds = step * len(train) / batch_size + _seconds_per_saving(
        model, train, batch_size, folder, how
    )
    if validation is not None:
        steps = len(validation) / batch_size
        few = min(most, math.ceil(steps))
        seconds += _seconds_per_step(evaluate_some, few, _VALIDATION_SECONDS) * steps
    return Forecast(seconds, memory)


def _seconds_per_saving(
    model: Model, train: Split, batch_size: int, folder: RunFolder, how: Mapping[str, Any]
) -> float:
    """Time what comes with every epoch, whatever its length, in epochs of one step."""
    place = folder.path / "rehearsal"
    shutil.rmtree(place, ignore_errors=True)
    began = time.perf_counter()
    with RunFolder.create(place) as rehearsal:
        model.fit(
            train.images[:batch_size],
            train.labels[:batch_size],
            batch_size,
            _REHEARSED_EPOCHS,
            callbacks=[Recorder(rehearsal, _Nobody())],
            **how,
        )
    seconds = (time.perf_counter() - began) / _REHEARSED_EPOCHS
    shutil.rmtree(place)
    return seconds


class _Nobody:
    """An observer that does not listen."""

    def event(self, event: Event) -> None:
        """Ignore it."""

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Ignore it."""


def _seconds_per_step(run: Callable[[int], None], most: int, enough: float) -> float:
    """Time growing numbers of steps, at most so many, until they take `enough` seconds.

    The first call, which makes the plan, does not count.
    """
    run(1)
    steps = 1
    while True:
        began = time.perf_counter()
        run(steps)
        seconds = time.perf_counter() - began
        if seconds >= enough or steps >= most:
            return seconds / steps
        wanted = math.ceil(1.5 * steps * enough / max(seconds, 1e-4))
        steps = min(most, max(2 * steps, wanted))


def _memory(trainer: Trainer, machine: Machine, configuration: RunConfiguration) -> int:
    """Return the size that the process will have; refuse what does not fit."""
    needed = training_memory(trainer, machine)
    free = available_bytes()
    if free is not None and needed > free:
        raise ConfigurationError(
            f"A step of {configuration.batch_size} pictures needs {needed / 2**30:.1f} GiB of "
            f"memory; {free / 2**30:.1f} GiB are free.\n"
            f"  Try --batch-size {max(1, configuration.batch_size // 2)} or a smaller --image-size."
        )
    return _resident_bytes() + max(needed, _REPORT_BYTES)


def _resident_bytes() -> int:
    """Return the memory that the process takes now, or, where that is unknown, took at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * resource.getpagesize()
