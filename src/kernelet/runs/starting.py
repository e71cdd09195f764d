"""Begins a run, or goes on with one.

This module imports what reading pictures needs, and no more. All that learns from them is imported
while they are read, which takes as long and mostly leaves the interpreter to others.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import msgspec

from kernelet.runs.configuration import load_configuration
from kernelet.runs.folder import RunFolder
from kernelet.runs.loading import load_data_of, load_pictures_of
from kernelet.runs.meanwhile import meanwhile
from kernelet.runs.request import require_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kernelet.runs.observer import Observer, Saving
    from kernelet.runs.request import TrainingRequest


class Conditions(msgspec.Struct, frozen=True):
    """Where a run happens.

    Attributes
    ----------
    observer : Observer
        Told of everything.
    saving : Saving
        Entered once there is something to save.
    threads : int or None
        By default as many as the process may use.
    began : float
        When, by `time.perf_counter`.
    """

    observer: Observer
    saving: Saving
    threads: int | None
    began: float


def start_run(
    request: TrainingRequest, threads: int | None, observer: Observer, saving: Saving
) -> bool:
    """Train a network in a new run folder.

    Parameters
    ----------
    request : TrainingRequest
        What the user asks for.
    threads : int or None
        By default as many as the process may use.
    observer : Observer
        Told of everything.
    saving : Saving
        Entered once there is something to save.

    Returns
    -------
    bool
        Whether the run came to its end; False where it was asked to stop, and was saved.

    Raises
    ------
    KerneletError
        If the request, the data or the folder does not allow it.
    """
    conditions = Conditions(observer, saving, threads, time.perf_counter())
    require_network(request.network)
    exclude = _excluded(request.exclude)
    with meanwhile(_prepare):
        dataset = load_pictures_of(
            request.data,
            observer,
            threads,
            image_size=request.image_size,
            channels=request.channels,
            resize=request.resize,
            validation_split=request.validation_split,
            seed=request.seed,
            exclude=exclude,
        )
    from kernelet.runs.training import train_anew

    with _frozen():
        return train_anew(request, exclude, dataset, conditions)


def resume_run(
    path: Path, data: str | None, threads: int | None, observer: Observer, saving: Saving
) -> bool:
    """Go on with an interrupted run, to the bits that it would have reached without interruption.

    Parameters
    ----------
    path : Path
        The run folder.
    data : str or None
        Where the data set lies now, if it was moved.
    threads, observer, saving
        As for `start_run`.

    Returns
    -------
    bool
        As for `start_run`.

    Raises
    ------
    KerneletError
        If the folder is in use or no run, or the data set has changed.
    """
    conditions = Conditions(observer, saving, threads, time.perf_counter())
    with RunFolder.open(path) as folder:
        configuration = load_configuration(folder.configuration_file)
        source = configuration.data if data is None else data
        with meanwhile(_prepare):
            dataset = load_data_of(configuration, source, observer, threads)
        from kernelet.runs.training import train_on

        with _frozen():
            return train_on(configuration, source, dataset, folder, conditions)


def _excluded(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    from kernelet.data.doctor import read_exclusion

    return tuple(sorted(read_exclusion(path)))


def _prepare() -> None:
    """Import all that learns from pictures, and compile what reports on it."""
    for name in ("numpy.random", "kernelet.runs.training"):
        import_module(name)
    from kernelet.runs.report import prepare_report

    prepare_report()


@contextmanager
def _frozen() -> Iterator[None]:
    """Spare the collector what is there so far, modules above all; looking at it takes 12 ms."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
