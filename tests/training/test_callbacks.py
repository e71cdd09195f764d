from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelet import load_model
from kernelet.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from kernelet.errors import ConfigurationError
from kernelet.model import Sequential
from kernelet.optimizers import SGD
from kernelet.training.schedules import CosineDecay
from small_networks import pictures, plain_network

IMAGES, LABELS = pictures(64)


def _compiled(rate: float | CosineDecay = 0.01) -> Sequential:
    model = plain_network()
    model.compile(SGD(rate), "sparse_categorical_crossentropy", ["accuracy"])
    return model


class Script(Callback):
    """Stands in front of other callbacks and gives every epoch a number of its own."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs["val_loss"] = self.values[epoch]


class Weights(Callback):
    def __init__(self) -> None:
        self.epochs: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs.append(self.model.weights.buffer.copy())


def test_hooks_come_in_order() -> None:
    heard: list[str] = []

    class Listener(Callback):
        pass

    def listen(hook: str) -> Callable[..., None]:
        def heard_hook(self: Callback, *arguments: object) -> None:
            heard.append(hook)

        return heard_hook

    hooks = [name for name in dir(Callback) if name.startswith("on_")]
    for hook in hooks:
        setattr(Listener, hook, listen(hook))
    _compiled().fit(
        IMAGES, LABELS, verbose=0, callbacks=[Listener()], validation_data=(IMAGES, LABELS)
    )
    step = ["on_train_batch_begin", "on_train_batch_end", "on_progress"]
    test = ["on_test_batch_begin", "on_test_batch_end"]
    assert heard == [
        "on_train_begin",
        "on_epoch_begin",
        *step,
        *step,
        "on_test_begin",
        *test,
        *test,
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]


def test_early_stopping_counts_epochs_without_improvement() -> None:
    early = EarlyStopping(patience=2, min_delta=0.1, restore_best_weights=True)
    weights = Weights()
    model = _compiled()
    script = Script([1.0, 0.5, 0.45, 0.42, 0.1, 0.1])
    history = model.fit(IMAGES, LABELS, epochs=6, verbose=0, callbacks=[script, weights, early])
    assert early.stopped_epoch == 3
    assert (early.best, early.best_epoch) == (0.5, 1)
    assert history.epoch == [0, 1, 2, 3]
    np.testing.assert_array_equal(model.weights.buffer, weights.epochs[1])


def test_early_stopping_keeps_the_last_weights_unless_asked() -> None:
    early, weights, model = EarlyStopping(), Weights(), _compiled()
    model.fit(IMAGES, LABELS, epochs=4, verbose=0, callbacks=[Script([1, 2, 3, 4]), weights, early])
    assert early.stopped_epoch == 1
    np.testing.assert_array_equal(model.weights.buffer, weights.epochs[-1])


def test_a_number_that_never_is_one_stops_too() -> None:
    early = EarlyStopping(patience=2)
    _compiled().fit(IMAGES, LABELS, epochs=9, verbose=0, callbacks=[Script([math.nan] * 9), early])
    assert early.stopped_epoch > 0


def test_more_is_better_for_accuracy() -> None:
    assert EarlyStopping("val_accuracy").direction == "max"
    assert EarlyStopping("val_mean_absolute_error").direction == "min"
    assert EarlyStopping("val_loss", mode="max").direction == "max"


def test_watching_what_is_not_there_warns() -> None:
    with pytest.warns(UserWarning, match=r"watches 'val_loss', which is not in the logs \(loss"):
        _compiled().fit(IMAGES, LABELS, verbose=0, callbacks=[EarlyStopping()])


def test_the_best_model_is_saved(tmp_path: Path) -> None:
    weights, model = Weights(), _compiled()
    path = tmp_path / "best.safetensors"
    script = Script([3.0, 1.0, 2.0])
    best = ModelCheckpoint(path, save_best_only=True)
    model.fit(IMAGES, LABELS, epochs=3, verbose=0, callbacks=[script, weights, best])
    np.testing.assert_array_equal(load_model(path).weights.buffer, weights.epochs[1])


def test_models_named_by_epoch_and_numbers(tmp_path: Path) -> None:
    path = str(tmp_path / "{epoch:02d}-{val_loss:.1f}.safetensors")
    saving = ModelCheckpoint(path)
    _compiled().fit(IMAGES, LABELS, epochs=2, verbose=0, callbacks=[Script([0.5, 0.25]), saving])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "01-0.5.safetensors",
        "02-0.2.safetensors",
    ]
    with pytest.raises(ConfigurationError, match="'nothing', which is not among: epoch, loss"):
        _compiled().fit(IMAGES, LABELS, verbose=0, callbacks=[ModelCheckpoint("{nothing}")])


def test_a_learning_rate_for_every_epoch() -> None:
    model = _compiled(0.8)
    rates: list[object] = []
    model.fit(
        IMAGES,
        LABELS,
        epochs=3,
        verbose=0,
        callbacks=[
            LearningRateScheduler(lambda epoch, rate: rate / 2),
            LambdaCallback(on_epoch_end=lambda *_: rates.append(model.optimizer.learning_rate)),
        ],
    )
    assert rates == [0.4, 0.2, 0.1]
    model.fit(IMAGES, LABELS, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.7)])
    assert model.optimizer.learning_rate == 0.7


@pytest.mark.parametrize(
    "make",
    [
        lambda: LearningRateScheduler(lambda epoch: 0.1),
        lambda: ReduceLROnPlateau("loss", patience=1),
    ],
)
def test_two_masters_of_the_learning_rate(make: Callable[[], Callback]) -> None:
    model = _compiled(CosineDecay(0.0, 10))
    with pytest.raises(ConfigurationError, match="schedule of its own; give the optimizer a"):
        model.fit(IMAGES, LABELS, epochs=9, verbose=0, callbacks=[make()])


def test_the_learning_rate_falls_on_a_plateau() -> None:
    model = _compiled(1.0)
    rates: list[object] = []
    plateau = ReduceLROnPlateau(factor=0.5, patience=2, cooldown=1, min_lr=0.2)
    model.fit(
        IMAGES,
        LABELS,
        epochs=9,
        verbose=0,
        callbacks=[
            Script([1.0] * 9),
            plateau,
            LambdaCallback(on_epoch_end=lambda *_: rates.append(model.optimizer.learning_rate)),
        ],
    )
    assert rates == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]


def test_a_line_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = _compiled()
    history = model.fit(IMAGES, LABELS, epochs=2, verbose=0, callbacks=[CSVLogger(path)])
    model.fit(
        IMAGES,
        LABELS,
        epochs=3,
        initial_epoch=2,
        verbose=0,
        callbacks=[CSVLogger(path, append=True)],
    )
    header, *lines = path.read_text().splitlines()
    assert header == "epoch,loss,accuracy"
    assert [line.split(",")[0] for line in lines] == ["0", "1", "2"]
    assert float(lines[1].split(",")[1]) == history.history["loss"][1]


def test_a_callback_may_stop_within_an_epoch() -> None:
    model = _compiled()

    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            self.model.stop_training = batch == 1

    history = model.fit(IMAGES, LABELS, batch_size=16, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0]
    assert model.trainer.iterations == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: EarlyStopping(mode="most"),  # type: ignore[arg-type]
            'mode must be "auto", "min" or "max", not \'most\'',
        ),
        (lambda: EarlyStopping(patience=-1), "patience must be at least 0, not -1."),
        (lambda: ReduceLROnPlateau(factor=2), "factor must lie between 0 and 1, not 2."),
    ],
)
def test_arguments_that_make_no_sense(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
