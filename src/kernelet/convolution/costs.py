"""What a method spends its time on, in numbers that times are proportional to.

The predicted time on one thread is a sum of terms, each with a coefficient in seconds.
Coefficients belong to a group of problems that the same loops solve; the groups and terms stand
here, the coefficients in `kernelet.convolution.coefficients`. Where several threads pay, they
divide that time, and cost what waking them takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np

from kernelet.convolution.methods import direct, fft, matmul, separable, winograd
from kernelet.convolution.problem import Problem
from kernelet.convolution.transform_sizes import choose_transform

Terms = tuple[float, ...]
Coefficients = dict[str, Terms]

# Columns that a strip beside the border is rounded up to, in bytes: a vector.
_VECTOR_BYTES = 64
# Beyond, a result comes on fresh pages, which the system clears first.
_FRESH_BYTES = 1 << 20
# Beyond, a piece of a transform leaves the second-level cache.
_CACHED_BYTES = 1 << 20
# Beyond, a matrix is read from memory.
_LAST_CACHE_BYTES = 16 << 20
# Rows of the result that are computed together, and names for windows of so many rows or more.
_TILE_ROWS = 4
_HEIGHTS = ((9, "tall"), (5, "high"), (2, "low"), (1, "1 row"))
# Beyond, BLAS divides a product among threads.
_SMALL_PRODUCT = 1_000_000

#: Begins the names of the groups, one a method, of what waking threads takes in seconds, and of the
#: share of a thread's speed that each more of them adds.
PARALLEL = "parallel, "


class Cost(msgspec.Struct, frozen=True):
    """A method's time on a problem, but for the coefficients.

    Attributes
    ----------
    group : str
        Names the coefficients.
    terms : tuple of float
        What they are multiplied by.
    parallel : bool
        Whether several threads pay.
    pieces : int, optional
        Equal parts that threads share; by default, as many as there are threads.
    """

    group: str
    terms: Terms
    parallel: bool
    pieces: int | None = None

    def seconds(self, coefficients: Coefficients, threads: int) -> float:
        """Return the predicted time."""
        own = coefficients[self.group]
        alone = sum(c * term for c, term in zip(own, self.terms, strict=True))
        if threads == 1 or not self.parallel:
            return alone
        waking, efficiency = coefficients[PARALLEL + self.group.partition(",")[0]]
        working = float(threads)
        if self.pieces is not None:
            working = self.pieces / -(-self.pieces // threads)
        return waking + alone / (1 + (working - 1) * efficiency)


def _fresh_bytes(problem: Problem) -> float:
    cells = problem.batch * math.prod(problem.output)
    size = cells * np.dtype(problem.dtype).itemsize
    return float(size if size > _FRESH_BYTES else 0)


def _group(name: str, problem: Problem) -> str:
    """Return a name; signed and unsigned integers take the same time."""
    return f"{name}, {problem.dtype.removeprefix('u')}"


class _Border(msgspec.Struct, frozen=True):
    """Columns of a result, by whether windows there see the border.

    Attributes
    ----------
    inside, beside : int
        Columns; those beside are rounded up to whole vectors.
    """

    inside: int
    beside: int

    @classmethod
    def of(cls, problem: Problem) -> _Border:
        """Return the columns of a row."""
        width = problem.output[2]
        whole = max(0, problem.signal[2] - problem.window[2] + 1)
        inside = max(0, min(width, whole))
        lanes = _VECTOR_BYTES // np.dtype(problem.dtype).itemsize
        return cls(inside, -(-(width - inside) // lanes) * lanes)


def _form(depth: int, height: int) -> str:
    """Return the name of windows that are solved with as many rows of registers."""
    if height == 1 < depth:
        return "deep"
    return next(name for least, name in _HEIGHTS if height >= least)


def _direct(problem: Problem) -> list[Cost]:
    """Call, tiles, tiles with a border, rows, products, those beside it, bytes, fresh bytes."""
    depth, height, width = problem.window
    slices = problem.batch * problem.output[0]
    rows = slices * problem.output[1]
    tiles = slices * -(-problem.output[1] // min(height, _TILE_ROWS))
    border = _Border.of(problem)
    taps = depth * height * width
    terms = (
        1.0,
        float(tiles),
        float(tiles if border.beside else 0),
        float(tiles * depth * height),
        float(rows * border.inside * taps),
        float(rows * border.beside * taps),
        float(direct.work(problem).bytes),
        _fresh_bytes(problem),
    )
    name = f"direct, {_form(depth, height)}"
    return [Cost(_group(name, problem), terms, direct.parallel(problem))]


def _fft(problem: Problem) -> list[Cost]:
    """Call, pieces, rows, numbers, times divisions, beyond a cache, cells, fresh bytes."""
    transform = choose_transform(problem)
    pieces = transform.pieces + 0.5
    numbers = pieces * transform.size
    held = transform.size * 2 * np.dtype(problem.dtype).itemsize
    terms = (
        1.0,
        pieces,
        numbers / transform.lengths[2],
        numbers,
        numbers * sum(map(len, transform.radices)),
        numbers if held > _CACHED_BYTES else 0.0,
        float(problem.batch * math.prod(problem.output)),
        _fresh_bytes(problem),
    )
    axes = sum(taps > 1 for taps in problem.window)
    return [Cost(_group(f"fft, {max(axes, 1)} axes", problem), terms, fft.parallel(problem))]


def _matmul(problem: Problem) -> list[Cost]:
    """Call, products, runs of copied cells, cells, band, multiply-adds, results, fresh bytes."""
    plan = matmul.plan(problem)
    terms = (
        1.0,
        float(plan.products),
        float(plan.blocks * math.prod(problem.window[:2])),
        float(plan.blocks * plan.rows),
        float(plan.rows * plan.block),
        float(plan.blocks * plan.rows * plan.block),
        float(problem.batch * (math.prod(problem.output) + math.prod(problem.signal))),
        _fresh_bytes(problem),
    )
    large = plan.blocks * plan.rows * plan.block > _SMALL_PRODUCT
    return [Cost(_group("matmul", problem), terms, large)]


def _separable(problem: Problem) -> list[Cost]:
    """Call, cells of the window, rows, products across and down, bytes, fresh bytes."""
    plane, after = separable.stages(problem)
    slices = plane.batch * plane.signal[0]
    terms = (
        1.0,
        float(math.prod(problem.window)),
        float(slices * plane.signal[1]),
        float(slices * plane.signal[1] * plane.output[2] * plane.window[2]),
        float(slices * math.prod(plane.output[1:]) * plane.window[1]),
        float(direct.work(plane).bytes),
        _fresh_bytes(plane),
    )
    first = Cost(_group("separable", problem), terms, separable.parallel(problem))
    return [first] if after is None else [first, *_direct(after)]


def _winograd(problem: Problem) -> list[Cost]:
    """Call, strips, operations, fresh bytes."""
    terms = (
        1.0,
        float(winograd.strips(problem)),
        float(winograd.work(problem).multiply_adds),
        _fresh_bytes(problem),
    )
    return [Cost(_group("winograd", problem), terms, parallel=False)]


def matrix_product(size: float) -> Cost:
    """Return the cost of a vector times a dense matrix of so many bytes, each of them read once."""
    beyond = size if size > _LAST_CACHE_BYTES else 0.0
    return Cost("matrix product", (1.0, size, beyond), parallel=False)


_COSTS: dict[str, Callable[[Problem], list[Cost]]] = {
    "direct": _direct,
    "fft": _fft,
    "matmul": _matmul,
    "separable": _separable,
    "winograd": _winograd,
}


def costs(method: str, problem: Problem) -> list[Cost]:
    """Return what a method spends its time on; the predicted time is the sum.

    Parameters
    ----------
    method : str
        A method that applies.
    problem : Problem
    """
    return _COSTS[method](problem)


def predicted_seconds(
    method: str, problem: Problem, coefficients: Coefficients, threads: int
) -> float:
    """Return the predicted time of a method that applies."""
    return sum(cost.seconds(coefficients, threads) for cost in costs(method, problem))
