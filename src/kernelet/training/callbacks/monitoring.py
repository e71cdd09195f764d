"""Callbacks that watch one number of the logs."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kernelet.errors import ConfigurationError
from kernelet.training.callbacks.base import Callback, Logs
from kernelet.training.metrics import METRICS

Mode = Literal["auto", "min", "max"]


def _direction(monitor: str, mode: Mode) -> str:
    """Return "max" or "min", by the metric where the mode does not say."""
    if mode not in ("auto", "min", "max"):
        raise ConfigurationError(f'mode must be "auto", "min" or "max", not {mode!r}.')
    if mode != "auto":
        return mode
    metric = METRICS.get(monitor.removeprefix("val_"))
    if metric is not None:
        return metric.direction
    return "max" if "acc" in monitor else "min"


class Monitor(Callback):
    """Base class: tells whether a number of the logs is the best so far.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    mode : {"auto", "min", "max"}
        Whether less or more is better; ``auto`` knows the metrics.
    min_delta : float
        A smaller change is no improvement.
    baseline : float, optional
        What the first number must beat.

    Attributes
    ----------
    best : float
        Best number so far.
    best_epoch : int or None
        Where it was reached.
    """

    def __init__(
        self, monitor: str, mode: Mode, min_delta: float = 0.0, baseline: float | None = None
    ) -> None:
        self.monitor = monitor
        self.direction = _direction(monitor, mode)
        self.min_delta = abs(min_delta)
        self.baseline = baseline
        self._forget()

    def _forget(self) -> None:
        worst = -math.inf if self.direction == "max" else math.inf
        self.best = worst if self.baseline is None else self.baseline
        self.best_epoch: int | None = None

    def improves(self, epoch: int, logs: Logs | None) -> bool | None:
        """Return whether an epoch is the best so far and keep it; None where the number lacks."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {})
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not in the logs "
                f"({known}); it does nothing. Give fit validation data, or watch another number.",
                stacklevel=2,
            )
            return None
        gain = value - self.best if self.direction == "max" else self.best - value
        # The first epoch is the best so far even if it is not finite: there is no other.
        if gain > self.min_delta or (self.best_epoch is None and math.isinf(self.best)):
            self.best, self.best_epoch = float(value), epoch
            return True
        return False

    def state(self) -> dict[str, Any]:
        return {"best": self.best, "best_epoch": self.best_epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]


class EarlyStopping(Monitor):
    """Stop where a number has not improved for some epochs; arguments as in Keras.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    min_delta : float
        A smaller change is no improvement.
    patience : int
        Epochs without improvement before training stops.
    verbose : int
        Whether to print when it stops.
    mode : {"auto", "min", "max"}
        Whether less or more is better.
    baseline : float, optional
        What the first number must beat.
    restore_best_weights : bool
        Whether the model ends with the weights of the best epoch.
    start_from_epoch : int
        Epochs before it do not count.

    Attributes
    ----------
    stopped_epoch : int
        Where it stopped, 0 for nowhere.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta, baseline)
        if patience < 0:
            raise ConfigurationError(f"patience must be at least 0, not {patience}.")
        self.patience = patience
        self.verbose = verbose
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._begin()

    def _begin(self) -> None:
        self._forget()
        self.wait = 0
        self.stopped_epoch = 0
        self._best_weights: np.ndarray[Any, np.dtype[np.float32]] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch < self.start_from_epoch:
            return
        improved = self.improves(epoch, logs)
        if improved is None:
            return
        if improved or (self.restore_best_weights and self._best_weights is None):
            self._best_weights = (
                self.model.weights.buffer.copy() if self.restore_best_weights else None
            )
        if improved:
            self.wait = 0
            return
        self.wait += 1
        if self.wait >= max(self.patience, 1) and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: {self.monitor} did not improve further.")
        if self._best_weights is not None:
            self.model.weights.buffer[...] = self._best_weights

    def state(self) -> dict[str, Any]:
        kept = {} if self._best_weights is None else {"best_weights": self._best_weights}
        counters = {"wait": self.wait, "stopped_epoch": self.stopped_epoch}
        return {**super().state(), **counters, **kept}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.wait, self.stopped_epoch = state["wait"], state["stopped_epoch"]
        self._best_weights = state.get("best_weights")


class ModelCheckpoint(Monitor):
    """Save the model at the end of epochs.

    Parameters
    ----------
    filepath : str or Path
        A ``.safetensors`` file; may name ``{epoch}``, counted from 1, and numbers of the logs,
        as in ``"{epoch:02d}-{val_loss:.3f}.safetensors"``.
    monitor : str
        Name in the logs.
    verbose : int
        Whether to print what is saved.
    save_best_only : bool
        Whether only epochs that improve the number are saved.
    mode : {"auto", "min", "max"}
        Whether less or more is better.
    """

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: Mode = "auto",
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = str(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_best_only and not self.improves(epoch, logs):
            return
        try:
            path = Path(self.filepath.format(epoch=epoch + 1, **(logs or {})))
        except (KeyError, IndexError) as error:
            known = ", ".join(("epoch", *(logs or {})))
            raise ConfigurationError(
                f"{self.filepath!r} names {error}, which is not among: {known}."
            ) from None
        self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved {path}")


class ReduceLROnPlateau(Monitor):
    """Lower the learning rate where a number has not improved for some epochs, as in Keras.

    Parameters
    ----------
    monitor : str
        Name in the logs.
    factor : float
        What the learning rate is multiplied by, below 1.
    patience : int
        Epochs without improvement before that.
    verbose : int
        Whether to print the new learning rate.
    mode : {"auto", "min", "max"}
        Whether less or more is better.
    min_delta : float
        A smaller change is no improvement.
    cooldown : int
        Epochs after a change that do not count.
    min_lr : float
        The learning rate does not fall below.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 < factor < 1:
            raise ConfigurationError(f"factor must lie between 0 and 1, not {factor!r}.")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self._wait = self._cooling = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()
        self._wait = self._cooling = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        improved = self.improves(epoch, logs)
        if improved is None:
            return
        if self._cooling:
            self._cooling -= 1
            self._wait = 0
        if improved:
            self._wait = 0
        elif not self._cooling:
            self._wait += 1
            if self._wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = self.model.optimizer
        if callable(optimizer.learning_rate):
            raise ConfigurationError(
                "ReduceLROnPlateau changes the learning rate, and the optimizer has a schedule of "
                "its own; give the optimizer a number."
            )
        reduced = max(float(optimizer.learning_rate) * self.factor, self.min_lr)
        if reduced < float(optimizer.learning_rate):
            optimizer.learning_rate = reduced
            self._cooling, self._wait = self.cooldown, 0
            if self.verbose:
                print(f"Epoch {epoch + 1}: learning rate reduced to {reduced:g}.")

    def state(self) -> dict[str, Any]:
        return {**super().state(), "wait": self._wait, "cooling": self._cooling}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._wait, self._cooling = state["wait"], state["cooling"]
