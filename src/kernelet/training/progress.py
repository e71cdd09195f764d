"""How far training is, and the averages of the epoch so far."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

# A call of the engine should take about this many seconds: long enough to cost nothing, short
# enough that Ctrl-C and the progress bar feel immediate.
CALL_SECONDS = 0.2
_MOST_STEPS = 4096
# Relative error of a mean over some blocks of sixteen samples: a few times 2⁻²⁴.
_ROUNDING = 2.0**-20


class Averages(msgspec.Struct):
    """Means over samples of numbers that come as means over batches.

    They are added one batch after another in float64, so that they do not depend on how many
    batches come at a time.

    Attributes
    ----------
    names : sequence of str
        The loss first.
    totals : dict of str to float
        Sum over the samples, by name.
    samples : int
        Samples seen.

    Examples
    --------
    >>> averages = Averages(["loss"])
    >>> averages.add({"loss": np.array([1.0, 4.0], np.float32)}, [2, 1])
    >>> averages.logs()
    {'loss': 2.0}
    """

    names: Sequence[str]
    totals: dict[str, float] = msgspec.field(default_factory=dict)
    samples: int = 0

    def add(self, values: Mapping[str, NDArray[np.float32]], sizes: Sequence[int]) -> None:
        """Take in some batches.

        Parameters
        ----------
        values : mapping of str to ndarray, shape (batches,)
            Mean over each batch.
        sizes : sequence of int
            Samples of each batch.
        """
        for name in self.names:
            total = self.totals.get(name, 0.0)
            for value, size in zip(values[name].tolist(), sizes, strict=True):
                total += _total(value, size)
            self.totals[name] = total
        self.samples += sum(sizes)

    def logs(self) -> dict[str, float]:
        """Return the means by name; NaN before the first sample."""
        return {
            name: self.totals.get(name, 0.0) / self.samples if self.samples else math.nan
            for name in self.names
        }


def _total(mean: float, size: int) -> float:
    """Return a sum over a batch from its float32 mean.

    A count of hits comes back whole, so that equal accuracies compare as equal, whatever the
    batches: its mean misses it by the rounding of some float32 sums alone.
    """
    total = mean * size
    whole = float(np.rint(total))
    return whole if abs(total - whole) <= abs(total) * _ROUNDING else total


def batch_sizes(samples: int, batch_size: int) -> list[int]:
    """Return the sizes of consecutive batches, the last of which may be smaller.

    Examples
    --------
    >>> batch_sizes(10, 4)
    [4, 4, 2]
    """
    full, rest = divmod(samples, batch_size)
    return [batch_size] * full + [rest] * bool(rest)


class Pace:
    """Chooses how many steps to run in one call of the engine.

    Parameters
    ----------
    single : bool
        Whether every step must be a call of its own.
    """

    def __init__(self, single: bool = False) -> None:
        self.single = single
        self.seconds_per_step: float | None = None
        self._began = 0.0

    def steps(self, left: int) -> int:
        """Return how many of the steps that are left to run, and start the clock."""
        self._began = time.perf_counter()
        if self.single or self.seconds_per_step is None:
            return 1
        return min(left, _MOST_STEPS, max(1, int(CALL_SECONDS / self.seconds_per_step)))

    def done(self, steps: int) -> None:
        """Learn from a call that is over."""
        self.seconds_per_step = max((time.perf_counter() - self._began) / steps, 1e-9)


class Position(msgspec.Struct):
    """How far training is.

    Attributes
    ----------
    iterations : int
        Steps of the optimizer in all.
    epoch : int
        Number of the epoch that goes on or comes next, from 0.
    step : int
        Steps done in this epoch.
    averages : Averages
        Of this epoch so far.
    """

    iterations: int
    epoch: int
    averages: Averages
    step: int = 0

    def next_epoch(self) -> None:
        """Go to the beginning of the next epoch."""
        self.epoch += 1
        self.step = 0
        self.averages = Averages(self.averages.names)
