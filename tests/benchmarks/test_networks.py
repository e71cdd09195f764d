"""The networks of the benchmarks are the same in plain numbers and as models."""

import numpy as np
import pytest

from cliffs import draw
from kernelet.layers import Flatten
from kernelet.layers import GlobalAveragePooling2D as Averaging
from workers.kernelet_worker import build
from workers.networks import NETWORKS, Convolution, Network


def shapes_of(network: Network) -> tuple[int, ...]:
    """Return what the first dense layer of the model takes."""
    calls = build(network).graph.calls
    number = next(k for k, c in enumerate(calls) if isinstance(c.layer, Flatten | Averaging))
    if network.averaged:
        return (1, 1, *calls[number].shape)
    return calls[calls[number].inputs[0]].shape


@pytest.mark.parametrize("name", NETWORKS)
def test_sizes_are_those_of_the_model(name: str) -> None:
    network = NETWORKS[name]
    assert shapes_of(network) == network.features


def test_drawn_networks_have_the_sizes_of_their_models() -> None:
    generator = np.random.default_rng(3)
    for _ in range(40):
        network, batch_size = draw(generator)
        assert batch_size >= 1
        assert shapes_of(network) == network.features


def test_multiply_adds_of_lenet_by_hand() -> None:
    first, second = 28 * 28 * 25 * 6, 10 * 10 * 25 * 6 * 16
    dense = 400 * 120 + 120 * 84 + 84 * 10
    assert NETWORKS["lenet5"].multiply_adds == first + second + dense


def test_networks_survive_json() -> None:
    for network in NETWORKS.values():
        assert Network.from_json(network.to_json()) == network


def test_padding_has_keras_name_only_where_the_zeros_are_the_same() -> None:
    assert Convolution(1, 5, 2).mode == "same"
    assert Convolution(1, 3, 2, dilation=2).mode == "same"
    assert Convolution(1, 5).mode == "valid"
    assert Convolution(1, 3, 1, strides=2).mode is None
    assert Convolution(1, 4, 2).mode is None
