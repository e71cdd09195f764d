"""What ``fit`` is asked to do, with the checks that need no data."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike

from kernelet.errors import ConfigurationError, UsageError
from kernelet.training.callbacks.base import Callback
from kernelet.training.checkpoints import Checkpointer
from kernelet.training.execution import Machine
from kernelet.training.loop import Plan


def _require_whole(name: str, value: object) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"{name} must be an integer of at least 0, not {value!r}.")


class FitOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of `kernelet.Model.fit` besides the data; described there."""

    batch_size: int | None
    epochs: int
    verbose: str | int
    callbacks: Callback | Sequence[Callback]
    validation_split: float
    validation_data: Sequence[Any] | None
    shuffle: bool
    class_weight: Mapping[int, float] | None
    sample_weight: ArrayLike | None
    initial_epoch: int
    seed: int
    precision: str
    threads: int | None
    device: str
    checkpoint: Checkpointer | None
    resume: bool
    stop: threading.Event | Callable[[], bool] | None

    def __post_init__(self) -> None:
        for name in ("epochs", "initial_epoch", "seed"):
            _require_whole(name, getattr(self, name))
        if self.seed >= 1 << 64:
            raise ConfigurationError(f"seed must be below 2**64, not {self.seed}.")
        if not 0 <= self.validation_split < 1:
            raise ConfigurationError(
                f"validation_split must be at least 0 and below 1, not {self.validation_split!r}."
            )
        if self.resume and self.checkpoint is None:
            raise UsageError("resume=True needs checkpoint=Checkpointer(folder) to resume from.")

    def machine(self) -> Machine:
        """Return where the programs run."""
        return Machine.checked(self.batch_size, self.threads, self.device, self.precision)

    def plan(self) -> Plan:
        """Return what the loop is to do."""
        asked = self.stop.is_set if isinstance(self.stop, threading.Event) else self.stop
        return Plan(int(self.epochs), int(self.seed), self.shuffle, asked)
