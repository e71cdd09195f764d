"""What a report is about."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from kernelet.executors.native_processor import usable_threads
from kernelet.explain.certainty import Answers, answers
from kernelet.explain.summary import Summary, summarize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.data import Dataset, Split
    from kernelet.model import Model
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.scores import Scores


class Subject(msgspec.Struct, frozen=True, dict=True):
    """A finished run with all that was measured.

    Attributes
    ----------
    name : str
        Of the run folder.
    configuration : RunConfiguration
    dataset : Dataset
    model : Model
        The best network, with the record of its training.
    split : str
        That it was measured on.
    probabilities : ndarray of float32, shape (pictures, classes)
        Answers for the pictures of the split.
    scores : Scores
        What follows from them.
    threads : int or None
        None for as many as the process may use.
    """

    name: str
    configuration: RunConfiguration
    dataset: Dataset
    model: Model
    split: str
    probabilities: NDArray[np.float32]
    scores: Scores
    threads: int | None

    @property
    def pictures(self) -> Split:
        """The pictures that the network was measured on."""
        return self.dataset.splits[self.split]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.dataset.class_names

    @property
    def history(self) -> dict[str, list[float]]:
        """A number an epoch for each column of ``history.csv``."""
        history: dict[str, list[float]] = self.model.training_record["history"]
        return history

    @property
    def best_epoch(self) -> int:
        """The epoch whose network was kept, from 1."""
        best: int = self.model.training_record["best_epoch"]
        return best

    @property
    def workers(self) -> int:
        """Threads that work on it."""
        return self.threads or usable_threads()

    @cached_property
    def answers(self) -> Answers:
        """What the network answered."""
        return answers(self.probabilities, self.pictures.labels)

    @cached_property
    def summary(self) -> Summary:
        """Layers of the network."""
        return summarize(self.model, forecast=False)

    def file(self, row: int) -> str:
        """Return the name of a measured picture."""
        files = self.pictures.files
        return f"{self.split}[{row}]" if files is None else files[row]

    def class_of(self, row: int) -> str:
        """Return the name of the true class of a measured picture."""
        return self.class_names[int(self.pictures.labels[row])]

    def some(self, most: int) -> NDArray[Any]:
        """Return some measured pictures, evenly chosen."""
        images = self.pictures.images
        return images[:: -(-len(images) // most)]
