"""The choices that a request leaves open."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kernelet._version import __version__
from kernelet.errors import ConfigurationError
from kernelet.executors.native_processor import resolve_isa
from kernelet.networks import default_network
from kernelet.runs.configuration import RunConfiguration
from kernelet.runs.names import data_name, readable
from kernelet.runs.preparation import training_split
from kernelet.runs.recipe import (
    LEARNING_RATE_FACTORS,
    default_batch_size,
    default_epochs,
    recipe_for,
)

if TYPE_CHECKING:
    from typing import Literal

    from kernelet.data import Dataset
    from kernelet.runs.request import TrainingRequest

_LONGEST_NAME = 60


def configure(
    request: TrainingRequest, dataset: Dataset, exclude: tuple[str, ...] = ()
) -> RunConfiguration:
    """Return a configuration with every choice made.

    Parameters
    ----------
    request : TrainingRequest
        What the user asks for.
    dataset : Dataset
        What was found.
    exclude : tuple of str
        Names of the pictures that were left out of it.

    Raises
    ------
    ConfigurationError
        If no network suits the pictures, or the patience has nothing to watch.
    """
    if request.patience is not None and dataset.validation is None:
        raise ConfigurationError(
            "--patience watches the validation pictures, and there are none.\n"
            "  Give some, or a --validation-split above 0."
        )
    height, width, channels = dataset.image_shape
    network = request.network or default_network(dataset.image_shape, len(dataset.class_names))
    pictures = len(training_split(dataset))
    recipe = recipe_for(network, pictures)
    batch_size = request.batch_size or default_batch_size(recipe, pictures)
    factor = LEARNING_RATE_FACTORS[request.optimizer]
    decay = request.weight_decay
    return RunConfiguration(
        kernelet=__version__,
        instruction_set=resolve_isa(),
        data=data_name(request.data),
        data_fingerprint=dataset.fingerprint,
        image_size=(height, width),
        channels=channels,
        resize=cast("Literal['crop', 'stretch']", request.resize),
        validation_split=request.validation_split,
        exclude=exclude,
        exclude_list=None if request.exclude is None else readable(request.exclude.resolve()),
        network=network,
        augment=request.augment,
        flip=request.flip,
        epochs=request.epochs or default_epochs(recipe, pictures, batch_size),
        batch_size=batch_size,
        optimizer=cast("Literal['adamw', 'adam', 'sgd']", request.optimizer),
        learning_rate=request.learning_rate or recipe.learning_rate * factor,
        pct_start=recipe.pct_start,
        anneal_strategy=recipe.anneal_strategy,
        weight_decay=recipe.weight_decay / factor if decay is None else decay,
        beta_2=recipe.beta_2,
        label_smoothing=recipe.label_smoothing,
        patience=request.patience,
        seed=request.seed,
        precision=request.precision,
    )


def default_folder(configuration: RunConfiguration) -> Path:
    """Return ``runs/DATA-NETWORK``.

    The data's name goes in with only what is safe in the names of folders.
    """
    stem = re.sub(r"[^\w.-]+", "-", Path(configuration.data).stem).strip("-.")[:_LONGEST_NAME]
    return Path("runs") / f"{stem or 'data'}-{configuration.network}"
