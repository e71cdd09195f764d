"""A bar for one task, on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[int, int], None]


def is_terminal() -> bool:
    """Whether standard output is a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def progress_bar(task: str, *, enabled: bool = True) -> Iterator[Progress | None]:
    """Give a function to call as ``progress(done, total)``; None where nothing is shown."""
    if not (enabled and is_terminal()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(highlight=False), transient=True) as bars:
        bar = bars.add_task(task, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@contextmanager
def task_progress(*, enabled: bool = True) -> Iterator[Callable[[str, int, int], None] | None]:
    """Give a function to call as ``progress(task, done, total)``; None where nothing is shown."""
    if not (enabled and is_terminal()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(highlight=False), transient=True) as bars:
        bar = bars.add_task("", total=None)
        yield lambda task, done, total: bars.update(
            bar, description=task, completed=done, total=total
        )
