"""How fast a processor is at most: what predicted times are made of."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

# Measured on a Zen 4 core: multiply-adds of float32 a second in registers, and a barrier between
# two steps. Waking a thread that then meets barriers takes 83 µs there, 19 on Emerald Rapids, but
# hardly anything within 30 µs of the last call.
MULTIPLY_ADDS = 60e9
BARRIER = 1e-6
WAKING = 30e-6


class Level(msgspec.Struct, frozen=True):
    """A cache, or the memory.

    Attributes
    ----------
    name : str
        "L1", "L2", "L3" or "memory".
    size : float
        Bytes that a thread may hope to keep there; infinite for the memory.
    rate : float
        Bytes read and written a second, by all threads together.
    """

    name: str
    size: float
    rate: float


class Rates(msgspec.Struct, frozen=True):
    """What a number of threads do at most.

    Attributes
    ----------
    threads : int
    multiply_adds : mapping of str to float
        A second, all threads together, by kind of number: "float32", and "bfloat16" where the
        processor multiplies those faster.
    levels : tuple of Level
        From the innermost to the memory.
    barrier, waking : float
        Seconds until threads have met, and until they have been woken.
    measured : bool
        On this machine, rather than built in.
    """

    threads: int
    multiply_adds: Mapping[str, float]
    levels: tuple[Level, ...]
    barrier: float
    waking: float
    measured: bool = False

    def level(self, size: float) -> Level:
        """Return the innermost level that a number of bytes a thread fits into."""
        return next(level for level in self.levels if size <= level.size)


def built_in_rates(threads: int) -> Rates:
    """Return the rates of Zen 4 cores with AVX-512, 1 MB of L2 and 32 MB of L3.

    Only the third-level cache is taken to be slower, 60 instead of 95 GB a second, because other
    processors' are: an Emerald Rapids core has 29.

    Examples
    --------
    >>> built_in_rates(1).level(600_000).name
    'L2'
    """
    return Rates(
        threads=threads,
        multiply_adds={"float32": threads * MULTIPLY_ADDS, "bfloat16": 2 * threads * MULTIPLY_ADDS},
        levels=(
            Level("L1", 32 << 10, threads * 220e9),
            Level("L2", 1 << 20, threads * 110e9),
            Level("L3", (32 << 20) / threads, threads * 60e9),
            Level("memory", math.inf, 20e9),
        ),
        barrier=BARRIER if threads > 1 else 0.0,
        waking=WAKING if threads > 1 else 0.0,
    )
