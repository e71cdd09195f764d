"""From a configuration to what is trained: pictures, network, optimizer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from kernelet.data import load_dataset
from kernelet.data.listing import quoted
from kernelet.errors import DataError
from kernelet.executors.native_processor import usable_threads
from kernelet.losses import SparseCategoricalCrossentropy
from kernelet.networks import make_network
from kernelet.optimizers import SGD, Adam, AdamW, schedules
from kernelet.runs.classifier import Preprocessing
from kernelet.runs.events import BrokenFile, DataFound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.data import Dataset, Split
    from kernelet.model import Model
    from kernelet.optimizers import Optimizer
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.observer import Observer

# Pictures added up at a time, so that it takes little memory.
_BLOCK = 256


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


def describe_data(dataset: Dataset, name: str) -> DataFound:
    """Return the event that says what was found in the data set of this name."""
    return DataFound(
        source=name,
        classes=list(dataset.class_names),
        counts={split: dataset.class_counts(split) for split in dataset.splits},
        image_shape=dataset.image_shape,
        notes=list(dataset.notes),
        broken=[BrokenFile(file=item.file, reason=item.reason) for item in dataset.broken],
        fingerprint=dataset.fingerprint,
    )


def training_split(dataset: Dataset) -> Split:
    """Return the pictures to learn from; `load_dataset` gives none without."""
    assert dataset.train is not None
    return dataset.train


def statistics(images: NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Return mean and deviation of each channel, from exact sums of whole numbers.

    Parameters
    ----------
    images : ndarray of uint8, shape (pictures, height, width, channels)
        At least one.

    Examples
    --------
    >>> statistics(np.array([[[[0], [100]]]], np.uint8))
    ([50.0], [50.0])
    """
    channels = images.shape[3]
    total = images.size // channels
    sums = [[0, 0] for _ in range(channels)]
    for begin in range(0, len(images), _BLOCK):
        for channel, own in enumerate(sums):
            values = images[begin : begin + _BLOCK, ..., channel].ravel()
            own[0] += int(values.sum(dtype=np.uint64))
            own[1] += int(np.square(values, dtype=np.uint16).sum(dtype=np.uint64))
    means, deviations = [], []
    for first, second in sums:
        means.append(first / total)
        # A channel of one value says nothing; dividing by 1 keeps it finite.
        deviations.append(math.sqrt(total * second - first * first) / total or 1.0)
    return means, deviations


def build_model(configuration: RunConfiguration, dataset: Dataset) -> Model:
    """Return the network with its first weights and with all that its file shall hold."""
    means, deviations = statistics(training_split(dataset).images)
    options: dict[str, Any] = {}
    if not (configuration.augment and configuration.flip):
        options["flip"] = False
    if not configuration.augment:
        options["shift"] = 0.0
    model = make_network(
        configuration.network,
        dataset.image_shape,
        classes=len(dataset.class_names),
        mean=means,
        deviation=deviations,
        seed=configuration.seed,
        **options,
    )
    model.class_names = dataset.class_names
    preprocessing = Preprocessing(
        image_size=configuration.image_size,
        channels=configuration.channels,
        resize=configuration.resize,
        mean=means,
        deviation=deviations,
    )
    model.preprocessing = msgspec.to_builtins(preprocessing)
    return model


def build_optimizer(configuration: RunConfiguration, pictures: int) -> Optimizer:
    """Return the optimizer with a one-cycle schedule over the whole training."""
    steps = configuration.epochs * -(-pictures // configuration.batch_size)
    schedule = schedules.OneCycle(
        configuration.learning_rate, total_steps=max(2, steps), pct_start=0.25
    )
    decay = configuration.weight_decay
    match configuration.optimizer:
        case "adamw":
            optimizer: Optimizer = AdamW(schedule, weight_decay=decay)
        case "adam":
            optimizer = Adam(schedule, weight_decay=decay)
        case "sgd":
            optimizer = SGD(schedule, momentum=0.9, nesterov=True, weight_decay=decay)
    optimizer.exclude_from_weight_decay(["/bias$", "/gamma$", "/beta$"])
    return optimizer


def compile_model(model: Model, configuration: RunConfiguration, pictures: int) -> None:
    """Give a network what it is to be trained with, for so many training pictures."""
    model.compile(
        build_optimizer(configuration, pictures),
        SparseCategoricalCrossentropy(label_smoothing=configuration.label_smoothing),
        ["accuracy"],
    )
