"""The method "direct": the sliding dot product by its definition, in the native engine."""

from __future__ import annotations

import functools
import math
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.problem import Problem
from kernelet.convolution.work import Work
from kernelet.executors import native_arrays

_TYPES = frozenset(
    ["float32", "float64", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
)

# The engine sums at most about this many products one after another, and adds such sums.
_PANEL_TAPS = 1024

# Rounding errors of n dependent additions behave like a random walk: they exceed λ·√n·u, u half
# the machine epsilon, with a probability below 2·exp(−λ²/2) (Higham and Mary, "A new approach to
# probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019). The norm of a whole
# result averages over its cells, so that λ = 3 is never reached in practice.
_LAMBDA = 3.0

# Waking a thread takes 5 to 10 µs where a processor idles, and its share must be worth several
# times that: measured, two threads are faster from about 35 µs of one on. In that time a core does
# this many multiply-adds, or moves half as many bytes.
_LEAST_PARALLEL_WORK = 1_500_000


def applies(problem: Problem, window: NDArray[Any] | None = None) -> bool:
    """Return whether this method can solve the problem: any real type, and something to compute.

    Examples
    --------
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "float32"))
    True
    >>> applies(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "float16"))
    False
    """
    del window
    sizes = (problem.batch, *problem.signal, *problem.window, *problem.output)
    return problem.dtype in _TYPES and min(sizes) > 0


def error_bound(problem: Problem) -> float:
    """Return how far the result may lie from the float64 one, normwise.

    The distance is measured against what the products would sum up to without signs, so that it
    says something about sums that nearly cancel, too. Integers are exact (modulo 2ⁿ).

    Examples
    --------
    >>> error_bound(Problem(1, (1, 1, 8), (1, 1, 3), (0, 0, 0), (1, 1, 6), "int32"))
    0.0
    """
    if problem.dtype not in ("float32", "float64"):
        return 0.0
    taps = math.prod(problem.window)
    additions = min(taps, _PANEL_TAPS) + -(-taps // _PANEL_TAPS)
    return _LAMBDA * math.sqrt(additions) * float(np.finfo(problem.dtype).eps) / 2


def work(problem: Problem) -> Work:
    """Return the multiply-adds of the definition, and the bytes of signal, window and result."""
    cells = problem.batch * (math.prod(problem.signal) + math.prod(problem.output))
    itemsize = np.dtype(problem.dtype).itemsize
    return Work(problem.multiply_adds, itemsize * (cells + math.prod(problem.window)))


def pays_in_parallel(done: Work) -> bool:
    """Return whether products in registers, and what they read and write, are worth waking for."""
    return done.multiply_adds + 2 * done.bytes >= _LEAST_PARALLEL_WORK


def parallel(problem: Problem) -> bool:
    """Return whether the work is worth several threads."""
    return pays_in_parallel(work(problem))


class Direct(msgspec.Struct, frozen=True):
    """The solution of one problem, with everything that depends on sizes worked out.

    Attributes
    ----------
    signal, window, output : tuple of int
        Shapes, those of signal and window as the engine takes them.
    parallel : bool
        Whether the work is worth several threads.
    correlation : DirectCorrelation
    """

    signal: tuple[int, ...]
    window: tuple[int, ...]
    output: tuple[int, ...]
    parallel: bool
    correlation: native_arrays.DirectCorrelation

    def __call__(
        self, signal: NDArray[Any], window: NDArray[Any], threads: int | None = None
    ) -> NDArray[Any]:
        """Solve the problem; see `run`."""
        if threads is None and not self.parallel:
            threads = 1
        result = self.correlation(
            np.ascontiguousarray(signal.reshape(self.signal)),
            np.ascontiguousarray(window.reshape(self.window)),
            threads,
        )
        return result.reshape(self.output)


@functools.lru_cache(maxsize=1024)
def prepare(problem: Problem) -> Direct:
    """Return the solution of a problem that `applies`, but for the numbers."""
    flat = _without_columns(problem)
    return Direct(
        signal=(flat.batch, *flat.signal),
        window=flat.window,
        output=(problem.batch, *problem.output),
        parallel=parallel(problem),
        correlation=native_arrays.DirectCorrelation(
            flat.dtype, (flat.batch, *flat.output), flat.before, flat.boundary, flat.fillvalue
        ),
    )


def run(
    problem: Problem,
    signal: NDArray[Any],
    window: NDArray[Any],
    threads: int | None = None,
) -> NDArray[Any]:
    """Solve the problem.

    Parameters
    ----------
    problem : Problem
        One that `applies`.
    signal : ndarray, shape (batch, depth, height, width)
    window : ndarray, shape (depth, height, width)
    threads : int, optional
        By default as many as the process may use, and the work is worth.

    Returns
    -------
    ndarray, shape (batch, depth, height, width)
        The same bits on any number of threads. Peak memory beside it is less than a megabyte.
    """
    return prepare(problem)(signal, window, threads)


def _without_columns(problem: Problem) -> Problem:
    """Return the same problem with columns of width 1 laid down as rows: lanes run along rows.

    Examples
    --------
    >>> column = Problem(1, (1, 8, 1), (1, 3, 1), (0, 0, 0), (1, 6, 1), "float32")
    >>> _without_columns(column).signal
    (1, 1, 8)
    """
    last = (problem.signal[2], problem.window[2], problem.output[2], problem.before[2])
    if last != (1, 1, 1, 0) or max(problem.output) == 1:
        return problem
    return _without_columns(
        replace(
            problem,
            signal=(1, *problem.signal[:2]),
            window=(1, *problem.window[:2]),
            before=(0, *problem.before[:2]),
            output=(1, *problem.output[:2]),
        )
    )
