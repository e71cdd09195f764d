"""First values: Keras' distributions, fixed by seed and position."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelet import initializers, layers
from kernelet.errors import ConfigurationError
from kernelet.model import Sequential

SHAPE = (3, 3, 20, 40)
INPUTS, OUTPUTS = 9 * 20, 9 * 40


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (INPUTS + OUTPUTS)),
        ("glorot_normal", 2 / (INPUTS + OUTPUTS)),
        ("he_uniform", 2 / INPUTS),
        ("he_normal", 2 / INPUTS),
        ("lecun_uniform", 1 / INPUTS),
        ("lecun_normal", 1 / INPUTS),
        ("random_uniform", 0.1**2 / 12),
        ("random_normal", 0.05**2),
    ],
)
def test_mean_and_variance(name: str, variance: float) -> None:
    values = initializers.get(name)(SHAPE, seed=0, key=0)
    count = math.prod(SHAPE)
    assert values.dtype == np.float32
    # Five standard errors; no distribution here has a larger kurtosis than the normal one.
    assert abs(values.mean()) < 5 * math.sqrt(variance / count)
    assert abs(values.var() / variance - 1) < 5 * math.sqrt(2 / count)
    if name.endswith("uniform"):
        assert np.abs(values).max() <= math.sqrt(3 * variance) * (1 + 1e-6)
    elif name != "random_normal":
        assert np.abs(values).max() <= 2 * math.sqrt(variance) / 0.8796 * (1 + 1e-4)


def test_constants() -> None:
    assert initializers.Constant(2.5)((2,), 0, 0).tolist() == [2.5, 2.5]
    assert initializers.get("zeros")((2,), 0, 0).tolist() == [0, 0]
    assert initializers.get("ones")((2,), 0, 0).tolist() == [1, 1]
    with pytest.raises(ConfigurationError, match="value must be a finite number, not inf"):
        initializers.Constant(math.inf)


def test_seed_and_position_decide() -> None:
    def network(seed: int | None = None) -> Sequential:
        return Sequential([layers.Input((6,)), layers.Dense(6), layers.Dense(6)], seed=seed)

    first, again, other = network(3), network(3), network(4)
    np.testing.assert_array_equal(first.weights.buffer, again.weights.buffer)
    assert not np.array_equal(first.weights.buffer, other.weights.buffer)
    assert not np.array_equal(first.layers[0].kernel, first.layers[1].kernel)
    np.testing.assert_array_equal(network().weights.buffer, network(0).weights.buffer)


def test_default_seed() -> None:
    from kernelet.utils import set_random_seed

    try:
        set_random_seed(9)
        default = Sequential([layers.Input((6,)), layers.Dense(6)])
        chosen = Sequential([layers.Input((6,)), layers.Dense(6)], seed=9)
        np.testing.assert_array_equal(default.weights.buffer, chosen.weights.buffer)
        with pytest.raises(ConfigurationError, match="a seed is an integer of at least 0, not -1"):
            set_random_seed(-1)
    finally:
        set_random_seed(0)
