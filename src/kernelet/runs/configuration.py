"""What a run was asked to do, with every choice made: `config.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from kernelet.data.listing import quoted
from kernelet.errors import ModelFileError
from kernelet.interchange.atomic import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

#: Changes whenever a run of before could not be resumed after.
FORMAT = 1


class RunConfiguration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides the result of a run.

    Attributes
    ----------
    format : int
        Version of this file's format.
    kernelet : str
        Version of kernelet that began the run.
    instruction_set : str
        That the run began on; another one rounds differently.
    data : str
        Absolute path, or name, of the data set.
    data_fingerprint : str
        SHA-256 of its classes, pictures and labels, as they were loaded.
    image_size : (int, int)
        Height and width that pictures are brought to.
    channels : int
        1 (grey) or 3 (RGB).
    resize : {"crop", "stretch"}
        How pictures of other proportions fit.
    validation_split : float
        Share of the training pictures set aside where the data has no validation pictures.
    exclude : tuple of str
        Names of pictures left out.
    exclude_list : str or None
        Absolute path of the list that named them.
    network : str
        Name in `kernelet.networks`.
    augment, flip : bool
        Whether training pictures are changed at random; whether some are mirrored then.
    epochs : int
        Length of the training and of its learning-rate schedule.
    batch_size : int
        Pictures a step.
    optimizer : str
        "adamw", "adam" or "sgd".
    learning_rate : float
        Peak of the one-cycle schedule.
    pct_start : float
        Share of the steps in which it rises.
    anneal_strategy : {"cos", "linear"}
        How it rises and falls.
    weight_decay : float
        Of the optimizer.
    beta_2 : float
        Share of squared gradients that each step of Adam and AdamW keeps.
    label_smoothing : float
        Share of every target that is spread over all classes.
    patience : int or None
        Epochs without a better validation result before training ends early; None for never.
    seed : int
        Key of first weights, order, augmentation and validation split.
    precision : {"auto", "float32", "bfloat16"}
        Of what convolutions and dense layers multiply.
    """

    format: int = FORMAT
    kernelet: str
    instruction_set: str
    data: str
    data_fingerprint: str
    image_size: tuple[int, int]
    channels: int
    resize: Literal["crop", "stretch"]
    validation_split: float
    exclude: tuple[str, ...] = ()
    exclude_list: str | None = None
    network: str
    augment: bool
    flip: bool
    epochs: int
    batch_size: int
    optimizer: Literal["adamw", "adam", "sgd"]
    learning_rate: float
    pct_start: float = 0.25
    anneal_strategy: Literal["cos", "linear"] = "cos"
    weight_decay: float
    beta_2: float = 0.999
    label_smoothing: float
    patience: int | None
    seed: int
    precision: str

    def save(self, path: Path) -> None:
        """Write the configuration; the file appears whole or not at all."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        write_atomically(path, text + b"\n")


class _Versions(msgspec.Struct):
    format: int
    kernelet: str = "?"


def load_configuration(path: Path) -> RunConfiguration:
    """Read the configuration of a run.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or written by a later kernelet.
    """
    try:
        content = path.read_bytes()
        versions = msgspec.json.decode(content, type=_Versions)
        if versions.format > FORMAT:
            raise ModelFileError(
                f"{quoted(str(path))} was written by kernelet {versions.kernelet}, in format "
                f"{versions.format}; this one reads up to {FORMAT}.\n"
                f"  Resume it with kernelet {versions.kernelet} or later."
            )
        return msgspec.json.decode(content, type=RunConfiguration)
    except OSError as error:
        raise ModelFileError(f"{quoted(str(path))} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise ModelFileError(
            f"{quoted(str(path))} is damaged: {error}.\n"
            "  The run cannot be resumed; begin a new one."
        ) from error
