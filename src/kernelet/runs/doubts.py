"""What a trained network says about the labels of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data import load_dataset
from kernelet.data.doctor import doubtful_labels
from kernelet.executors.native_processor import usable_threads

if TYPE_CHECKING:
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
    configuration = classifier.model.training_record.get("configuration", {})
    split, seed = 0.0, 0
    if isinstance(configuration, dict):
        # Divided as for the training, the validation pictures are none that it learned from.
        split = float(configuration.get("validation_split", split))
        seed = int(configuration.get("seed", seed))
    dataset = load_dataset(
        data,
        image_size=classifier.image_shape[:2],
        channels=classifier.image_shape[2],
        resize=classifier.resize,
        class_names=classifier.class_names,
        validation_split=split,
        seed=seed,
        threads=usable_threads() if threads is None else threads,
    )
    probabilities = {
        name: classifier.probabilities(part.images, threads=threads)
        for name, part in dataset.splits.items()
    }
    seen = classifier.was_trained_on(data) or _is_same(dataset, configuration)
    return doubtful_labels(dataset, probabilities, "train" if seen else None)


def _is_same(dataset: Dataset, configuration: object) -> bool:
    """Whether the pictures are those that the training is recorded to have begun with."""
    return (
        isinstance(configuration, dict)
        and configuration.get("data_fingerprint") == dataset.fingerprint
    )
