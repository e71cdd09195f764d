"""Predictions keep packed filters, and must notice whenever weights have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.executors.native import NativeExecutor
from kernelet.layers import Conv2D, Dense, Flatten, Input
from kernelet.model import Sequential

X = np.random.default_rng(0).normal(size=(3, 8, 8, 2)).astype(np.float32)
KERNEL = "conv/kernel"


def network() -> Sequential:
    model = Sequential(
        [Input((8, 8, 2)), Conv2D(5, 3, name="conv"), Flatten(), Dense(4, name="dense")], seed=0
    )
    model.compile("sgd", "mse")
    return model


def through_a_view(model: Sequential) -> None:
    model.weights[KERNEL][0, 0] += 1


def through_a_view_of_a_view(model: Sequential) -> None:
    np.asarray(model.get_layer("conv").kernel).T[1:, 0][...] += 1


def through_other_memory(model: Sequential) -> None:
    buffer: Any = model.weights.buffer
    memoryview(buffer).cast("B")[:64] = bytes(64)


def by_assignment(model: Sequential) -> None:
    model.weights.assign(KERNEL, np.ones(model.weights[KERNEL].shape))


def by_setting_all(model: Sequential) -> None:
    model.set_weights([array + 1 for array in model.get_weights()])


def by_training(model: Sequential) -> None:
    model.fit(X, np.zeros((3, 4), np.float32), verbose=0)


def by_training_in_float64(model: Sequential) -> None:
    model.fit(X, np.zeros((3, 4), np.float32), verbose=0, device="reference")


CHANGES = [
    through_a_view,
    through_a_view_of_a_view,
    through_other_memory,
    by_assignment,
    by_setting_all,
    by_training,
    by_training_in_float64,
]


def fresh(model: Sequential) -> NDArray[np.float32]:
    """Return what a model that never predicted before makes of the same weights."""
    other = network()
    other.set_weights(model.get_weights())
    answer: NDArray[np.float32] = other.predict(X)
    return answer


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(change: Callable[[Sequential], None]) -> None:
    model = network()
    before = model.predict(X)
    np.testing.assert_array_equal(model.predict(X), before)
    change(model)
    after = model.predict(X)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(after, fresh(model))
    change(model)
    np.testing.assert_array_equal(model.predict(X), fresh(model))


@pytest.mark.parametrize(
    "hold",
    [
        lambda model: model.weights[KERNEL],
        lambda model: model.weights.buffer,
        lambda model: model.weights[KERNEL].T[0],
        lambda model: memoryview(model.weights[KERNEL]),
    ],
)
def test_a_change_through_an_array_that_was_there_before_is_noticed(
    hold: Callable[[Sequential], Any],
) -> None:
    model = network()
    array = hold(model)
    assert model.weights.version() is None
    for value in (1.0, 2.0):
        before = model.predict(X)
        np.asarray(array)[:] = value
        after = model.predict(X)
        assert not np.array_equal(after, before)
    before = after
    np.asarray(array)[:] = 3.0
    del array
    assert not np.array_equal(model.predict(X), before)


def test_weights_that_nobody_holds_keep_their_version() -> None:
    model = network()
    model.predict(X)
    version = model.weights.version()
    assert version is not None
    model.predict(X)
    model.predict(X[:1])
    assert model.weights.version() == version
    model.weights[KERNEL].sum()
    assert model.weights.version() != version


def test_filters_are_not_packed_anew_without_need() -> None:
    """What changes behind everybody's back is not seen: weights are not even compared."""
    model = network()
    before = model.predict(X)
    begin, size = model.weights.offset(KERNEL), model.weights[KERNEL].size
    model.predict(X)
    model.weights.state().parameters[begin : begin + size] = 0
    np.testing.assert_array_equal(model.predict(X), before)
    model.weights.changed()
    assert not model.predict(X).any()


def test_training_that_is_interrupted_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt may come when the engine has returned and nothing else has happened yet."""
    model = network()
    before = model.predict(X)
    run = NativeExecutor._run

    def interrupted(executor: NativeExecutor, *arguments: Any) -> Any:
        executor._engine = cast("Any", _Interrupted(executor._engine))
        return run(executor, *arguments)

    monkeypatch.setattr(NativeExecutor, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, np.zeros((3, 4), np.float32), verbose=0)
    monkeypatch.undo()
    after = model.predict(X)
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(after, fresh(model))


class _Interrupted:
    """An engine's plan during whose run the user asks to stop."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def run(self, **arguments: Any) -> None:
        self._engine.run(**arguments)
        raise KeyboardInterrupt
