"""From a configuration to what is trained: pictures, network, optimizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernelet.losses import SparseCategoricalCrossentropy
from kernelet.networks import make_network
from kernelet.optimizers import SGD, Adam, AdamW, schedules
from kernelet.runs.classifier import Preprocessing
from kernelet.runs.events import BrokenFile, DataFound

if TYPE_CHECKING:
    from kernelet.data import Dataset, Split
    from kernelet.model import Model
    from kernelet.optimizers import Optimizer
    from kernelet.runs.configuration import RunConfiguration


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


def build_model(configuration: RunConfiguration, dataset: Dataset) -> Model:
    """Return the network with its first weights and with all that its file shall hold."""
    means, deviations = dataset.statistics
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
        configuration.learning_rate,
        total_steps=max(2, steps),
        pct_start=configuration.pct_start,
        anneal_strategy=configuration.anneal_strategy,
    )
    decay, beta_2 = configuration.weight_decay, configuration.beta_2
    match configuration.optimizer:
        case "adamw":
            optimizer: Optimizer = AdamW(schedule, beta_2=beta_2, weight_decay=decay)
        case "adam":
            optimizer = Adam(schedule, beta_2=beta_2, weight_decay=decay)
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
