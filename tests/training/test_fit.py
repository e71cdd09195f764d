from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from kernelet import layers
from kernelet.callbacks import Callback, LambdaCallback
from kernelet.errors import ConfigurationError, DataError, KerneletError, ShapeError, UsageError
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from kernelet.optimizers import SGD
from kernelet.training.display import BarDisplay, LineDisplay, display
from kernelet.training.progress import CALL_SECONDS, Pace
from small_networks import CLASSES, digest, full_network, pictures, plain_network, regression

IMAGES, LABELS = pictures(120)


def _compiled(model: Sequential | None = None, optimizer: Any = "adam") -> Sequential:
    made = plain_network() if model is None else model
    made.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    return made


def test_a_network_learns() -> None:
    model = _compiled(optimizer=SGD(0.1, momentum=0.9))
    history = model.fit(IMAGES, LABELS, batch_size=16, epochs=12, verbose=0)
    assert history.epoch == list(range(12))
    assert history.history["accuracy"][-1] > 0.95
    measured = model.evaluate(IMAGES, LABELS, verbose=0)
    assert isinstance(measured, list)
    assert measured[1] == pytest.approx((model.predict(IMAGES).argmax(1) == LABELS).mean())
    assert measured[0] < history.history["loss"][0]


def test_validation_split_takes_the_last_samples() -> None:
    model = _compiled()
    history = model.fit(IMAGES, LABELS, epochs=1, validation_split=0.25, verbose=0)
    again = _compiled()
    given = again.fit(
        IMAGES[:90], LABELS[:90], validation_data=(IMAGES[90:], LABELS[90:]), verbose=0
    )
    assert history.history == given.history
    assert digest(model) == digest(again)
    assert set(history.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_evaluation_does_not_depend_on_the_batch_size() -> None:
    model = _compiled(full_network())
    model.fit(IMAGES, LABELS, verbose=0)
    expected = model.evaluate(IMAGES, LABELS, verbose=0)
    for size in (7, 120, 500):
        measured = model.evaluate(IMAGES, LABELS, batch_size=size, verbose=0)
        assert measured == pytest.approx(expected, rel=1e-6)
    predictions = [model.predict(IMAGES, batch_size=n) for n in (1, 7, 500)]
    for prediction in predictions[1:]:
        np.testing.assert_allclose(prediction, predictions[0], rtol=1e-5)


@pytest.mark.parametrize("batch_size", [7, 48, 70, 120])
def test_equal_counts_of_hits_are_equal_accuracies(batch_size: int) -> None:
    model = _compiled(full_network())
    measured = model.evaluate(IMAGES, LABELS, batch_size, verbose=0, return_dict=True)
    assert isinstance(measured, dict)
    hits = int((model.predict(IMAGES).argmax(1) == LABELS).sum())
    assert measured["accuracy"] == hits / len(LABELS)


def test_shuffling_depends_on_the_seed_alone() -> None:
    digests = {}
    for name, options in {
        "a": {"seed": 1},
        "b": {"seed": 1},
        "c": {"seed": 2},
        "d": {"seed": 1, "shuffle": False},
    }.items():
        model = _compiled()
        model.fit(IMAGES, LABELS, verbose=0, **options)  # type: ignore[arg-type]
        digests[name] = digest(model)
    assert digests["a"] == digests["b"]
    assert len(set(digests.values())) == 3


def test_two_fits_go_on_where_one_would() -> None:
    whole, halves = _compiled(), _compiled()
    whole.fit(IMAGES, LABELS, epochs=4, verbose=0)
    halves.fit(IMAGES, LABELS, epochs=2, verbose=0)
    halves.fit(IMAGES, LABELS, epochs=4, initial_epoch=2, verbose=0)
    assert digest(whole) == digest(halves)


def test_bytes_and_floats_train_alike() -> None:
    as_bytes, as_floats = _compiled(), _compiled()
    as_bytes.fit(IMAGES, LABELS, verbose=0)
    as_floats.fit(IMAGES.astype(np.float64), LABELS.astype(np.uint8), verbose=0)
    assert digest(as_bytes) == digest(as_floats)


def test_class_weights_are_sample_weights() -> None:
    by_class, by_sample = _compiled(), _compiled()
    by_class.fit(IMAGES, LABELS, class_weight={0: 3.0, 2: 0.5}, verbose=0)
    weights = np.array([3.0, 1.0, 0.5, 1.0])[LABELS]
    by_sample.fit(IMAGES, LABELS, sample_weight=weights, verbose=0)
    assert digest(by_class) == digest(by_sample)
    plain = _compiled()
    plain.fit(IMAGES, LABELS, verbose=0)
    assert digest(plain) != digest(by_class)


def test_class_weights_do_not_count_in_validation() -> None:
    model = _compiled(optimizer=SGD(0.0))
    history = model.fit(
        IMAGES,
        LABELS,
        validation_split=0.5,
        class_weight={0: 9.0},
        verbose=0,
        precision="float32",
    )
    logs = history.history
    expected = model.evaluate(IMAGES[60:], LABELS[60:], verbose=0)
    assert [logs["val_loss"][0], logs["val_accuracy"][0]] == pytest.approx(expected)


def test_weights_count_in_the_loss_and_not_in_metrics() -> None:
    model = regression()
    model.set_weights([np.zeros((3, 1)), np.zeros(1)])
    model.compile("sgd", "mse", ["mae"])
    x = np.zeros((4, 3), np.float32)
    y = np.array([1.0, 2.0, 3.0, 4.0])
    measured = model.evaluate(x, y, sample_weight=[2, 0, 0, 1], batch_size=3, verbose=0)
    assert measured == pytest.approx([(2 * 1 + 16) / 4, 2.5])


def test_one_hot_labels_train_as_numbers_do() -> None:
    sparse, dense = _compiled(), plain_network()
    dense.compile("adam", "categorical_crossentropy", ["accuracy"])
    sparse.fit(IMAGES, LABELS, verbose=0)
    dense.fit(IMAGES, np.eye(CLASSES)[LABELS], verbose=0)
    assert digest(sparse) == digest(dense)


def test_a_single_number_a_sample_needs_no_axis() -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    y = (x[:, 0] > 0).astype(int)
    model = Sequential([Input((3,)), layers.Dense(1, activation="sigmoid")], seed=0)
    model.compile(SGD(1.0), "binary_crossentropy", ["accuracy"])
    history = model.fit(x, y, epochs=30, batch_size=8, verbose=0)
    assert history.history["accuracy"][-1] > 0.9


def test_several_inputs() -> None:
    left, right = Input((3,)), Input((3,))
    model = Model([left, right], layers.Dense(1)(layers.Concatenate()([left, right])), seed=0)
    model.compile(SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(2, 64, 3)).astype(np.float32)
    y = x[0, :, 0] - x[1, :, 2]
    history = model.fit([x[0], x[1]], y, epochs=30, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < 1e-3


def test_train_on_batch_is_a_step_of_fit() -> None:
    one, other = _compiled(), _compiled()
    loss = one.train_on_batch(IMAGES[:32], LABELS[:32])
    history = other.fit(IMAGES[:32], LABELS[:32], shuffle=False, verbose=0)
    assert digest(one) == digest(other)
    assert loss == pytest.approx([history.history[name][0] for name in ("loss", "accuracy")])


def test_stop_ends_training_between_steps() -> None:
    model = _compiled()
    stop = threading.Event()
    seen: list[int] = []

    def count(batch: int, logs: object) -> None:
        seen.append(batch)
        if len(seen) == 5:
            stop.set()

    model.fit(
        IMAGES,
        LABELS,
        batch_size=40,
        epochs=9,
        verbose=0,
        stop=stop,
        callbacks=[LambdaCallback(on_train_batch_end=count)],
    )
    assert seen == [0, 1, 2, 0, 1]
    assert model.trainer.iterations == 5


def test_as_many_steps_in_one_call_as_its_time_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("kernelet.training.progress.time.perf_counter", lambda: now[0])
    pace = Pace()
    assert pace.steps(1000) == 1
    now[0] += CALL_SECONDS / 50
    pace.done(1)
    assert pace.steps(1000) == 50
    assert pace.steps(20) == 20
    now[0] += CALL_SECONDS * 30
    pace.done(10)
    assert pace.steps(1000) == 1


def test_progress_is_told_between_calls() -> None:
    seen: list[int] = []

    class Watch(Callback):
        def on_progress(self, batch: int, logs: dict[str, float] | None = None) -> None:
            seen.append(batch)

    _compiled().fit(IMAGES, LABELS, batch_size=1, verbose=0, callbacks=[Watch()])
    assert seen == sorted(set(seen))
    assert seen[-1] == 120


def test_a_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert isinstance(display("auto"), BarDisplay)
    assert isinstance(display(2), LineDisplay)
    assert display(0) is None
    _compiled().fit(IMAGES, LABELS, epochs=2, verbose=1)
    printed = capsys.readouterr().out
    assert "epoch 2/2" in printed
    assert "accuracy" in printed


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    model = _compiled()
    model.fit(IMAGES, LABELS, epochs=2, validation_split=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
    assert "val_accuracy" in lines[0]
    model.fit(IMAGES, LABELS, verbose=0)
    assert not capsys.readouterr().out
    model.evaluate(IMAGES, LABELS)
    assert capsys.readouterr().out.startswith("loss ")


def test_prediction_tells_what_it_did_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    x, _ = pictures()
    model = _compiled()
    model.predict(x)
    assert capsys.readouterr().out == ""
    model.predict(x, verbose=1)
    assert capsys.readouterr().out.startswith(f"{len(x)} samples  ")


def test_the_input_shape_comes_from_the_data() -> None:
    model = Sequential([layers.Flatten(), layers.Dense(CLASSES)], seed=0)
    model.compile("adam", "mse")
    model.fit(IMAGES / 255, np.eye(CLASSES)[LABELS], verbose=0)
    assert model.output_shape == (None, CLASSES)


NAN = IMAGES.astype(np.float32)
NAN[[3, 50], 1, 1, 1] = np.nan


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"x": IMAGES[:, :4]}, ShapeError, r"x must have shape \(samples, 8, 8, 3\), got"),
        ({"x": IMAGES[0]}, ShapeError, r"Try x\[numpy.newaxis\] for a single sample."),
        ({"x": IMAGES[:5]}, DataError, "one row a sample, but x has 5, y has 120."),
        ({"x": NAN}, DataError, "x holds NaN or infinite numbers, first in row 3, 50."),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, DataError, "x holds no samples."),
        ({"x": [["a"]]}, DataError, "x must hold real numbers"),
        ({"y": LABELS + 1}, DataError, "labels must be 0 to 3"),
        (
            {"y": np.eye(CLASSES)[LABELS]},
            ShapeError,
            'Try the loss "categorical_crossentropy" for one number a class or y.argmax',
        ),
        ({"sample_weight": [1, 2]}, ShapeError, r"sample_weight must have shape \(120,\)"),
        ({"class_weight": {"a": 1}}, UsageError, "class_weight maps class numbers to weights"),
        ({"class_weight": "balanced"}, UsageError, "weights; got 'balanced'."),
        ({"callbacks": [3]}, UsageError, "classes derived from Callback, not 3."),
        ({"x": {"images": IMAGES}}, UsageError, "expected inputs named input_layer, got images."),
        ({"x": IMAGES * 1e300}, DataError, "x holds NaN or infinite numbers"),
        ({"threads": 1025}, ConfigurationError, "threads must be from 1 to 1024, not 1025."),
        ({"batch_size": 0}, ConfigurationError, "batch_size must be an integer of at least 1"),
        ({"threads": 0}, ConfigurationError, "threads must be an integer of at least 1, not 0."),
        ({"epochs": -1}, ConfigurationError, "epochs must be an integer of at least 0, not -1."),
        ({"seed": 1 << 64}, ConfigurationError, r"seed must be below 2\*\*64"),
        ({"validation_split": 1}, ConfigurationError, "at least 0 and below 1, not 1."),
        ({"validation_split": 0.999}, DataError, "leaves 0 of 120 samples for training"),
        ({"validation_data": (IMAGES,)}, UsageError, r"must be \(x, y\) or \(x, y, sample_weight"),
        ({"precision": "float16"}, ConfigurationError, "precision 'float16' is not available"),
        ({"device": "cuda"}, ConfigurationError, "device 'cuda' is not available"),
        ({"resume": True}, UsageError, "resume=True needs checkpoint="),
    ],
)
def test_mistakes_are_told_before_training(
    arguments: dict[str, Any], kind: type[KerneletError], message: str
) -> None:
    given: dict[str, Any] = {"x": IMAGES, "y": LABELS, "verbose": 0}
    model = _compiled()
    before = digest(model)
    with pytest.raises(kind, match=message):
        model.fit(**(given | arguments))
    assert digest(model) == before


def test_a_model_must_be_compiled() -> None:
    with pytest.raises(UsageError, match="compile"):
        plain_network().fit(IMAGES, LABELS)


def test_several_outputs_cannot_be_trained() -> None:
    x = Input((3,))
    model = Model(x, [layers.Dense(1)(x), layers.Dense(2)(x)])
    model.compile("sgd", "mse")
    with pytest.raises(ConfigurationError, match="one output, this one has 2"):
        model.fit(np.zeros((4, 3)), np.zeros((4, 1)), verbose=0)
    assert [p.shape for p in model.predict(np.zeros((5, 3)))] == [(5, 1), (5, 2)]


def test_class_numbers_where_rows_are_expected() -> None:
    model = plain_network()
    model.compile("sgd", "categorical_crossentropy")
    with pytest.raises(
        ShapeError, match='Try the loss "sparse_categorical_crossentropy" for class'
    ):
        model.fit(IMAGES, LABELS, verbose=0)


def test_a_single_metric_and_callback_need_no_list() -> None:
    model = plain_network()
    model.compile("sgd", "sparse_categorical_crossentropy", "accuracy")
    epochs: list[int] = []
    watch = LambdaCallback(on_epoch_end=lambda epoch, logs: epochs.append(epoch))
    history = model.fit(IMAGES, LABELS, callbacks=watch, verbose=0)
    assert epochs == [0]
    assert set(history.history) == {"loss", "accuracy"}
    measured = model.evaluate(IMAGES, LABELS, callbacks=watch, verbose=0)
    assert isinstance(measured, list)


def test_inputs_may_go_by_name() -> None:
    a, b = Input((3,), name="a"), Input((2,), name="b")
    model = Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    left, right, y = random.random((9, 3)), random.random((9, 2)), random.random(9)
    np.testing.assert_array_equal(
        model.predict({"b": right, "a": left}), model.predict([left, right])
    )
    by_name = model.evaluate({"b": right, "a": left}, y, verbose=0)
    assert by_name == model.evaluate([left, right], y, verbose=0)


def test_several_threads_may_predict_with_one_model() -> None:
    def model() -> Sequential:
        return Sequential(
            [Input((48, 48, 8)), layers.Conv2D(16, 3), layers.Conv2D(8, 3), layers.Flatten()],
            seed=1,
        )

    x = np.random.default_rng(0).random((40, 48, 48, 8), np.float32)
    expected = model().predict(x)
    for _ in range(5):
        fresh = model()
        with ThreadPoolExecutor(4) as pool:
            for result in pool.map(fresh.predict, [x] * 8):
                np.testing.assert_array_equal(result, expected)
