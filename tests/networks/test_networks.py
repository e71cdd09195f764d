"""The networks that come along."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.explain.summary import summarize
from kernelet.networks import (
    NETWORKS,
    default_network,
    large_vgg,
    lenet5,
    make_network,
    small_vgg,
)
from kernelet.networks.parts import rescaling


def test_lenet_has_the_sizes_of_the_paper() -> None:
    for side, padding in ((28, "same"), (32, "valid")):
        model = lenet5((side, side, 1))
        assert model.get_layer("conv1").config()["padding"] == padding
        shapes = [row.shape for row in summarize(model).layers if row.weights]
        assert shapes == [(28, 28, 6), (10, 10, 16), (120,), (84,), (10,)]
        assert model.count_params() == 156 + 2416 + 48120 + 10164 + 850


@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_go_straight_in(name: str) -> None:
    shape = (64, 48, 3) if name == "large_vgg" else (32, 32, 3)
    model = NETWORKS[name](shape, classes=4)
    pictures = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
    probabilities = model(pictures)
    assert probabilities.shape == (3, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_seed_decides_the_first_weights(name: str) -> None:
    first, again, other = (NETWORKS[name](seed=seed).weights.sha256() for seed in (1, 1, 2))
    assert first == again != other


def test_cost() -> None:
    assert 5e6 < summarize(small_vgg()).multiply_adds < 12e6
    sides = (64, 128, 224)
    costs = [summarize(large_vgg((side, side, 3))).multiply_adds for side in sides]
    assert costs == sorted(costs)
    assert costs[-1] < 80e6


@pytest.mark.parametrize(
    ("shape", "name"),
    [
        ((28, 28, 1), "lenet5"),
        ((32, 32, 1), "lenet5"),
        ((32, 32, 3), "small_vgg"),
        ((8, 8, 1), "small_vgg"),
        ((63, 200, 3), "small_vgg"),
        ((64, 64, 3), "large_vgg"),
        ((224, 224, 1), "large_vgg"),
    ],
)
def test_default_suits_the_size(shape: tuple[int, int, int], name: str) -> None:
    assert default_network(shape, 5) == name
    assert NETWORKS[name](shape, 5).output_shape == (None, 5)


@pytest.mark.parametrize("height", [8, 9, 16, 31, 40, 63, 64, 100, 300])
@pytest.mark.parametrize("width", [8, 33, 65, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_default_fits_every_size(height: int, width: int, channels: int) -> None:
    shape = (height, width, channels)
    assert NETWORKS[default_network(shape, 2)](shape, 2).output_shape == (None, 2)


def test_too_small() -> None:
    text = (
        "no network suits pictures of 7×28; expected at least 8×8.\n"
        "  Bring them to a larger size, such as 32×32."
    )
    with pytest.raises(ConfigurationError, match=re.escape(text)):
        default_network((7, 28, 1), 10)
    with pytest.raises(ConfigurationError, match="at least 2 classes; got 1"):
        default_network((28, 28, 1), 1)


def test_rescaling_takes_mean_and_deviation() -> None:
    layer = rescaling((10.0, 20.0), (2.0, 4.0))
    assert layer([[14.0, 20.0]]).tolist() == [[2.0, 0.0]]
    with pytest.raises(ConfigurationError, match="2 means do not match 3 deviations"):
        rescaling((1.0, 2.0), (1.0, 2.0, 3.0))
    with pytest.raises(ConfigurationError, match="deviations must be above 0, got 0"):
        rescaling(1.0, 0.0)


def test_pictures_that_are_too_small() -> None:
    with pytest.raises(ShapeError) as raised:
        make_network("lenet5", (8, 40, 3), classes=4)
    assert str(raised.value) == (
        "Conv2D 'conv2': kernel 5×5 does not fit its 4×20 input (valid: 4 − 5 + 1 = 0).\n"
        "  8×40 → pool1 4×20 → conv2\n"
        "  Try pictures of at least 12×12, the network small_vgg, or the network large_vgg."
    )
    assert make_network("lenet5", (12, 12, 3), classes=4).output_shape == (None, 4)
    with pytest.raises(ShapeError):
        make_network("lenet5", (11, 11, 3), classes=4)
    with pytest.raises(ShapeError) as raised:
        make_network("small_vgg", (3, 3, 3), classes=4)
    assert str(raised.value).endswith("\n  Try pictures of at least 4×4.")
