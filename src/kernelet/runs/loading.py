"""The pictures of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelet.data import load_dataset
from kernelet.data.listing import quoted
from kernelet.errors import DataError
from kernelet.executors.native_processor import usable_threads

if TYPE_CHECKING:
    from kernelet.data import Dataset
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.observer import Observer


def load_pictures_of(
    source: str | None, observer: Observer, threads: int | None, **options: Any
) -> Dataset:
    """Load a data set and tell the observer how far it is.

    Parameters
    ----------
    source : str or None
        As `load_dataset` takes it.
    observer : Observer
        Told in pictures.
    threads : int or None
        For decoding; by default as many as the process may use.
    **options
        Of `load_dataset`.
    """

    def progress(done: int, total: int) -> None:
        observer.progress("reading pictures", done, total)

    workers = usable_threads() if threads is None else threads
    return load_dataset(source, threads=workers, progress=progress, **options)


def load_data_of(
    configuration: RunConfiguration, source: str, observer: Observer, threads: int | None
) -> Dataset:
    """Load the data set of a run again.

    Parameters
    ----------
    configuration : RunConfiguration
        Of the run.
    source : str
        Where the data set lies now.
    observer, threads
        As for `load_pictures_of`.

    Raises
    ------
    DataError
        If it is not the data that the run began with.
    """
    dataset = load_pictures_of(
        source,
        observer,
        threads,
        image_size=configuration.image_size,
        channels=configuration.channels,
        resize=configuration.resize,
        validation_split=configuration.validation_split,
        seed=configuration.seed,
        exclude=configuration.exclude,
    )
    if dataset.fingerprint != configuration.data_fingerprint:
        raise DataError(
            f"{quoted(dataset.source)} is not the data that the run began with: other pictures, "
            "classes or labels.\n  Bring the data back to what it was, or begin a new run."
        )
    return dataset
