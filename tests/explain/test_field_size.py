"""Sizes of receptive fields, against inputs of which one cell at a time is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet import layers
from kernelet.explain.field_size import FieldSize, field_sizes
from kernelet.layers import Input
from kernelet.model import Model, Sequential

LENGTH = 48


def _branches(x: Any) -> Any:
    near = layers.Conv1D(1, 3, padding="same")(x)
    far = layers.Conv1D(1, 5, padding="same", dilation_rate=2)(x)
    return layers.MaxPooling1D(2)(layers.Add()([near, far]))


def _encoder_and_decoder(x: Any) -> Any:
    half = layers.MaxPooling1D(2)(layers.Conv1D(1, 3, padding="same")(x))
    deep = layers.Conv1D(1, 3, padding="same")(layers.AveragePooling1D(2)(half))
    back = layers.Conv1DTranspose(1, 2, strides=2)(deep)
    joined = layers.Concatenate()([half, back])
    return layers.Conv1DTranspose(1, 3, strides=2, padding="same")(joined)


def _different_strides(x: Any) -> Any:
    short = layers.MaxPooling1D(3)(x)
    return layers.Add()([short, layers.Conv1D(1, LENGTH - LENGTH // 3 + 1)(x)])


NETWORKS: dict[str, tuple[Callable[[Any], Any], FieldSize]] = {
    "valid": (lambda x: layers.Conv1D(1, 5)(x), FieldSize((5,), (1.0,), False)),
    "two": (
        lambda x: layers.Conv1D(1, 3)(layers.Conv1D(1, 3)(x)),
        FieldSize((5,), (1.0,), False),
    ),
    "strided": (
        lambda x: layers.Conv1D(1, 3, strides=3)(layers.Conv1D(1, 4, strides=2)(x)),
        FieldSize((8,), (6.0,), False),
    ),
    "dilated": (
        lambda x: layers.Conv1D(1, 3, dilation_rate=4)(layers.MaxPooling1D(2)(x)),
        FieldSize((18,), (2.0,), False),
    ),
    "causal": (
        lambda x: layers.Conv1D(1, 4, padding="causal")(x),
        FieldSize((4,), (1.0,), False),
    ),
    "overlapping pooling": (
        lambda x: layers.Conv1D(1, 3)(layers.AveragePooling1D(3, strides=2, padding="same")(x)),
        FieldSize((7,), (2.0,), False),
    ),
    "cell by cell": (
        lambda x: layers.BatchNormalization()(layers.Activation("gelu")(x)),
        FieldSize((1,), (1.0,), False),
    ),
    "branches": (_branches, FieldSize((10,), (2.0,), False)),
    "transposed": (
        lambda x: layers.Conv1DTranspose(1, 3, strides=2)(x),
        FieldSize((2,), (0.5,), False),
    ),
    "down and up": (
        lambda x: layers.Conv1DTranspose(1, 2, strides=2)(layers.MaxPooling1D(2)(x)),
        FieldSize((2,), (1.0,), False),
    ),
    "encoder and decoder": (_encoder_and_decoder, FieldSize((18,), (1.0,), False)),
    "different strides": (_different_strides, FieldSize((33,), (), False)),
    "global": (
        lambda x: layers.GlobalAveragePooling1D()(layers.Conv1D(1, 3)(x)),
        FieldSize((LENGTH,), (), True),
    ),
    "dense": (
        lambda x: layers.Reshape((4, 1))(layers.Dense(4)(layers.Flatten()(x))),
        FieldSize((LENGTH,), (), True),
    ),
}


def _positive(model: Model) -> None:
    """Give weights that let no change cancel another."""
    generator = np.random.default_rng(0)
    for name in model.weight_names:
        model.weights[name][...] = generator.uniform(0.5, 1.5, model.weights[name].shape)


def _changed_by(model: Model, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which outputs change with which input cell, shape (input cells, output cells)."""
    _positive(model)
    still = np.random.default_rng(1).uniform(0, 1, (1, *shape, 1))
    count = int(np.prod(shape))
    moved = np.repeat(still, count, axis=0)
    moved.reshape(count, count)[np.diag_indices(count)] += 1000
    before, after = (
        model.predict(x.astype(np.float32), device="reference") for x in (still, moved)
    )
    return np.asarray((after != before).any(axis=-1).reshape(count, -1))


@pytest.mark.parametrize("name", NETWORKS)
def test_fields_are_as_large_as_what_changes_an_output(name: str) -> None:
    network, expected = NETWORKS[name]
    x = Input((LENGTH, 1))
    model = Model(x, network(x))
    assert field_sizes(model.graph)[-1] == expected
    changed = _changed_by(model, (LENGTH,))
    seen = [np.flatnonzero(column) for column in changed.T if column.any()]
    assert max(cells[-1] - cells[0] + 1 for cells in seen) == expected.size[0]
    inner = [cells for cells in seen if cells[0] > 0 and cells[-1] < LENGTH - 1]
    if expected.stride and len(inner) > 2:
        # A field that comes in several sizes moves by the stride on average.
        middles = [(cells[0] + cells[-1]) / 2 for cells in inner]
        average = (middles[-1] - middles[0]) / (len(middles) - 1)
        assert average == pytest.approx(expected.stride[0], abs=4 / len(middles))


def test_rows_and_columns() -> None:
    model = Sequential(
        [
            Input((11, 12, 1)),
            layers.Conv2D(1, (3, 1)),
            layers.MaxPooling2D((1, 2)),
            layers.Conv2D(1, 2),
        ]
    )
    expected = FieldSize((4, 4), (1.0, 2.0), False)
    assert field_sizes(model.graph)[-1] == expected
    changed = _changed_by(model, (11, 12)).reshape(11, 12, -1)
    for output in np.moveaxis(changed, -1, 0):
        rows, columns = (np.flatnonzero(output.any(axis=axis)) for axis in (1, 0))
        assert (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1) == expected.size
    assert expected.to_text() == "4×4 step 1×2"


def test_padding_counts_beyond_the_border() -> None:
    """As in the literature, where the size depends on the layers alone."""
    model = Sequential([Input((6, 6, 1)), *(layers.Conv2D(1, 5, padding="same") for _ in range(2))])
    assert field_sizes(model.graph)[-1] == FieldSize((9, 9), (1.0, 1.0), False)


def test_rows_of_numbers_and_several_inputs_have_none() -> None:
    assert field_sizes(Sequential([Input((3,)), layers.Dense(2)]).graph) == [None, None]
    one, two = Input((4, 4, 1)), Input((4, 4, 1))
    assert field_sizes(Model([one, two], layers.Add()([one, two])).graph) == [None] * 3
