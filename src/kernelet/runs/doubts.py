"""What a trained network says about the labels of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from kernelet.data import Split, load_dataset
from kernelet.data.doctor import doubtful_labels
from kernelet.data.splits import choose_validation
from kernelet.executors.native_processor import usable_threads

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.data import Dataset
    from kernelet.data.doctor import Finding
    from kernelet.runs.classifier import Classifier


def doubts(classifier: Classifier, data: str, threads: int | None = None) -> list[Finding]:
    """Find the labels that a network contradicts.

    Parameters
    ----------
    classifier : Classifier
        The network.
    data : str
        Path or name of the data set; its classes are matched by name.
    threads : int, optional
        By default as many as the process may use.

    Raises
    ------
    DataError
        If the data set has classes that the network does not know.
    """
    dataset = load_dataset(
        data,
        image_size=classifier.image_shape[:2],
        channels=classifier.image_shape[2],
        resize=classifier.resize,
        class_names=classifier.class_names,
        validation_split=0,
        threads=usable_threads() if threads is None else threads,
    )
    probabilities = {
        name: classifier.probabilities(part.images, threads=threads)
        for name, part in dataset.splits.items()
    }
    return doubtful_labels(dataset, probabilities, _learned(classifier, dataset, data))


def _learned(classifier: Classifier, dataset: Dataset, data: str) -> NDArray[np.bool_] | None:
    """Return which training pictures the network has learned from, if it has from this data."""
    configuration = classifier.model.training_record.get("configuration", {})
    if dataset.train is None or not isinstance(configuration, dict):
        return None
    learned = np.ones(len(dataset.train), np.bool_)
    if dataset.validation is None:
        share, seed = configuration.get("validation_split", 0), configuration.get("seed", 0)
        learned = ~choose_validation(dataset.train.labels, float(share), int(seed))
    excluded = set(configuration.get("exclude", ()))
    if excluded:
        # What was set aside then was chosen among the others; the data is known by its name only.
        names = [dataset.name_of("train", row) for row in range(len(learned))]
        learned = np.array([name not in excluded for name in names])
    divided = _divided(dataset, learned) if dataset.validation is None else dataset
    same = configuration.get("data_fingerprint") == divided.fingerprint
    return learned if same or classifier.was_trained_on(data) else None


def _divided(dataset: Dataset, learned: NDArray[np.bool_]) -> Dataset:
    """Return the data set as it was divided for a training."""
    assert dataset.train is not None
    parts = [
        Split(dataset.train.images[rows], dataset.train.labels[rows])
        for rows in (learned, ~learned)
    ]
    return replace(dataset, train=parts[0], validation=parts[1] if len(parts[1]) else None)
