"""Receptive fields against what changing single pixels changes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from kernelet.errors import UsageError
from kernelet.explain import feature_maps
from kernelet.explain.feature_maps import call_names
from kernelet.explain.receptive_field import ReceptiveFields
from kernelet.layers import (
    Add,
    AveragePooling2D,
    BatchNormalization,
    Concatenate,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Input,
)
from kernelet.model import Model

HEIGHT, WIDTH = 15, 11


def padded() -> Model:
    """Every padding, dilation, branches, enlargement."""
    x = Input((HEIGHT, WIDTH, 1))
    one = BatchNormalization(name="norm")(Conv2D(2, 3, strides=2, padding="same", name="conv")(x))
    wide = Conv2D(2, (3, 1), dilation_rate=(2, 1), padding="same", name="wide")(one)
    pooled = AveragePooling2D(2, padding="same", name="pool")(Add(name="sum")([one, wide]))
    up = Conv2DTranspose(2, 2, strides=2, padding="same", name="up")(pooled)
    other = Conv2D(1, 1, strides=2, name="other")(AveragePooling2D(2, 1, "same", name="a")(x))
    full = Conv2D(1, 2, padding="full", name="full")(Concatenate(name="joined")([up, other]))
    ends = Concatenate(name="ends")(
        [Flatten(name="flat")(full), GlobalAveragePooling2D(name="means")(full)]
    )
    return positive(Model(x, Dense(2, name="dense")(ends)))


def unpadded() -> Model:
    """Strides, branches and enlargement; windows that have no gaps and stay inside."""
    x = Input((HEIGHT, WIDTH, 1))
    pooled = AveragePooling2D(2, 1, name="pool")(Conv2D(2, (5, 3), strides=2, name="conv")(x))
    up = Conv2DTranspose(2, 3, strides=2, name="up")(pooled)
    other = Conv2D(1, (5, 3), name="other")(x)
    return positive(Model(x, Conv2D(1, 2, name="last")(Concatenate(name="joined")([up, other]))))


def positive(model: Model) -> Model:
    """Let every weight be 1, so that no two effects cancel."""
    for name in model.weight_names:
        model.weights.assign(name, np.ones_like(model.weights[name]))
    return model


Ranges = tuple[tuple[int, int], ...]


def seen_and_boxes(model: Model) -> Iterator[tuple[str, Ranges, Ranges]]:
    """Yield, for each cell of each call, the pixels that change it, and its box in the picture."""
    fields = ReceptiveFields(model.graph)
    pictures = np.zeros((1 + HEIGHT * WIDTH, HEIGHT, WIDTH, 1), np.float32)
    pictures[1:].reshape(HEIGHT * WIDTH, -1)[...] = np.eye(HEIGHT * WIDTH)
    maps = feature_maps(model, pictures)
    for number, name in list(enumerate(call_names(model.graph)))[1:]:
        shape = model.graph.calls[number].shape[:-1]
        changed = (maps[name][1:] != maps[name][:1]).any(axis=-1)
        changed = changed.reshape(HEIGHT, WIDTH, *shape)
        for cell in np.ndindex(shape):
            places = np.nonzero(changed[:, :, *cell])
            seen = tuple((int(axis.min()), int(axis.max()) + 1) for axis in places)
            box = fields.box(number, cell)
            inside = tuple(
                (max(first, 0), min(end, length))
                for (first, end), length in zip(box, (HEIGHT, WIDTH), strict=True)
            )
            yield name, seen, inside


def test_boxes_hold_exactly_what_changes_the_cell() -> None:
    count = 0
    for name, seen, inside in seen_and_boxes(unpadded()):
        assert inside == seen, name
        count += 1
    assert count > 300


def test_boxes_hold_all_that_changes_the_cell_beside_padding() -> None:
    for name, seen, inside in seen_and_boxes(padded()):
        for (first, end), (low, high) in zip(inside, seen, strict=True):
            assert first <= low < high <= end, name


def test_boxes_reach_into_the_padding() -> None:
    fields = ReceptiveFields(padded().graph)
    assert fields.box(1, (0, 0)) == ((-1, 2), (-1, 2))
    assert fields.centres(1, 0) == [0, 2, 4, 6, 8, 10, 12, 14]


def test_several_inputs() -> None:
    one, two = Input((3,)), Input((3,))
    with pytest.raises(UsageError, match="the network has 2"):
        ReceptiveFields(Model([one, two], Add()([one, two])).graph)
