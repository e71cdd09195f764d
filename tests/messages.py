"""A small network, data for it, and what is said where they do not fit."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

import kernelet.data
from kernelet import layers, losses
from kernelet.layers import Input
from kernelet.model import Sequential

# For arguments that a type checker would refuse.
ANY: Any = kernelet
ANY_DATA: Any = kernelet.data

GREY = np.random.default_rng(0).random((12, 6, 5, 1), np.float32)
RGB = np.repeat(GREY, 3, axis=-1)
LABELS = np.arange(12) % 4

SPARSE = "the loss sparse_categorical_crossentropy"


def network(
    shape: tuple[int, ...] = (6, 5, 1), units: int = 4, activation: str | None = "softmax"
) -> Sequential:
    return Sequential(
        [
            Input(shape),
            layers.Flatten(),
            layers.Dense(units, activation=activation, name="classes"),
        ]
    )


def fitted(
    x: Any,
    y: Any,
    model: Sequential | None = None,
    loss: str | losses.Loss = "sparse_categorical_crossentropy",
    **options: Any,
) -> None:
    model = model or network()
    model.compile("adam", loss)
    model.fit(x, y, verbose=0, **options)


def repairs_of(message: str) -> list[str]:
    *_, last = message.split("\n")
    assert last.startswith("  Try ")
    return re.split(
        r", or |, (?=numpy|a |x|y)| or (?=a |Dense|numpy|x|y|the )", last[6:].rstrip(".")
    )
