"""How large the transforms of the method "fft" are, and how they are divided.

A problem is cut into pieces: results whose windows lie within the numbers of one transform. Large
pieces compute fewer numbers twice, small ones stay in a cache. A transform has up to three axes;
the innermost one is stored in cells of 16 complex numbers, and the outermost one that is
transformed, "folded", holds twice as many real numbers as complex ones.
"""

from __future__ import annotations

import functools
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.problem import Problem

Triple = tuple[int, int, int]

CELL = 16
# Cells fill groups of as many, which the engine transposes.
GROUP = 16

# Odd factors of lengths, with which each length is at most a quarter above the one before.
_ODD_FACTORS = (1, 3, 5, 9, 15)

# Clock cycles that a cell of float32 takes on one AMD Zen 4 core: division by each radix and back;
# the last divisions by 16, the product, loading and storing.
_RADIX_CYCLES = {2: 7.5, 3: 8.0, 4: 9.3, 5: 13.0, 8: 12.3}
_CYCLES_FOR_THE_REST = 42.0
# What loading and storing take beside that for each row of cells, however short.
_ROW_CYCLES = 80.0
# What divisions cost more where a piece and the window's values have more bytes than this, and
# come from the cache that all cores share.
_LARGE_BYTES = 4 << 20
_LARGE_COST = 1.4
# The window is transformed once, and not back.
_WINDOW_PIECES = 0.5


class Transform(msgspec.Struct, frozen=True):
    """Sizes of a transform, and how a problem is cut into pieces for it.

    Attributes
    ----------
    lengths : tuple of int
        Complex numbers an axis.
    step : tuple of int
        Results an axis of a piece.
    pieces : int
        How often it is applied.
    """

    lengths: Triple
    step: Triple
    pieces: int

    @property
    def size(self) -> int:
        """Complex numbers."""
        return math.prod(self.lengths)

    @property
    def radices(self) -> tuple[tuple[int, ...], ...]:
        """Divisors an axis in the order of the divisions; cells remain of the innermost one."""
        depth, height, width = self.lengths
        return divisors(depth), divisors(height), divisors(width // CELL)


class _Axis(msgspec.Struct, frozen=True):
    """An axis of a problem: real numbers that a transform may have.

    ``whole`` of them suffice for all results at once; with fewer, windows must lie within them.
    """

    taps: int
    output: int
    whole: int

    def step(self, real_length: NDArray[np.int64] | int) -> NDArray[np.int64]:
        """Return the results of one piece."""
        return np.where(real_length >= self.whole, self.output, real_length - self.taps + 1)


def _axis(problem: Problem, axis: int) -> _Axis:
    taps, output = problem.window[axis], problem.output[axis]
    whole = output + taps - 1
    if problem.boundary == "fill" and problem.fillvalue == 0:
        # Zeros before the border need no room: what wraps around is as good as they are.
        zeros = min(max(problem.before[axis], 0), taps - 1)
        loaded = min(max(problem.signal[axis] + problem.before[axis], 0), whole)
        whole = max(whole - zeros, loaded, taps)
    return _Axis(taps, output, whole)


@functools.cache
def divisors(length: int) -> tuple[int, ...]:
    """Return what a transform is divided by: odd primes, then as few powers of two as can be.

    Blocks in the nearest cache must be made of whole groups, so powers of two come last.

    Examples
    --------
    >>> divisors(240)
    (5, 3, 4, 4)
    """
    found = []
    for prime in (5, 3):
        while length % prime == 0:
            found.append(prime)
            length //= prime
    exponent = length.bit_length() - 1
    if length != 1 << exponent:
        raise ValueError(f"lengths are products of 2, 3 and 5, not multiples of {length}")
    fours = {0: 0, 1: 2, 2: 1}[exponent % 3]
    if exponent == 1:
        return (*found, 2)
    eights = (exponent - 2 * fours) // 3
    return (*found, *(8,) * eights, *(4,) * fours)


@functools.lru_cache(maxsize=1024)
def _lengths(least: int, most: int) -> NDArray[np.int64]:
    """Return lengths to choose from: ``least`` or more, to the first two that are enough."""
    exponents = range(max(most, GROUP).bit_length() + 1)
    lengths = sorted(odd << exponent for odd in _ODD_FACTORS for exponent in exponents)
    # A power of two of at least a group makes the cells of any transform fill groups.
    group = 1 << max(most - 1, GROUP - 1).bit_length()
    last = next(length for length in lengths if length >= max(most, least, 2))
    return np.array(sorted({n for n in lengths if max(least, 2) <= n <= last} | {group}), np.int64)


def _choices(axes: list[_Axis]) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Return complex lengths an axis to choose from, and real numbers per complex one."""
    transformed = [axis.taps > 1 for axis in axes[:2]] + [True]
    folded = transformed.index(True)
    parts = np.ones(3, np.int64)
    parts[folded] = 2
    choices = []
    for number, axis in enumerate(axes):
        if not transformed[number]:
            choices.append(np.ones(1, np.int64))
            continue
        complex_unit = (CELL if number == 2 else 1) * (GROUP if folded == 2 else 1)
        unit = complex_unit * int(parts[number])
        choices.append(_lengths(-(-axis.taps // unit), -(-axis.whole // unit)) * complex_unit)
    return choices, parts


@functools.lru_cache(maxsize=1024)
def choose_transform(problem: Problem) -> Transform:
    """Return the transform with which a problem is predicted to cost least.

    Examples
    --------
    >>> problem = Problem(1, (1, 1, 90000), (1, 1, 500), (0, 0, 0), (1, 1, 89501), "float32")
    >>> transform = choose_transform(problem)
    >>> transform.pieces * transform.step[2] >= 89501
    True
    """
    axes = [_axis(problem, number) for number in range(3)]
    choices, parts = _choices(axes)
    lengths = np.meshgrid(*choices, indexing="ij")
    size = lengths[0] * lengths[1] * lengths[2]
    pieces = np.full(size.shape, float(problem.batch))
    for axis, length, part in zip(axes, lengths, parts, strict=True):
        pieces *= np.ceil(axis.output / np.maximum(axis.step(length * part), 1))
    cycles = [_division_cycles(axis) for axis in (choices[0], choices[1], choices[2] // CELL)]
    cycles[2] += _CYCLES_FOR_THE_REST + _ROW_CYCLES * CELL / choices[2]
    cost = size * (cycles[0][:, None, None] + cycles[1][:, None] + cycles[2])
    held = size * (4 * np.dtype(problem.dtype).itemsize)
    cost = (pieces + _WINDOW_PIECES) * np.where(held > _LARGE_BYTES, _LARGE_COST * cost, cost)
    cost[size % (CELL * GROUP) != 0] = np.inf
    best = np.unravel_index(np.argmin(cost), cost.shape)
    chosen = [int(length[best]) for length in lengths]
    step = [
        int(axis.step(length * int(part)))
        for axis, length, part in zip(axes, chosen, parts, strict=True)
    ]
    return Transform(_triple(chosen), _triple(step), int(pieces[best]))


def _triple(numbers: list[int]) -> Triple:
    depth, height, width = numbers
    return depth, height, width


def _division_cycles(lengths: NDArray[np.int64]) -> NDArray[np.float64]:
    cycles = [sum(_RADIX_CYCLES[radix] for radix in divisors(int(n))) for n in lengths]
    return np.array(cycles, np.float64)
