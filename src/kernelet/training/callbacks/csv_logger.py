"""A CSV file with a line an epoch."""

from __future__ import annotations

import csv
from pathlib import Path

from kernelet.training.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """Write ``epoch``, counted from 0, and all numbers of the logs, a line an epoch.

    Parameters
    ----------
    filename : str or Path
        Written anew, unless ``append``.
    separator : str
        Between numbers.
    append : bool
        Whether lines that are there stay.
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.path = Path(filename)
        self.separator = separator
        self.append = append
        self._names: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._names = None
        if not self.append:
            self.path.write_text("", encoding="utf-8")
        elif self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                self._names = next(csv.reader(file, delimiter=self.separator), [])[1:] or None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        numbers = logs or {}
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator, lineterminator="\n")
            if self._names is None:
                self._names = list(numbers)
                writer.writerow(["epoch", *self._names])
            writer.writerow([epoch, *(numbers.get(name, "") for name in self._names)])
