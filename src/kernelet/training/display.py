"""Progress on a terminal as bars, elsewhere as a plain line an epoch."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from kernelet.training.callbacks.base import Callback, Logs

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def _numbers(logs: Logs | None) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())


def _heading(epoch: int, epochs: int) -> str:
    return f"epoch {epoch + 1:>{len(str(epochs))}}/{epochs}"


class LineDisplay(Callback):
    """One line an epoch on standard output."""

    def __init__(self) -> None:
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_resume(self, epoch: int, logs: Logs | None = None) -> None:
        self.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        heading = _heading(epoch, self.params["epochs"])
        seconds = time.perf_counter() - self._began
        print(f"{heading}  {seconds:.1f} s  {_numbers(logs)}", flush=True)


class BarDisplay(Callback):
    """A progress bar with the averages so far, and a line for every epoch that is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._began = 0.0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed}/{task.total}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            transient=True,
        )
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._began = time.perf_counter()
        if self._bar is not None:
            heading = _heading(epoch, self.params["epochs"])
            self._task = self._bar.add_task(heading, total=self.params["steps"], numbers="")

    def on_epoch_resume(self, epoch: int, logs: Logs | None = None) -> None:
        self.on_epoch_begin(epoch, logs)

    def on_progress(self, batch: int, logs: Logs | None = None) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=batch, numbers=_numbers(logs))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._bar is None:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        heading = _heading(epoch, self.params["epochs"])
        seconds = time.perf_counter() - self._began
        line = f"{heading}  {seconds:.1f} s  {_numbers(logs)}"
        self._bar.console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def display(verbose: str | int) -> Callback | None:
    """Return what shows progress.

    Parameters
    ----------
    verbose : {"auto", 0, 1, 2}
        0 for nothing, 2 for a line an epoch; otherwise a bar where standard output is a terminal
        and a line an epoch elsewhere.
    """
    if verbose in (0, "0", False):
        return None
    if verbose != 2 and sys.stdout.isatty():
        return BarDisplay()
    return LineDisplay()
