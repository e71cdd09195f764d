"""What is said of arrays that do not fit the network; every repair is tried."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.data import load_dataset
from kernelet.errors import DataError, ShapeError
from messages import GREY, LABELS, RGB, fitted, network, repairs_of

ARRAYS: list[tuple[NDArray[Any], tuple[int, ...], str]] = [
    (
        GREY[0],
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (6, 5, 1).\n"
            "  Try x[numpy.newaxis] for a single sample."
        ),
    ),
    (
        np.moveaxis(RGB, -1, 1),
        (6, 5, 3),
        "x must have shape (samples, 6, 5, 3), got (12, 3, 6, 5).\n  Try numpy.moveaxis(x, 1, -1).",
    ),
    (
        RGB,
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (12, 6, 5, 3).\n"
            "  Try x.mean(axis=-1, keepdims=True) for grey from colour or a network that begins"
            " with Input((6, 5, 3))."
        ),
    ),
    (
        GREY,
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5, 1).\n"
            "  Try numpy.repeat(x, 3, axis=-1) for grey pictures or a network that begins with"
            " Input((6, 5, 1))."
        ),
    ),
    (
        GREY[..., 0],
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5).\n"
            "  Try numpy.stack([x] * 3, axis=-1) for grey pictures."
        ),
    ),
    (
        np.repeat(GREY, 4, axis=-1),
        (6, 5, 3),
        (
            "x must have shape (samples, 6, 5, 3), got (12, 6, 5, 4).\n"
            "  Try x[..., :3] for colour without transparency or a network that begins with"
            " Input((6, 5, 4))."
        ),
    ),
    (
        np.swapaxes(GREY, 1, 2),
        (6, 5, 1),
        "x must have shape (samples, 6, 5, 1), got (12, 5, 6, 1).\n  Try numpy.swapaxes(x, 1, 2).",
    ),
    (
        GREY.reshape(12, 30),
        (6, 5, 1),
        "x must have shape (samples, 6, 5, 1), got (12, 30).\n  Try x.reshape(-1, 6, 5, 1).",
    ),
    (
        GREY[0].ravel(),
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (30,).\n"
            "  Try numpy.reshape(x, (1, 6, 5, 1)) for a single sample."
        ),
    ),
    (
        GREY[:, :4],
        (6, 5, 1),
        (
            "x must have shape (samples, 6, 5, 1), got (12, 4, 5, 1).\n"
            "  Try pictures of 6×5 or a network that begins with Input((4, 5, 1))."
        ),
    ),
    (
        GREY[:, :4, 0, 0],
        (7,),
        (
            "x must have shape (samples, 7), got (12, 4).\n"
            "  Try a network that begins with Input((4,))."
        ),
    ),
]


@pytest.mark.parametrize(("x", "expected", "text"), ARRAYS, ids=[case[2][-50:] for case in ARRAYS])
def test_arrays_of_another_shape(x: NDArray[Any], expected: tuple[int, ...], text: str) -> None:
    with pytest.raises(ShapeError) as raised:
        fitted(x, LABELS, network(expected))
    assert str(raised.value) == text
    with pytest.raises(ShapeError, match=re.escape(text.split("\n")[1])):
        network(expected).predict(x)
    for repair in repairs_of(text):
        if begins := re.search(r"Input\((\(.*\))\)", repair):
            assert network(eval(begins[1])).predict(x).shape == (12, 4)
        elif not repair.startswith("pictures"):
            repaired = eval(repair.split(" for ")[0], {"x": x, "numpy": np})
            assert network(expected).predict(repaired).shape[1:] == (4,)


NO_NUMBERS: list[tuple[Any, Any, str]] = [
    (
        None,
        LABELS,
        "x must hold real numbers, not None.\n  Try giving x: an array with a row a sample.",
    ),
    (
        GREY,
        None,
        "y must hold real numbers, not None.\n  Try giving y: an array with a row a sample.",
    ),
    (
        ["a.jpg", "b.jpg"],
        LABELS,
        (
            "x must hold real numbers, not texts such as 'a.jpg'.\n"
            "  Try kernelet.data.load_dataset(FOLDER), which reads pictures from files."
        ),
    ),
    (
        GREY,
        np.array(["fox", "cat", "dog", "cow"])[LABELS],
        (
            "y must hold real numbers, not texts such as 'fox'.\n"
            "  Try numpy.unique(y, return_inverse=True)[1], which numbers the names from 0."
        ),
    ),
    (
        GREY + 1j,
        LABELS,
        (
            "x must hold real numbers, not complex ones (complex64).\n"
            "  Try numpy.abs(x) or numpy.real(x)."
        ),
    ),
    (
        [np.zeros((6, 5, 1)), np.zeros((6, 4, 1))],
        LABELS,
        (
            "x cannot be made one array: its samples differ in shape: (6, 5, 1) and (6, 4, 1).\n"
            "  Try bringing them to one size first or kernelet.data.load_dataset, which does it for"
            " folders."
        ),
    ),
    (
        [{"a": 1}],
        LABELS,
        (
            "x must hold real numbers, not dict objects.\n"
            "  Try numpy.stack(x), where it holds arrays of one shape."
        ),
    ),
]


@pytest.mark.parametrize(("x", "y", "text"), NO_NUMBERS, ids=[case[2][-50:] for case in NO_NUMBERS])
def test_what_holds_no_numbers(x: Any, y: Any, text: str) -> None:
    with pytest.raises(DataError) as raised:
        fitted(x, y)
    assert str(raised.value) == text


def test_names_of_classes_numbered_as_told() -> None:
    y = np.array(["fox", "cat", "dog", "cow"])[LABELS]
    fitted(GREY, np.unique(y, return_inverse=True)[1])


def test_data_sets_in_place_of_arrays() -> None:
    data = load_dataset("sample")
    with pytest.raises(DataError) as raised:
        fitted(data.train, None)
    assert str(raised.value) == (
        "x must hold real numbers, not a Split.\n  Try its .images as x and its .labels as y."
    )
    with pytest.raises(DataError) as raised:
        fitted(data, None)
    assert str(raised.value) == (
        "x must hold real numbers, not a Dataset.\n  Try the .images and .labels of its .train."
    )
