"""Work of two kinds at once."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Whoever reads files asks for the interpreter again after each of them; by default, another thread
# keeps it for 5 ms then.
_SWITCH_SECONDS = 5e-4


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Run something in another thread; at the end of the block, it has ended too.

    If it fails, whoever needs what it was to prepare will meet the cause.
    """

    def run() -> None:
        with suppress(Exception):
            work()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    thread = threading.Thread(target=run, name="kernelet-meanwhile")
    thread.start()
    try:
        yield
    finally:
        thread.join()
        sys.setswitchinterval(interval)
