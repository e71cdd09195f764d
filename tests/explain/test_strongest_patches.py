"""The patches that filters answer to most, against all outputs of all pictures."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet import layers
from kernelet.errors import UsageError
from kernelet.explain import feature_maps, strongest_patches
from kernelet.explain.receptive_field import ReceptiveFields
from kernelet.explain.strongest_patches import crop
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from small_networks import full_network, pictures


def test_largest_outputs_of_every_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = full_network()
    images, _ = pictures(50)
    # The function hides its module.
    monkeypatch.setitem(strongest_patches.__globals__, "_MEMORY", 1)  # chunks of 16
    found = strongest_patches(model, images, patches=4)
    assert list(found) == ["conv2d", "conv2d_1"]
    fields = ReceptiveFields(model.graph)
    for name, patches in found.items():
        maps = feature_maps(model, images, name)[name]
        number = list(model.graph.layers).index(name)
        highest = maps.max(axis=(1, 2))
        order = np.argsort(-highest, axis=0, kind="stable")[:4]
        np.testing.assert_array_equal(patches.pictures, order.T)
        np.testing.assert_allclose(
            patches.values, np.take_along_axis(highest, order, 0).T, rtol=1e-6
        )
        for filter_number, row in enumerate(patches.pictures):
            for picture, box in zip(row, patches.boxes[filter_number], strict=True):
                one = maps[picture, ..., filter_number]
                cell = tuple(int(k) for k in np.unravel_index(one.argmax(), one.shape))
                assert box == fields.box(number, cell)


def test_patch_is_what_the_filter_sees() -> None:
    filters = np.random.default_rng(0).normal(size=(3, 3, 1, 2))
    model = Sequential([Input((9, 12, 1)), layers.Conv2D(2, 3, padding="same", name="conv")])
    model.set_weights([filters, [0, 0]])
    images = np.random.default_rng(1).integers(0, 256, (20, 9, 12, 1)).astype(np.uint8)
    found = strongest_patches(model, images)["conv"]
    for k in range(2):
        for value, picture, box in zip(
            found.values[k], found.pictures[k], found.boxes[k], strict=True
        ):
            patch = crop(images[picture], box, outside=0)
            assert (patch * filters[..., k]).sum() == pytest.approx(value, rel=1e-5)


def test_fewer_pictures_than_patches_and_named_layers() -> None:
    images, _ = pictures(2)
    found = strongest_patches(full_network(), images, ["conv2d_1"], patches=9)
    assert list(found) == ["conv2d_1"]
    assert found["conv2d_1"].values.shape == (5, 2)


def test_shared_layers_have_an_entry_a_call() -> None:
    x = Input((6, 6, 1))
    shared = layers.Conv2D(1, 3, padding="same", name="shared")
    model = Model(x, shared(shared(x)))
    found = strongest_patches(model, np.random.default_rng(2).random((4, 6, 6, 1)), patches=1)
    assert list(found) == ["shared", "shared:2"]
    (first, end), _ = found["shared:2"].boxes[0][0]
    assert end - first == 5


def test_mistakes() -> None:
    images, _ = pictures(2)
    with pytest.raises(UsageError, match="'dense' is not a convolution of pictures"):
        strongest_patches(full_network(), images, ["dense"])
    with pytest.raises(UsageError, match="at least one patch"):
        strongest_patches(full_network(), images[:0])
