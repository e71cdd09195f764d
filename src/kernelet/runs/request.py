"""What a user asks of a run, before the choices left open are made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from kernelet.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class TrainingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A new run; None leaves a choice to kernelet.

    Attributes
    ----------
    data : str or None
        Path or name of the data set; None for the packaged sample.
    network : str or None
        Name in `kernelet.networks`.
    epochs : int or None
        Length of the training.
    minutes : float or None
        Length of the training by the clock; not together with ``epochs``.
    image_size : int, (int, int) or None
        Side, or height and width, to bring pictures to.
    resize : {"crop", "stretch"}
        How pictures of other proportions fit.
    channels : {1, 3} or None
        Grey or RGB.
    batch_size : int or None
        Pictures a step.
    learning_rate, weight_decay : float or None
        Of the optimizer.
    optimizer : {"adamw", "adam", "sgd"}
        How weights follow gradients.
    validation_split : float
        Share of the training pictures set aside where the data has no validation pictures.
    exclude : Path or None
        List of pictures to leave out; see `kernelet.data.doctor.read_exclusion`.
    augment, flip : bool
        Whether training pictures may be changed at random; whether some may be mirrored.
    patience : int or None
        Epochs without a better validation result before training ends early.
    seed : int
        Key of all that is random.
    precision : {"auto", "float32", "bfloat16"}
        Of what convolutions and dense layers multiply.
    out : Path or None
        The run folder.
    """

    data: str | None = None
    network: str | None = None
    epochs: int | None = None
    minutes: float | None = None
    image_size: int | tuple[int, int] | None = None
    resize: str = "crop"
    channels: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    optimizer: str = "adamw"
    validation_split: float = 0.1
    exclude: Path | None = None
    augment: bool = True
    flip: bool = True
    patience: int | None = None
    seed: int = 0
    precision: str = "auto"
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.minutes is not None:
            raise UsageError(
                "--epochs and --minutes both say how long to train.\n  Give one of the two."
            )


def require_network(name: str | None) -> None:
    """Raise ConfigurationError for a network that does not exist."""
    if name is None:
        return
    from kernelet.networks import NETWORKS

    if name not in NETWORKS:
        raise ConfigurationError(
            f"There is no network {name!r}.\n  Choose one of {', '.join(NETWORKS)}."
        )


def parse_image_size(text: str | None) -> int | tuple[int, int] | None:
    """Return the size that a text such as "64" or "48x64" (height, width) stands for.

    Raises
    ------
    UsageError
        If it stands for none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})(?:[x×](\d{1,5}))?", text.strip())
    if match is None:
        raise UsageError(
            f"--image-size is {text!r}; expected a side such as 64, or height and width such as "
            "48x64."
        )
    height, width = match.groups()
    return int(height) if width is None else (int(height), int(width))
