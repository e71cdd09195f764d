"""Small networks and data that the tests of training share."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet import layers
from kernelet.layers import Input
from kernelet.model import Sequential

CLASSES = 4


def pictures(count: int = 120) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures whose brightest quarter is their class."""
    generator = np.random.default_rng(5)
    labels = generator.integers(0, CLASSES, count)
    images = generator.integers(0, 120, (count, 8, 8, 3)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += np.uint8(100)
    return images, labels


def full_network(seed: int = 3) -> Sequential:
    """Augmentation, statistics, dropout and several activations."""
    return Sequential(
        [
            Input((8, 8, 3)),
            layers.RandomFlip("vertical"),
            layers.RandomTranslation(0.1, 0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, padding="same"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Conv2D(5, 3, activation="gelu"),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        seed=seed,
    )


def plain_network(seed: int = 3) -> Sequential:
    """No statistics and nothing random."""
    return Sequential(
        [
            Input((8, 8, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        seed=seed,
    )


def regression(units: int = 1, seed: int = 1) -> Sequential:
    """One dense layer on three numbers."""
    return Sequential([Input((3,)), layers.Dense(units, name="dense")], seed=seed)


def digest(model: Any) -> str:
    """SHA-256 over the weights and the optimizer's slots."""
    content = model.weights.buffer.tobytes() + model.trainer.slots.buffer.tobytes()
    return hashlib.sha256(content).hexdigest()
