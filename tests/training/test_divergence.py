from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelet.callbacks import Callback, Checkpointer
from kernelet.errors import DataError, TrainingError
from kernelet.model import Sequential
from kernelet.optimizers import SGD
from kernelet.training.checkpoints import load_checkpoint
from small_networks import digest, full_network, pictures, plain_network, regression

IMAGES, LABELS = pictures(96)


class Snapshots(Callback):
    def __init__(self) -> None:
        self.digests: list[str] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.digests.append(digest(self.model))


@pytest.mark.parametrize("device", ["cpu", "reference"])
@pytest.mark.parametrize("network", [plain_network, full_network])
def test_a_huge_learning_rate_stops_with_the_weights_of_before(
    network: Callable[[], Sequential], device: str, tmp_path: Path
) -> None:
    model = network()
    model.compile(SGD(1e30, momentum=0.5), "sparse_categorical_crossentropy")
    snapshots = Snapshots()
    with pytest.raises(TrainingError, match=r"became (nan|inf) at step \d+ \(epoch 1, batch \d+\)"):
        model.fit(
            IMAGES,
            LABELS,
            verbose=0,
            device=device,
            callbacks=[snapshots],
            checkpoint=Checkpointer(tmp_path, 0),
        )
    assert np.isfinite(model.weights.buffer).all()
    assert digest(model) == snapshots.digests[-1]
    assert model.trainer.iterations == len(snapshots.digests)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint is not None
    np.testing.assert_array_equal(checkpoint.arrays["weights"], model.weights.buffer)


def test_the_message_names_layer_samples_and_repairs() -> None:
    model = plain_network()
    model.set_weights([1e3 * w for w in model.get_weights()])
    model.compile(SGD(0.5), "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(40, 8, 8, 3)).astype(np.float32)
    x[[7, 29]] = 3e38
    with pytest.raises(TrainingError) as raised:
        model.fit(x, LABELS[:40], batch_size=40, shuffle=False, verbose=0)
    first, second, third = str(raised.value).splitlines()
    assert first == (
        "the loss became nan at step 1 (epoch 1, batch 1); the weights are those before that step."
    )
    assert second.startswith("  The first layer with an output that is not finite is 'conv2d'; ")
    assert second.endswith("Samples (rows of x): 7, 29.")
    assert third == (
        "  Try a learning rate below 0.5, for example 0.05, or clip the gradients "
        "(global_clipnorm=1.0 in the optimizer), or look at those samples."
    )


def test_gradients_that_overflow_change_nothing() -> None:
    model = regression()
    model.compile(SGD(0.1), "mse")
    before = digest(model)
    x = np.full((4, 3), 1e18, np.float32)
    with pytest.raises(TrainingError, match=r"the (loss|gradient norm) became inf at step 1"):
        model.fit(x, np.zeros(4), verbose=0)
    assert digest(model) == before


def test_weights_that_are_not_finite_are_named() -> None:
    model = plain_network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.layers[-1].kernel[0, 0] = np.nan
    with pytest.raises(TrainingError, match="The weights dense/kernel hold NaN or infinite"):
        model.fit(IMAGES, LABELS, verbose=0)


def test_weights_of_samples_that_are_not_finite() -> None:
    model = plain_network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(DataError, match="sample_weight holds NaN or infinite numbers"):
        model.fit(IMAGES, LABELS, sample_weight=np.full(96, np.inf), verbose=0)


def test_predictions_of_pictures_that_are_not_finite_are_not_hidden() -> None:
    x = np.zeros((3, 8, 8, 3), np.float32)
    x[1] = np.nan
    finite = np.isfinite(plain_network().predict(x)).all(axis=1)
    assert finite.tolist() == [True, False, True]
