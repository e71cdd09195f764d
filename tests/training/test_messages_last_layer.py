"""What is said where the loss does not take what the last layer gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelet import layers, losses
from kernelet.errors import ConfigurationError
from kernelet.layers import Input
from kernelet.model import Sequential
from messages import GREY, LABELS, SPARSE, fitted, network

LAST: list[tuple[int, str | None, losses.Loss, str]] = [
    (
        4,
        None,
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} takes probabilities, and 'classes' ends without an activation.\n"
            "  Try activation=\"softmax\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        4,
        "relu",
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} takes probabilities, and 'classes' ends in relu.\n"
            "  Try activation=\"softmax\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        1,
        None,
        losses.BinaryCrossentropy(),
        (
            "the loss binary_crossentropy takes probabilities, and 'classes' ends without an"
            " activation.\n"
            "  Try activation=\"sigmoid\" in 'classes' or from_logits=True in the loss."
        ),
    ),
    (
        1,
        "softmax",
        losses.BinaryCrossentropy(),
        (
            "'classes' ends in a softmax over one number, which is always 1.\n"
            '  Try activation="sigmoid" there or one unit a class.'
        ),
    ),
    (
        4,
        "softmax",
        losses.SparseCategoricalCrossentropy(from_logits=True),
        (
            f"{SPARSE} with from_logits=True applies a softmax by itself, and 'classes' ends in a"
            " softmax already.\n"
            "  Try from_logits=False or leaving the activation of 'classes' out."
        ),
    ),
    (
        1,
        "softmax",
        losses.SparseCategoricalCrossentropy(),
        (
            f"{SPARSE} needs one number for each of at least two classes, and the network's output"
            " has shape (1,). End the network with Dense(classes), or use the loss"
            ' "binary_crossentropy" for a single number.'
        ),
    ),
]


@pytest.mark.parametrize(
    ("units", "activation", "loss", "text"), LAST, ids=[c[3][-50:] for c in LAST]
)
def test_a_last_layer_that_the_loss_does_not_take(
    units: int, activation: str | None, loss: losses.Loss, text: str
) -> None:
    model = network(units=units, activation=activation)
    before = [w.copy() for w in model.get_weights()]
    acts: list[Callable[[], None]] = [
        lambda: fitted(GREY, LABELS % 2, model, loss),
        lambda: _evaluated(model, loss),
    ]
    for act in acts:
        with pytest.raises(ConfigurationError) as raised:
            act()
        assert str(raised.value) == text
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def _evaluated(model: Sequential, loss: losses.Loss) -> None:
    model.compile("adam", loss)
    model.evaluate(GREY, LABELS % 2, verbose=0)


@pytest.mark.parametrize(
    "last",
    [
        [layers.Conv2D(4, 1, activation="softmax"), layers.GlobalAveragePooling2D()],
        [layers.Flatten(), layers.Dense(4, activation="softmax"), layers.Dropout(0.1)],
        [layers.Flatten(), layers.Dense(4, activation="sigmoid")],
        [layers.Flatten(), layers.Dense(4), layers.Softmax()],
    ],
    ids=["pooled", "dropped out", "sigmoid", "a layer of its own"],
)
def test_probabilities_that_something_follows_pass(last: list[layers.Layer]) -> None:
    fitted(GREY, LABELS, Sequential([Input((6, 5, 1)), *last]))
