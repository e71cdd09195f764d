"""Keeps the best network, writes the history and tells of every epoch."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kernelet.callbacks import Callback
from kernelet.runs.events import EpochEnded
from kernelet.runs.history import write_history
from kernelet.training.schedules import rates

if TYPE_CHECKING:
    from kernelet.runs.folder import RunFolder
    from kernelet.runs.observer import Observer
    from kernelet.training.callbacks.base import Logs


class Recorder(Callback):
    """Watches a training for a run folder and an observer.

    The best network is the one with the highest accuracy on the validation pictures, of equals
    the one with the lowest loss there; without validation pictures, the last one.

    Attributes
    ----------
    history : dict of str to list of float
        A number an epoch for each column of ``history.csv``.
    best_epoch : int
        The epoch whose network was kept, from 1.
    """

    def __init__(self, folder: RunFolder, observer: Observer) -> None:
        self._folder = folder
        self._observer = observer
        self.history: dict[str, list[float]] = {}
        self.best_epoch = 0
        self._best: tuple[float, float] | None = None
        self._began = time.perf_counter()

    @property
    def epochs(self) -> int:
        """Epochs that are done."""
        return len(self.history.get("loss", ()))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_resume(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock in the middle of an epoch."""
        self._began = time.perf_counter()

    def on_progress(self, batch: int, logs: Logs | None = None) -> None:
        """Pass on how far the training is."""
        numbers = logs or {}
        epoch = self.epochs + 1
        self._observer.progress(
            f"epoch {epoch}/{self.params['epochs']}",
            self.epochs * self.params["steps"] + batch,
            self.params["epochs"] * self.params["steps"],
            f"loss {numbers['loss']:.4f}  accuracy {100 * numbers['accuracy']:.1f} %",
        )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the network if it is the best, write the history, tell the observer."""
        numbers = dict(logs or {})
        rate = self._last_learning_rate(epoch)
        for name, value in {**numbers, "learning_rate": rate}.items():
            self.history.setdefault(name, []).append(value)
        best = self._keep(epoch, numbers)
        write_history(self._folder.history_file, self.history)
        self._observer.event(
            EpochEnded(
                epoch=epoch + 1,
                epochs=self.params["epochs"],
                loss=numbers["loss"],
                accuracy=numbers["accuracy"],
                val_loss=numbers.get("val_loss"),
                val_accuracy=numbers.get("val_accuracy"),
                learning_rate=rate,
                seconds=time.perf_counter() - self._began,
                best=best,
            )
        )

    def _last_learning_rate(self, epoch: int) -> float:
        steps = (epoch + 1) * self.params["steps"]
        return float(rates(self.model.trainer.optimizer.learning_rate, steps - 1, 1)[0])

    def _keep(self, epoch: int, numbers: Logs) -> bool:
        """Save the network if it is the best so far."""
        if "val_accuracy" in numbers:
            reached = (numbers["val_accuracy"], -numbers["val_loss"])
            if self._best is not None and reached <= self._best:
                return False
            self._best = reached
        self.best_epoch = epoch + 1
        self.model.save(self._folder.model_file)
        return True

    def state(self) -> dict[str, Any]:
        """Return history and best."""
        return {"history": self.history, "best_epoch": self.best_epoch, "best": self._best}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a history and a best."""
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.best_epoch = state["best_epoch"]
        self._best = None if state["best"] is None else (state["best"][0], state["best"][1])
