"""What the machine does at most: multiply-adds, bytes moved, threads brought together."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence

import msgspec

from kernelet.executors.native_machine import (
    barrier_seconds,
    base_isa,
    bfloat16_dot_rate,
    movement_rates,
    multiply_add_rate,
    region_seconds,
    tile_load_seconds,
    tile_rate,
)
from kernelet.executors.native_processor import processor, resolve_isa, usable_threads
from kernelet.plan.rates import Level, Rates

# Repetitions of a fraction of a millisecond each, of which the best counts.
_REPETITIONS = 20
_WAKINGS = 9
# Long enough for a thread that has nothing to do to fall asleep.
_PAUSE = 1e-3
# Strides and offsets of rows: packed tiles, the same across cache lines, pixels of 16 channels side
# by side, windows of six channels, and rows of a picture a page apart.
_TILE_LAYOUTS = ((64, 0), (64, 4), (32, 0), (12, 0), (4096, 0))
# Rates of instructions for bfloat16.
_BFLOAT16 = {"avx512_bf16": bfloat16_dot_rate, "amx": tile_rate}
# Where the processor does not tell of its caches.
_USUAL_L1, _USUAL_L2 = 32 << 10, 512 << 10
_LEAST_MEMORY = 64 << 20


class Arithmetic(msgspec.Struct, frozen=True):
    """Multiply-adds of one kind.

    Attributes
    ----------
    numbers : str
        "float32" or "bfloat16".
    instruction_set : str
        For bfloat16, one with instructions for it: "avx512_bf16", or "amx" with its tiles.
    threads : int
    rate : float
        Multiply-adds a second, of all threads together.
    """

    numbers: str
    instruction_set: str
    threads: int
    rate: float


class Movement(msgspec.Struct, frozen=True):
    """Going through a number of bytes again and again.

    Attributes
    ----------
    level : str
        What serves them: "L1", "L2", "L3" or "memory".
    size : int
        Bytes of each thread.
    threads : int
    read, write, copy : float
        Bytes a second, of all threads together; copying counts those read and those written.
    """

    level: str
    size: int
    threads: int
    read: float
    write: float
    copy: float


class TileLoad(msgspec.Struct, frozen=True):
    """Loading tiles (AMX) of 16 rows of 64 bytes.

    Attributes
    ----------
    level : str
        Where they lie: "L1" or "L2".
    stride : int
        Bytes from row to row; rows less than 64 bytes apart overlap.
    offset : int
        Bytes between a cache line and the first row.
    seconds : float
        A tile, on one thread.
    """

    level: str
    stride: int
    offset: int
    seconds: float


class MachineProfile(msgspec.Struct, frozen=True):
    """What a machine was measured to do at most.

    Attributes
    ----------
    processor : str
        Name that it gives itself; empty where it gives none.
    instruction_set : str
        In use; bytes were moved with it.
    threads : int
        Most threads that were measured.
    arithmetic : tuple of Arithmetic
    movements : tuple of Movement
    tile_loads : tuple of TileLoad
        Empty where the processor has no tiles.
    barrier : float
        Seconds that all threads take to meet, if they arrive at the same time; 0 for one.
    waking : float
        Seconds to wake all threads, let them meet and end; 0 for one.
    """

    processor: str
    instruction_set: str
    threads: int
    arithmetic: tuple[Arithmetic, ...]
    movements: tuple[Movement, ...]
    tile_loads: tuple[TileLoad, ...]
    barrier: float
    waking: float

    @property
    def shared_cores(self) -> bool:
        """Whether all threads together did less than three quarters of what each does alone.

        Other programs were running then, or threads share the units of a core.
        """
        alone = self.multiply_adds(1)["float32"]
        return self.multiply_adds(self.threads)["float32"] < 0.75 * self.threads * alone

    def uses(self, instruction_set: str) -> bool:
        """Return whether kernels are taken from an instruction set."""
        return instruction_set in (self.instruction_set, base_isa(self.instruction_set))

    def multiply_adds(self, threads: int) -> dict[str, float]:
        """Return multiply-adds a second by kind of number, with the instruction set in use."""
        return {
            one.numbers: one.rate
            for one in self.arithmetic
            if one.threads == threads and self.uses(one.instruction_set)
        }

    def rates(self, threads: int) -> Rates:
        """Return what predicted times are made of.

        Raises
        ------
        KeyError
            If that number of threads was not measured.
        """
        moved = [one for one in self.movements if one.threads == threads]
        if not moved:
            raise KeyError(f"{threads} threads were not measured")
        sizes = _cache_sizes(threads)
        return Rates(
            threads=threads,
            multiply_adds=self.multiply_adds(threads),
            levels=tuple(
                Level(one.level, sizes.get(one.level, math.inf), one.copy) for one in moved
            ),
            barrier=self.barrier if threads > 1 else 0.0,
            waking=self.waking if threads > 1 else 0.0,
            measured=True,
        )


def measure_machine(
    threads: Sequence[int] | None = None, instruction_sets: Sequence[str] | None = None
) -> MachineProfile:
    """Measure, which takes a fraction of a second.

    Parameters
    ----------
    threads : sequence of int, optional
        Numbers of threads; by default 1 and as many as the process may use.
    instruction_sets : sequence of str, optional
        Whose multiply-adds are measured; by default all that the processor has, up to the one in
        use. The one in use is among them in any case.

    Returns
    -------
    MachineProfile

    Raises
    ------
    ConfigurationError
        If the processor lacks an instruction set.

    Examples
    --------
    >>> machine = measure_machine([1], [])
    >>> machine.rates(1).multiply_adds["float32"] > 1e8
    True
    """
    counts = sorted({1, *(threads or [usable_threads()])})
    isa = resolve_isa()
    usable = _up_to(isa)
    chosen = usable if instruction_sets is None else [*instruction_sets, isa]
    arithmetic = [
        Arithmetic("float32", name, count, multiply_add_rate(name, count, _REPETITIONS))
        for name in dict.fromkeys(map(base_isa, chosen))
        for count in counts
    ]
    arithmetic += [
        Arithmetic("bfloat16", name, count, _BFLOAT16[name](count, _REPETITIONS))
        for name in usable
        if name in _BFLOAT16
        for count in counts
    ]
    most = counts[-1]
    return MachineProfile(
        processor=processor().brand,
        instruction_set=isa,
        threads=most,
        arithmetic=tuple(arithmetic),
        movements=tuple(
            _moved(level, size, count, isa)
            for count in counts
            for level, size in _measured_sizes(count).items()
        ),
        tile_loads=tuple(_tile_loads()),
        barrier=barrier_seconds(most, _REPETITIONS) if most > 1 else 0.0,
        waking=_waking(most) if most > 1 else 0.0,
    )


def _up_to(isa: str) -> list[str]:
    """Return the processor's instruction sets up to one; an emulated one is none of them."""
    levels = list(processor().levels)
    return levels[: levels.index(isa) + 1] if isa in levels else [isa]


def _tile_loads() -> list[TileLoad]:
    sizes = _cache_sizes(1)
    measured = [
        TileLoad(level, stride, offset, tile_load_seconds(sizes[level] // 2, stride, offset, 5))
        for level in ("L1", "L2")
        for stride, offset in _TILE_LAYOUTS
    ]
    return [one for one in measured if one.seconds]


def _moved(level: str, size: int, threads: int, isa: str) -> Movement:
    repetitions = 4 if level == "memory" else _REPETITIONS // 2
    rates = movement_rates(isa, size, threads, repetitions)
    return Movement(level, size, threads, rates.read, rates.write, rates.copy)


def _cache_sizes(threads: int) -> dict[str, int]:
    """Return the bytes that each of some threads may hope to keep in each cache."""
    caches = processor().caches
    sizes = {"L1": caches.l1d or _USUAL_L1, "L2": caches.l2 or _USUAL_L2}
    shared = caches.l3 // threads
    return sizes | ({"L3": shared} if shared > sizes["L2"] else {})


def _measured_sizes(threads: int) -> dict[str, int]:
    """Return bytes that fit each cache well, and the one outside it not at all."""
    sizes = _cache_sizes(threads)
    most = max(_LEAST_MEMORY, 2 * processor().caches.l3)
    measured = {level: size // 2 for level, size in sizes.items() if level != "L3"}
    if "L3" in sizes:
        measured["L3"] = min(4 * sizes["L2"], (sizes["L2"] + sizes["L3"]) // 2)
    return measured | {"memory": most // threads}


def _waking(threads: int) -> float:
    times = []
    for _ in range(_WAKINGS):
        time.sleep(_PAUSE)
        times.append(region_seconds(threads))
    return statistics.median(times)
