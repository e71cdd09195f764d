"""What `kernelet train` shows: plain lines, progress bars on a terminal, or JSON lines."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from kernelet.cli.json_lines import write_json
from kernelet.cli.progress import is_terminal
from kernelet.cli.text import duration, inert_lines, share
from kernelet.runs.events import (
    DataFound,
    EpochEnded,
    Failed,
    Finished,
    NetworkBuilt,
    Warned,
)
from kernelet.text import byte_size, inert, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernelet.runs.events import Event
    from kernelet.runs.observer import Observer

# Classes and broken pictures listed in text; JSON lists all.
_MOST_CLASSES = 20
_MOST_BROKEN = 10


@contextmanager
def observer_for(*, as_json: bool) -> Iterator[Observer]:
    """Give the observer that suits where the output goes."""
    if as_json:
        yield JsonLines()
    elif is_terminal():
        terminal = Terminal()
        try:
            yield terminal
        finally:
            terminal.close()
    else:
        yield PlainLines()


class JsonLines:
    """Events as JSON, progress not at all."""

    def event(self, event: Event) -> None:
        """Write one line."""
        write_json(event)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Say nothing."""


class PlainLines:
    """Events as text for files and pipes, progress not at all."""

    def event(self, event: Event) -> None:
        """Write some lines."""
        self.show(inert_lines(event_text(event)), error=isinstance(event, Warned))

    def show(self, text: str, *, error: bool) -> None:
        """Write text; warnings go to standard error."""
        click.echo(text, err=error)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Say nothing."""


class Terminal(PlainLines):
    """The same text above a bar that shows how far the current task is."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(highlight=False),
            transient=True,
        )
        self._task: Any = None

    def event(self, event: Event) -> None:
        """Write above the bar; all but epochs end what it stands for."""
        if not isinstance(event, EpochEnded):
            self.close()
        super().event(event)

    def show(self, text: str, *, error: bool) -> None:
        """Write text above the bar, where there is one."""
        if self._task is None:
            super().show(text, error=error)
        else:
            self._bars.console.print(text, markup=False, soft_wrap=True)

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Move the bar."""
        if self._task is None:
            # Speed and time left count from here, also where a run goes on.
            self._task = self._bars.add_task(task, total=total, completed=done, note=note)
            self._bars.start()
        self._bars.update(self._task, description=task, completed=done, total=total, note=note)

    def close(self) -> None:
        """Remove the bar."""
        if self._task is not None:
            self._bars.stop()
            self._bars.remove_task(self._task)
            self._task = None


def event_text(event: Event) -> str:
    """Return an event as lines of text."""
    match event:
        case DataFound():
            return _data(event)
        case NetworkBuilt():
            return _network(event)
        case EpochEnded():
            return _epoch(event)
        case Warned():
            return f"Warning: {event.message}"
        case Failed():
            return f"Error: {event.message}"
        case Finished():
            return _finished(event)


def _data(event: DataFound) -> str:
    height, width, channels = event.image_shape
    totals = {split: sum(counts.values()) for split, counts in event.counts.items()}
    parts = ", ".join(f"{split} {count:,}" for split, count in totals.items())
    colour = "grey" if channels == 1 else "RGB"
    form = f"{height}×{width} {colour}, {len(event.classes):,} classes"
    lines = [f"{inert(event.source)}: {sum(totals.values()):,} pictures of {form} ({parts})"]
    lines += [f"  {inert(note)}" for note in event.notes]
    lines += _class_counts(event)
    if event.broken:
        lines.append(f"broken pictures left out: {len(event.broken):,}")
        lines += [f"  {inert(b.file)}: {inert(b.reason)}" for b in event.broken[:_MOST_BROKEN]]
        if len(event.broken) > _MOST_BROKEN:
            lines.append(f"  and {len(event.broken) - _MOST_BROKEN:,} more")
    return "\n".join(lines)


def _class_counts(event: DataFound) -> list[str]:
    shown = event.classes[:_MOST_CLASSES]
    rows = [("class", *event.counts)]
    rows += [
        (inert(name), *(f"{counts[name]:,}" for counts in event.counts.values())) for name in shown
    ]
    left = len(event.classes) - len(shown)
    return [table(rows), *([f"and {left:,} more classes"] if left else [])]


def _network(event: NetworkBuilt) -> str:
    epochs = f"{event.epochs:,} epoch{'s' if event.epochs > 1 else ''}"
    threads = f"{event.threads} thread{'s' if event.threads > 1 else ''}"
    return (
        f"\n{event.summary.to_text()}\n\n"
        f"training: {epochs}, {event.batch_size} pictures a step, {threads}\n"
        f"forecast: {duration(event.seconds)}, {byte_size(event.memory)} of memory\n"
        f"run folder: {inert(event.run)}\n"
    )


def _epoch(event: EpochEnded) -> str:
    width = len(str(event.epochs))
    parts = [
        f"epoch {event.epoch:>{width}}/{event.epochs}",
        f"loss {event.loss:.4f}",
        f"accuracy {share(event.accuracy)}",
    ]
    if event.val_accuracy is not None and event.val_loss is not None:
        parts += [f"validation loss {event.val_loss:.4f}", f"accuracy {share(event.val_accuracy)}"]
    parts.append(duration(event.seconds) + (", best so far" if event.best else ""))
    return "  ".join(parts)


def _finished(event: Finished) -> str:
    rows = [("class", "recall")]
    rows += [(inert(name), share(value)) for name, value in event.per_class.items()]
    of_epoch = f" (the network of epoch {event.best_epoch} of {event.epochs})"
    lines = [
        "",
        table(rows),
        "",
        f"{event.split} accuracy {share(event.accuracy)}, loss {event.loss:.4f}{of_epoch}",
        f"time: {duration(event.seconds)}",
        f"model: {inert(event.model)}",
        *([f"report: {inert(event.report)}"] if event.report else []),
        f"run folder: {inert(event.run)}",
    ]
    return "\n".join(lines)
