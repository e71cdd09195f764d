"""Who listens to a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Event as Flag
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kernelet.runs.events import Event

#: Enters the part of a run where there is something to save; gives the flag that asks to stop.
Saving = Callable[[], AbstractContextManager[Flag]]


class Observer(Protocol):
    """Shows or records what a run has to say."""

    def event(self, event: Event) -> None:
        """Take note of something that matters afterwards too."""

    def progress(self, task: str, done: int, total: int, note: str = "") -> None:
        """Take note of how far the current task is; called several times a second.

        Parameters
        ----------
        task : str
            What is being done.
        done, total : int
            How far it is.
        note : str
            Numbers of the moment.
        """
