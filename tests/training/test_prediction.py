"""Predictions, and calls that find the work of an earlier one done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernelet as kl
from kernelet.errors import ConfigurationError, DataError, ShapeError
from kernelet.model import Model


def network() -> Model:
    return kl.Sequential(
        [kl.Input((6, 5, 2)), kl.Conv2D(3, 3, activation="relu"), kl.Flatten(), kl.Dense(4)]
    )


def pictures(samples: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (samples, 6, 5, 2)).astype(dtype)


def test_calls_alike_give_the_same_results_in_new_arrays() -> None:
    model, x = network(), pictures(3)
    first, second, third = model.predict(x), model.predict(x), model(x)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, third)
    assert not np.shares_memory(first, second)


def test_calls_alike_of_the_definition_give_the_same_results_in_new_arrays() -> None:
    model, x = network(), pictures(3)
    first, second = (model.predict(x, device="reference") for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, model.predict(x), rtol=1e-4, atol=1e-3)
    assert not np.shares_memory(first, second)


def test_a_prepared_call_sees_new_numbers() -> None:
    model, x = network(), pictures(3)
    model.predict(x)
    np.testing.assert_array_equal(model.predict(x[::-1].copy()), model.predict(x)[::-1])
    before = model.predict(x)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert np.abs(model.predict(x) - before).min() > 0
    error = np.linalg.norm(model.predict(x) - model.predict(x, device="reference"))
    assert error <= 1e-5 * np.linalg.norm(model.predict(x))


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float64, np.int64])
def test_types_and_memory_orders_are_told_apart(dtype: Any) -> None:
    model, x = network(), pictures(3)
    wanted = model.predict(x)
    for other in (x.astype(dtype), np.asfortranarray(x), x.tolist(), np.repeat(x, 2, 0)[::2]):
        for _ in range(2):
            np.testing.assert_array_equal(model.predict(other), wanted)
            np.testing.assert_array_equal(model(other), wanted)


def test_a_wrong_call_after_a_right_one_is_still_wrong() -> None:
    model, x = network(), pictures(1)
    model.predict(x, batch_size=1, threads=1)
    for wrong in (True, 1.0, 0, [1], "1"):
        with pytest.raises(ConfigurationError, match="batch_size must be an integer"):
            model.predict(x, batch_size=wrong, threads=1)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="threads must be an integer"):
            model.predict(x, batch_size=1, threads=wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="device 'gpu' is not available"):
        model.predict(x, batch_size=1, threads=1, device="gpu")
    with pytest.raises(ShapeError, match="x must have shape"):
        model.predict(x[:, 1:], batch_size=1, threads=1)
    with pytest.raises(DataError, match="holds no samples"):
        model.predict(x[:0], batch_size=1, threads=1)


def test_a_network_that_grows_is_prepared_anew() -> None:
    model, x = network(), pictures(2)
    assert isinstance(model, kl.Sequential)
    assert model.predict(x).shape == (2, 4)
    model.add(kl.Dense(7))
    assert model.predict(x).shape == (2, 7)
    assert model.predict(x).shape == (2, 7)


def test_several_outputs_and_inputs() -> None:
    a, b = kl.Input((3,)), kl.Input((4,))
    forked = kl.Model(a, [kl.Dense(2)(a), kl.Dense(5)(a)])
    x = np.ones((2, 3), np.float32)
    for _ in range(2):
        assert [y.shape for y in forked.predict(x)] == [(2, 2), (2, 5)]
    joined = kl.Model([a, b], kl.Concatenate()([a, b]))
    for _ in range(2):
        assert joined.predict([x, np.ones((2, 4), np.float32)]).shape == (2, 7)


def test_many_sizes_one_after_another() -> None:
    model, x = network(), pictures(40)
    wanted = model.predict(x)
    for samples in [*range(1, 24), *range(1, 24)]:
        np.testing.assert_array_equal(model.predict(x[:samples]), wanted[:samples])
