"""Labels that a network contradicts."""

from __future__ import annotations

import numpy as np

from kernelet.data.dataset import Dataset, Split
from kernelet.data.doctor import doubtful_labels
from kernelet.data.doctor.labels import contradicted


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> list[int]:
    """Off-diagonal members of Northcutt's confident joint, by his definition, one at a time."""
    classes = probabilities.shape[1]
    means = [
        probabilities[labels == k, k].mean() if (labels == k).any() else np.inf
        for k in range(classes)
    ]
    found = []
    for row, label in enumerate(labels):
        sure = [k for k in range(classes) if probabilities[row, k] >= means[k]]
        if sure:
            best = max(sure, key=lambda k: probabilities[row, k])
            ahead = probabilities[row, best] - probabilities[row, label]
            if best != label and ahead >= 0.8 * means[best]:
                found.append(row)
    return found


def test_they_are_those_of_the_confident_joint() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500)
    scores = random.normal(size=(500, 5)) + 2 * np.eye(5)[labels]
    scores[:20] = random.normal(size=(20, 5)) + 4 * np.eye(5)[(labels[:20] + 1) % 4]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    rows, classes, margins = contradicted(probabilities, labels)
    assert sorted(rows.tolist()) == confident_joint(probabilities, labels)
    assert (np.diff(margins) <= 0).all()
    assert np.allclose(margins, probabilities[rows, classes] - probabilities[rows, labels[rows]])


def dataset(labels: list[int]) -> Dataset:
    count = len(labels)
    images = np.zeros((count, 2, 2, 1), np.uint8)
    split = Split(images, np.array(labels, np.int32), [f"{row}.png" for row in range(count)])
    return Dataset(("cat", "dog"), split, None, None, "pets")


def test_what_is_said_of_them() -> None:
    sure, other = [0.95, 0.05], [0.03, 0.97]
    probabilities = {"train": np.array([sure, sure, other, other, other])}
    (finding,) = doubtful_labels(dataset([0, 0, 1, 1, 0]), probabilities, None)
    assert finding.title == "1 label is contradicted by the network"
    ((item,),) = finding.groups
    assert (item.name, item.class_name, item.detail) == ("4.png", "cat", "taken for 'dog' (97 %)")
    learned = np.array([True, True, True, False, True])
    (finding,) = doubtful_labels(dataset([0, 0, 1, 1, 0]), probabilities, learned)
    assert "From 4 of these pictures the network has learned, from 1 of those" in finding.advice


def test_memory_hides_errors_and_that_is_said() -> None:
    probabilities = {"train": np.array([[1.0, 0.0], [0.0, 1.0]])}
    assert doubtful_labels(dataset([0, 1]), probabilities, None) == []
    (finding,) = doubtful_labels(dataset([0, 1]), probabilities, np.ones(2, bool))
    assert finding.kind == "limits"
    assert finding.title == (
        "no label is contradicted, but the network has learned from these pictures"
    )
