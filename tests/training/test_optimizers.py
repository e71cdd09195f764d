"""Optimizers against Keras' formulas in NumPy, step by step, and the engine's against those."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from kernelet import optimizers
from kernelet.errors import ConfigurationError
from kernelet.layers import Concatenate, Dense, Input
from kernelet.model import Model, Sequential
from kernelet.optimizers import SGD, Adam, AdamW, Optimizer
from kernelet.program import Array
from small_networks import digest, full_network, pictures, plain_network, regression

RATE = 0.1
Formula = Callable[[Array, Array], Iterator[Array]]

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=(8, 1)).astype(np.float32)


def _gradient(w: Array) -> Array:
    """Gradient of the mean squared error by kernel and bias, as one column."""
    x = np.hstack([X, np.ones((8, 1))]).astype(np.float64)
    return 2 * x.T @ (x @ w - Y) / 8


def _column(model: Sequential) -> Array:
    """Return kernel and bias as one column."""
    return np.vstack([w.reshape(-1, 1) for w in model.get_weights()]).astype(np.float64)


def _sgd(momentum: float, nesterov: bool, decay: float) -> Callable[[Array], Iterator[Array]]:
    def steps(w: Array) -> Iterator[Array]:
        velocity = np.zeros_like(w)
        while True:
            g = _gradient(w)
            velocity = momentum * velocity - RATE * g
            moved = momentum * velocity - RATE * g if nesterov else velocity
            w = w * (1 - RATE * decay) + moved
            yield w

    return steps


def _adam(decay: float) -> Callable[[Array], Iterator[Array]]:
    def steps(w: Array) -> Iterator[Array]:
        m, v, t = np.zeros_like(w), np.zeros_like(w), 0
        while True:
            t += 1
            g = _gradient(w)
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * g**2
            alpha = RATE * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            w = w * (1 - RATE * decay) - alpha * m / (np.sqrt(v) + 1e-7)
            yield w

    return steps


@pytest.mark.parametrize("device", ["cpu", "reference"])
@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (lambda: SGD(RATE), _sgd(0, False, 0)),
        (lambda: SGD(RATE, momentum=0.9), _sgd(0.9, False, 0)),
        (lambda: SGD(RATE, momentum=0.8, nesterov=True), _sgd(0.8, True, 0)),
        (lambda: SGD(RATE, momentum=0.9, weight_decay=0.05), _sgd(0.9, False, 0.05)),
        (lambda: Adam(RATE), _adam(0)),
        (lambda: AdamW(RATE), _adam(0.004)),
    ],
)
def test_ten_steps_by_hand(
    optimizer: Callable[[], Optimizer],
    formula: Callable[[Array], Iterator[Array]],
    device: str,
) -> None:
    model = regression()
    model.compile(optimizer(), "mse")
    expected = formula(_column(model))
    for _ in range(10):
        model.train_on_batch(X, Y, device=device)
        np.testing.assert_allclose(_column(model), next(expected), rtol=2e-5, atol=1e-6)
    assert model.trainer.iterations == 10


def _one_step(optimizer: Optimizer) -> tuple[Array, Array]:
    """Return the weights before and after one step of plain descent."""
    model = regression()
    before = _column(model)
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    return before, _column(model)


def test_clipping_by_value() -> None:
    before, after = _one_step(SGD(1.0, clipvalue=0.05))
    np.testing.assert_allclose(before - after, np.clip(_gradient(before), -0.05, 0.05), atol=1e-6)


def test_clipping_by_the_norm_of_each_weight() -> None:
    before, after = _one_step(SGD(1.0, clipnorm=0.1))
    gradient = _gradient(before)
    kernel, bias = gradient[:3], gradient[3:]
    parts = [g * min(1.0, 0.1 / float(np.linalg.norm(g))) for g in (kernel, bias)]
    np.testing.assert_allclose(before - after, np.vstack(parts), atol=1e-6)


def test_clipping_by_the_norm_of_all_weights() -> None:
    before, after = _one_step(SGD(1.0, global_clipnorm=0.1))
    gradient = _gradient(before)
    assert np.linalg.norm(gradient) > 0.1
    np.testing.assert_allclose(before - after, gradient * 0.1 / np.linalg.norm(gradient), atol=1e-6)


def test_weights_left_out_of_decay() -> None:
    decayed, kept = AdamW(0.0), AdamW(RATE, weight_decay=0.5)
    kept.exclude_from_weight_decay(["/bias$"])
    assert decayed.decay_of("dense/bias") == 0.004
    model = regression()
    model.compile(kept, "mse")
    model.set_weights([np.ones((3, 1)), np.ones(1)])
    target = model.predict(X)
    model.train_on_batch(X, target)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, 1 - RATE * 0.5, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1)


def test_a_schedule_is_asked_with_the_steps_taken_before() -> None:
    model = regression()
    asked: list[int] = []

    def rate(step: int) -> float:
        asked.append(step)
        return 0.01

    model.compile(SGD(rate), "mse")
    asked.clear()
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    model.fit(X, Y, batch_size=4, epochs=1, verbose=0)
    assert asked == list(range(6))


OPTIMIZERS = [
    lambda: SGD(0.05),
    lambda: SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda: AdamW(1e-3, clipnorm=0.5),
    lambda: Adam(1e-3, global_clipnorm=0.5),
    lambda: Adam(1e-3, clipvalue=0.01),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_engine_trains_as_the_definition_says(optimizer: Callable[[], Optimizer]) -> None:
    images, labels = pictures(96)
    trained = {}
    for device in ("cpu", "reference"):
        model = plain_network()
        model.compile(optimizer(), "sparse_categorical_crossentropy")
        model.fit(images, labels, 40, 2, verbose=0, precision="float32", device=device)
        trained[device] = model.weights.buffer.copy()
    difference = np.linalg.norm(trained["cpu"] - trained["reference"])
    assert difference <= 1e-4 * np.linalg.norm(trained["reference"])


def test_weights_that_are_used_twice_count_with_the_sum_of_their_gradients() -> None:
    given, shared = Input((3,)), Dense(3, activation="tanh")
    model = Model(given, Dense(1)(shared(shared(given))))
    model.compile(SGD(1.0, global_clipnorm=0.1), "mse")
    before = model.weights.buffer.copy()
    model.train_on_batch(X, 10 * Y)
    moved = np.linalg.norm((model.weights.buffer - before).astype(np.float64))
    np.testing.assert_allclose(moved, 0.1, rtol=1e-5)


def test_a_thousand_weights_train_as_the_definition_says() -> None:
    given = Input((3,))
    joined = Concatenate()([Dense(1, activation="tanh")(given) for _ in range(600)])
    model = Model(given, Dense(1)(joined))
    start, trained = model.get_weights(), {}
    assert len(start) > 1200
    for device in ("cpu", "reference"):
        model.set_weights(start)
        model.compile(Adam(1e-3, global_clipnorm=0.5), "mse")
        model.fit(X, Y, 8, 2, verbose=0, device=device)
        trained[device] = model.weights.buffer.copy()
    difference = np.linalg.norm(trained["cpu"] - trained["reference"])
    assert difference <= 1e-4 * np.linalg.norm(trained["reference"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_number_of_threads_gives_the_same_bits(optimizer: Callable[[], Optimizer]) -> None:
    images, labels = pictures(100)
    digests = set()
    for threads in (1, 2, 4):
        model = full_network()
        model.compile(optimizer(), "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(images, labels, batch_size=48, epochs=2, verbose=0, threads=threads)
        digests.add(digest(model))
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(-0.1), "the learning rate of step 0 is -0.1"),
        (lambda: SGD(0.1, momentum=1.0), "momentum must be at least 0 and below 1, not 1.0."),
        (lambda: Adam(beta_1=1.5), "beta_1 must be at least 0 and below 1, not 1.5."),
        (lambda: Adam(epsilon=0), "epsilon must be a positive number, not 0."),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be at least 0, not -1."),
        (lambda: SGD(clipnorm=0), "clipnorm must be a positive number, not 0."),
        (lambda: SGD(clipnorm=1, clipvalue=1), "only one of clipnorm, clipvalue can be used"),
        (lambda: SGD().exclude_from_weight_decay(["("]), r"'\(' is no regular expression"),
        (lambda: optimizers.get("adm"), r"there is no optimizer 'adm'. Did you mean 'adam'\?"),
    ],
)
def test_arguments_that_make_no_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
