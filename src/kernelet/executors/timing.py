"""How long the steps of a plan took."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray


class Timing(msgspec.Struct, frozen=True, eq=False):
    """Measured times of one run.

    Attributes
    ----------
    steps : int
        Steps done.
    elapsed : float
        Seconds of the whole run, by the clock.
    instructions : ndarray of float64, shape (threads, instructions)
        Seconds that each thread spent in each instruction of the plan, in the plan's order.
    waiting : ndarray of float64, shape (threads, phases)
        Seconds that each thread waited for others at the end of each phase.
    """

    steps: int
    elapsed: float
    instructions: NDArray[np.float64]
    waiting: NDArray[np.float64]

    @property
    def threads(self) -> int:
        """Threads that took part."""
        return len(self.instructions)

    @property
    def outside(self) -> float:
        """Seconds of the run that no thread spent in the plan: waking threads, and Python."""
        inside = self.instructions.sum() + self.waiting.sum()
        return float(self.elapsed - inside / self.threads)
