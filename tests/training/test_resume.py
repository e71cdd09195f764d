from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from kernelet.callbacks import (
    Callback,
    Checkpointer,
    EarlyStopping,
    History,
    LearningRateScheduler,
)
from kernelet.errors import ConfigurationError, ModelFileError, TrainingError
from kernelet.model import Sequential
from kernelet.optimizers import AdamW
from kernelet.training.checkpoints import load_checkpoint
from small_networks import digest, full_network, pictures

IMAGES, LABELS = pictures(100)
EPOCHS, STEPS = 3, 2


class Count(Callback):
    """Makes every step a call of its own, and counts them."""

    def __init__(self) -> None:
        self.steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.steps += 1


def train(
    folder: Path, most_steps: int = 1000, rate: float = 2e-3, identity: str = ""
) -> tuple[Sequential, History]:
    """Train until the end, or until some steps are done."""
    count = Count()
    model = full_network()
    model.compile(AdamW(rate), "sparse_categorical_crossentropy", ["accuracy"])
    history = model.fit(
        IMAGES,
        LABELS,
        batch_size=40,
        epochs=EPOCHS,
        validation_split=0.2,
        verbose=0,
        callbacks=[
            count,
            LearningRateScheduler(lambda epoch, rate: rate / 2),
            EarlyStopping("val_loss", patience=5, restore_best_weights=True),
        ],
        checkpoint=Checkpointer(folder, every_seconds=0, identity=identity),
        resume=True,
        stop=lambda: count.steps >= most_steps,
    )
    return model, history


@pytest.mark.parametrize("steps", range(EPOCHS * STEPS))
def test_interrupted_at_any_step_it_ends_with_the_same_bits(steps: int, tmp_path: Path) -> None:
    whole, expected = train(tmp_path / "whole")
    first, _ = train(tmp_path / "pieces", steps)
    assert first.trainer.iterations == steps
    resumed, history = train(tmp_path / "pieces")
    assert digest(resumed) == digest(whole)
    assert history.history == expected.history
    assert history.epoch == expected.epoch == list(range(EPOCHS))
    assert resumed.optimizer.learning_rate == whole.optimizer.learning_rate


def test_interrupted_over_and_over(tmp_path: Path) -> None:
    whole, expected = train(tmp_path / "whole")
    for _ in range(EPOCHS * STEPS + 1):
        resumed, history = train(tmp_path / "pieces", 1)
    assert digest(resumed) == digest(whole)
    assert history.history == expected.history


def test_a_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    whole, expected = train(tmp_path)
    again, history = train(tmp_path)
    assert history.history == expected.history
    assert digest(again) == digest(whole)


def test_early_stopping_is_remembered(tmp_path: Path) -> None:
    def run() -> tuple[Sequential, EarlyStopping]:
        model = full_network()
        model.compile(AdamW(0.0), "sparse_categorical_crossentropy")
        early = EarlyStopping("loss", min_delta=10.0, patience=2)
        model.fit(
            IMAGES,
            LABELS,
            epochs=50,
            verbose=0,
            callbacks=[early],
            checkpoint=Checkpointer(tmp_path, 0),
            resume=True,
        )
        return model, early

    model, early = run()
    assert early.stopped_epoch == 2
    again, remembered = run()
    assert remembered.stopped_epoch == 2
    assert again.trainer.iterations == model.trainer.iterations


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing"])
def test_a_damaged_checkpoint_leaves_the_one_before(tmp_path: Path, damage: str) -> None:
    whole, _ = train(tmp_path / "whole")
    train(tmp_path / "pieces", 3)
    files = sorted((tmp_path / "pieces").iterdir())
    assert len(files) == 2
    latest = load_checkpoint(tmp_path / "pieces")
    assert latest is not None
    (newest,) = [f for f in files if _number(f) == latest.number]
    content = bytearray(newest.read_bytes())
    if damage == "truncated":
        newest.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[-100] ^= 1
        newest.write_bytes(content)
    elif damage == "empty":
        newest.write_bytes(b"")
    else:
        newest.unlink()
    older = load_checkpoint(tmp_path / "pieces")
    assert older is not None
    assert older.number == latest.number - 1
    resumed, _ = train(tmp_path / "pieces")
    assert digest(resumed) == digest(whole)


def _number(file: Path) -> int:
    alone = file.parent.parent / f"only-{file.stem}"
    alone.mkdir()
    shutil.copy(file, alone)
    checkpoint = load_checkpoint(alone)
    assert checkpoint is not None
    return checkpoint.number


@pytest.mark.parametrize("offset", np.random.default_rng(0).integers(0, 6000, 12).tolist())
def test_a_flipped_bit_is_always_noticed(tmp_path: Path, offset: int) -> None:
    train(tmp_path, 0)
    for file in tmp_path.iterdir():
        content = bytearray(file.read_bytes())
        content[offset % len(content)] ^= 1 << (offset % 8)
        file.write_bytes(content)
    with pytest.raises(ModelFileError, match="no checkpoint can be used"):
        load_checkpoint(tmp_path)


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path) is None
    assert load_checkpoint(tmp_path / "missing") is None


def test_a_run_configured_otherwise_is_refused(tmp_path: Path) -> None:
    train(tmp_path, 1)
    with pytest.raises(ConfigurationError, match=r"optimizer: was .*0.002.*, is .*0.5"):
        train(tmp_path, rate=0.5)
    with pytest.raises(ConfigurationError, match="identity: was '', is 'other data'"):
        train(tmp_path, identity="other data")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(TrainingError, match="was not saved"):
        train(blocked)


@pytest.mark.parametrize("failing", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.open"])
@pytest.mark.parametrize("write", [1, 2, 3])
def test_a_write_that_fails_leaves_the_checkpoints_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, write: int
) -> None:
    whole, _ = train(tmp_path / "whole")
    train(tmp_path / "pieces", 1)
    module, _, name = failing.rpartition(".")
    real = getattr(os if module == "os" else Path, name)
    calls = iter(range(1000))

    def fail(*arguments: object, **options: object) -> object:
        if next(calls) == write:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(failing, fail)
        with pytest.raises(TrainingError, match=r"No space left on device.* intact"):
            train(tmp_path / "pieces")
    assert not list((tmp_path / "pieces").glob(".*"))
    resumed, _ = train(tmp_path / "pieces")
    assert digest(resumed) == digest(whole)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / ".state-0.safetensors.1234.tmp"
    leftover.write_bytes(b"half")
    train(tmp_path, 1)
    assert not leftover.exists()
