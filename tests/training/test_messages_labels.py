"""What is said of labels that do not fit the loss; every repair is tried."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.errors import DataError, KerneletError, ShapeError
from messages import GREY, LABELS, SPARSE, fitted, network, repairs_of

Y: list[tuple[Any, str, str, type[KerneletError]]] = [
    (
        LABELS + 1,
        "sparse_categorical_crossentropy",
        (
            "y[3] is 4, and the network has 4 outputs: labels must be 0 to 3; 3 of 12 are not.\n"
            "  Try y - 1 for classes numbered from 1 or Dense(5) as the last layer."
        ),
        DataError,
    ),
    (
        LABELS * 10,
        "sparse_categorical_crossentropy",
        (
            "y[1] is 10, and the network has 4 outputs: labels must be 0 to 3; 9 of 12 are not.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers classes from 0 or"
            " Dense(31) as the last layer."
        ),
        DataError,
    ),
    (
        LABELS - 1,
        "sparse_categorical_crossentropy",
        (
            "y[0] is -1, and the network has 4 outputs: labels must be 0 to 3; 3 of 12 are not.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers classes from 0."
        ),
        DataError,
    ),
    (
        LABELS + 0.5,
        "sparse_categorical_crossentropy",
        (
            "y[0] is 0.5, and the network has 4 outputs: labels must be 0 to 3; 12 of 12 are not.\n"
            '  Try y.astype(int), if these are classes or the loss "mean_squared_error" if not.'
        ),
        DataError,
    ),
    (
        np.eye(4)[LABELS],
        "sparse_categorical_crossentropy",
        (
            f"{SPARSE} needs y of shape (samples,), got (12, 4).\n"
            '  Try the loss "categorical_crossentropy" for one number a class or y.argmax(axis=1).'
        ),
        ShapeError,
    ),
    (
        np.zeros((12, 2), int),
        "sparse_categorical_crossentropy",
        f"{SPARSE} needs y of shape (samples,), got (12, 2).\n  Try one class number a sample.",
        ShapeError,
    ),
    (
        LABELS,
        "categorical_crossentropy",
        (
            "the loss categorical_crossentropy needs y of shape (samples, 4), got (12,).\n"
            '  Try the loss "sparse_categorical_crossentropy" for class numbers or numpy.eye(4)[y].'
        ),
        ShapeError,
    ),
    (
        np.eye(5)[LABELS],
        "categorical_crossentropy",
        (
            "the loss categorical_crossentropy needs y of shape (samples, 4), got (12, 5).\n"
            "  Try Dense(5) as the last layer."
        ),
        ShapeError,
    ),
    (
        np.eye(4)[LABELS] + np.eye(4)[0],
        "categorical_crossentropy",
        (
            "y[0] adds up to 2: each label is one class, whose numbers add up to 1; 12 of 12 labels"
            ' are not.\n  Try the loss "binary_crossentropy" behind a sigmoid for several classes'
            " at once or y / y.sum(axis=1, keepdims=True) for counts."
        ),
        DataError,
    ),
    (
        -np.eye(4)[LABELS],
        "categorical_crossentropy",
        (
            "y[0] holds numbers below 0: each label is one class, whose numbers add up to 1;"
            ' 12 of 12 labels are not.\n  Try the loss "binary_crossentropy" behind a sigmoid'
            " for several classes at once or y / y.sum(axis=1, keepdims=True) for counts."
        ),
        DataError,
    ),
    (
        LABELS,
        "mean_squared_error",
        (
            "the loss mean_squared_error needs y of shape (samples, 4), got (12,).\n"
            "  Try Dense(1) as the last layer for one number a sample or the loss"
            ' "sparse_categorical_crossentropy" for 4 classes.'
        ),
        ShapeError,
    ),
]


@pytest.mark.parametrize(("y", "loss", "text", "kind"), Y, ids=[case[2][-50:] for case in Y])
def test_labels_that_do_not_fit(y: Any, loss: str, text: str, kind: type[KerneletError]) -> None:
    with pytest.raises(kind) as raised:
        fitted(GREY, y, loss=loss)
    assert str(raised.value) == text
    for repair in repairs_of(text):
        if units := re.match(r"Dense\((\d+)\)", repair):
            fitted(GREY, y, network(units=int(units[1]), activation=_suited(loss)), loss)
        elif other := re.match(r'the loss "(\w+)"', repair):
            if other[1].startswith("mean"):
                fitted(GREY, y, network(units=1), other[1])
            elif other[1].startswith("binary"):
                fitted(GREY, np.clip(y, 0, 1), network(activation="sigmoid"), other[1])
            else:
                fitted(GREY, y, loss=other[1])
        elif repair.startswith("y / y.sum") and (y < 0).any():
            continue  # for counts, which are not negative
        elif repair != "one class number a sample":
            code = repair.split(", if")[0].split(" for ")[0].split(", which")[0]
            fitted(GREY, eval(code, {"y": y, "numpy": np}), loss=loss)


def _suited(loss: str) -> str | None:
    return None if loss == "mean_squared_error" else "softmax"


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (
            LABELS,
            (
                "y[2] holds 2: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try Dense(4, activation="softmax") as the last layer and the loss'
                ' "sparse_categorical_crossentropy" for class numbers.'
            ),
        ),
        (
            LABELS % 2 * 2 - 1,
            (
                "y[0] holds -1: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                "  Try (y + 1) / 2."
            ),
        ),
        (
            LABELS % 2 * 255,
            (
                "y[1] holds 255: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try Dense(256, activation="softmax") as the last layer and the loss'
                ' "sparse_categorical_crossentropy" for class numbers or y / 255.'
            ),
        ),
        (
            LABELS - 0.5,
            (
                "y[0] holds -0.5: the loss binary_crossentropy needs numbers from 0 to 1.\n"
                '  Try numbers from 0 to 1 or the loss "mean_squared_error".'
            ),
        ),
    ],
)
def test_labels_of_yes_and_no(y: NDArray[Any], text: str) -> None:
    with pytest.raises(DataError) as raised:
        fitted(GREY, y, network(units=1, activation="sigmoid"), "binary_crossentropy")
    assert str(raised.value) == text
