"""The command that does a run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelet.runs.configuration import RunConfiguration


def repeating(configuration: RunConfiguration) -> list[str]:
    """Return the arguments of ``kernelet`` that lead to the same network, bit for bit.

    Every choice that has an option is named, so that other defaults of those change nothing.

    Parameters
    ----------
    configuration : RunConfiguration
        Of the run.
    """
    height, width = configuration.image_size
    options = {
        "network": configuration.network,
        "epochs": configuration.epochs,
        "image-size": f"{height}x{width}",
        "resize": configuration.resize,
        "channels": configuration.channels,
        "batch-size": configuration.batch_size,
        "optimizer": configuration.optimizer,
        "learning-rate": configuration.learning_rate,
        "weight-decay": configuration.weight_decay,
        "validation-split": configuration.validation_split,
        "exclude": configuration.exclude_list,
        "patience": configuration.patience,
        "seed": configuration.seed,
        "precision": configuration.precision,
    }
    arguments = ["train", configuration.data]
    for name, value in options.items():
        if value is not None:
            arguments += [f"--{name}", str(value)]
    switches = {"no-augment": configuration.augment, "no-flip": configuration.flip}
    return arguments + [f"--{name}" for name, on in switches.items() if not on]
