"""What a run has to say, in the order in which it happens.

The fields are those of the JSON lines that ``kernelet train --json`` writes; each object carries
its kind as ``event``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from kernelet.explain.summary import Summary


class BrokenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was left out."""

    file: str
    reason: str


class DataFound(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="data"):
    """The pictures are in memory.

    Attributes
    ----------
    source : str
        Where they came from.
    classes : list of str
        Names, in the order of the network's outputs.
    counts : dict of str to dict of str to int
        Pictures by split and class.
    image_shape : (int, int, int)
        Height, width and channels of every picture.
    notes : list of str
        What was found, converted and left out.
    broken : list of BrokenFile
        Pictures that could not be decoded.
    fingerprint : str
        SHA-256 of classes, pictures and labels.
    """

    source: str
    classes: list[str]
    counts: dict[str, dict[str, int]]
    image_shape: tuple[int, int, int]
    notes: list[str]
    broken: list[BrokenFile]
    fingerprint: str


class NetworkBuilt(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="network"):
    """The network and the plan of its training stand.

    Attributes
    ----------
    name : str
        Of the network.
    summary : Summary
        Its layers, with arithmetic and cost, and their sums.
    epochs, batch_size, threads : int
        Of the training.
    seconds : float
        Forecast of the time that the training takes, or what is left of it.
    memory : int
        Forecast of the memory that the process takes at most, in bytes.
    run : str
        The run folder.
    """

    name: str
    summary: Summary
    epochs: int
    batch_size: int
    threads: int
    seconds: float
    memory: int
    run: str


class EpochEnded(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="epoch"):
    """One more pass over the training pictures.

    Attributes
    ----------
    epoch, epochs : int
        Number of this epoch, from 1, and of all.
    loss, accuracy : float
        Over the training pictures, as they were met.
    val_loss, val_accuracy : float or None
        Over the validation pictures, after the epoch.
    learning_rate : float
        Of the epoch's last step.
    seconds : float
        That the epoch took.
    best : bool
        Whether the network was kept as the best so far.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    best: bool


class Warned(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="warning"):
    """Something the user should know; the run goes on, unless it says otherwise."""

    message: str


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="error"):
    """The command ends with this exit code."""

    message: str
    exit_code: int


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="done"):
    """The best network is saved and measured.

    Attributes
    ----------
    accuracy, loss : float
        Over the pictures of ``split``.
    split : {"test", "validation", "train"}
        "test" if there is one, else "validation", else "train".
    per_class : dict of str to float or None
        Recall of each class: the share of its pictures that were recognised; None without
        pictures.
    epochs : int
        Epochs trained.
    best_epoch : int
        The one whose network was kept.
    seconds : float
        Since the command began.
    model : str
        The model file.
    report : str or None
        The report; None where it could not be made.
    run : str
        The run folder.
    """

    accuracy: float
    loss: float
    split: str
    per_class: dict[str, float | None]
    epochs: int
    best_epoch: int
    seconds: float
    model: str
    report: str | None
    run: str


Event = DataFound | NetworkBuilt | EpochEnded | Warned | Failed | Finished
