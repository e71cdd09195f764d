"""Ctrl-C and SIGTERM: end at once, or after saving."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kernelet.cli import exit_codes
from kernelet.cli.failures import Terminated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Interruption:
    """Turns the first signal into a request to stop while there is something to save.

    Attributes
    ----------
    requested : threading.Event
        Set by the first signal inside `saving`; whoever works there stops at the next good moment.
    """

    def __init__(self) -> None:
        self.requested = threading.Event()
        self._saving = False
        self._signal: int | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that the signal asks for."""
        return exit_codes.TERMINATED if self._signal == signal.SIGTERM else exit_codes.INTERRUPTED

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle SIGINT and SIGTERM inside the block, in the main thread."""
        before = {number: signal.signal(number, self._receive) for number in _HANDLED}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def saving(self) -> Iterator[threading.Event]:
        """Inside the block the first signal sets `requested`, and only the next ends at once."""
        self._saving = True
        try:
            yield self.requested
        finally:
            self._saving = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self._saving and not self.requested.is_set():
            self._signal = number
            self.requested.set()
        elif number == signal.SIGTERM:
            raise Terminated
        else:
            raise KeyboardInterrupt


_HANDLED = (signal.SIGINT, signal.SIGTERM)
