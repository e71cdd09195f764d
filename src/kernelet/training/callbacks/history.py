"""What happened in each epoch."""

from __future__ import annotations

from typing import Any

from kernelet.training.callbacks.base import Callback, Logs


class History(Callback):
    """The result of ``fit``: the averages of every epoch.

    Attributes
    ----------
    history : dict of str to list of float
        For ``loss``, every metric and both of them with ``val_`` in front, one number an epoch.
    epoch : list of int
        Numbers of the epochs, from 0.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))

    def _repr_html_(self) -> str:
        """Show curves and numbers in notebooks."""
        # Only notebooks draw; training does without.
        from kernelet.explain.history import history_html

        return history_html(self.history, self.epoch)

    def state(self) -> dict[str, Any]:
        return {"history": self.history, "epoch": self.epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self.history = {name: list(values) for name, values in state["history"].items()}
        self.epoch = list(state["epoch"])
