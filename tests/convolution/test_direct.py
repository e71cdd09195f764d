"""The engine's sliding product: every type, instruction set, border, size and number of threads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet import _engine
from kernelet.convolution.definition import correlate_by_definition
from kernelet.convolution.methods import direct
from kernelet.convolution.problem import BOUNDARIES, Problem
from kernelet.executors import native_arrays
from kernelet.geometry import Window
from levels import LEVELS

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
TYPES = ["float32", "float64", *INTEGERS]

Triple = tuple[int, int, int]


def triple(values: Any) -> Triple:
    first, second, third = (int(value) for value in values)
    return first, second, third


def random_problem(generator: np.random.Generator, dtype: str) -> Problem:
    """Return a problem whose rows are from one cell to several vectors and segments long."""
    axes = int(generator.integers(1, 4))
    longest = ((1, 1, 5000), (1, 40, 300), (9, 12, 60))[axes - 1]
    longest_window = ((1, 1, 150), (1, 9, 20), (4, 5, 9))[axes - 1]
    signal = triple(n ** generator.random() for n in longest)
    window = triple(n ** generator.random() for n in longest_window)
    before = triple(generator.integers(-2, k + 2) for k in window)
    output = triple(
        max(1, n + generator.integers(-k, k + 2)) for n, k in zip(signal, window, strict=True)
    )
    fill = float(generator.integers(0, 3))
    boundary = BOUNDARIES[generator.integers(3)]
    return Problem(
        int(generator.integers(1, 3)), signal, window, before, output, dtype, boundary, fill
    )


def defined(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
    sizes = zip(problem.signal, problem.window, problem.before, problem.output, strict=True)
    windows = [Window(n, k, 1, 1, b, out - 1 + k - n - b) for n, k, b, out in sizes]
    fill = problem.fillvalue if problem.dtype.startswith("float") else int(problem.fillvalue)
    return correlate_by_definition(signal, window, windows, problem.boundary, fill)


def whole_numbers(
    generator: np.random.Generator, problem: Problem
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return signal and window whose sums no order of additions can round."""
    low = 0 if problem.dtype.startswith("u") else -9
    signal = generator.integers(low, 10, (problem.batch, *problem.signal))
    window = generator.integers(low, 10, problem.window)
    return signal.astype(problem.dtype), window.astype(problem.dtype)


def solve(
    problem: Problem, signal: NDArray[Any], window: NDArray[Any], isa: str, threads: int = 1
) -> NDArray[Any]:
    correlation = native_arrays.DirectCorrelation(
        signal.dtype,
        (problem.batch, *problem.output),
        problem.before,
        problem.boundary,
        problem.fillvalue,
    )
    return correlation(signal, window, threads, isa)


@LEVELS
@pytest.mark.parametrize("dtype", TYPES)
def test_whole_numbers_are_exact(isa: str, dtype: str) -> None:
    generator = np.random.default_rng(1)
    for _ in range(30):
        problem = random_problem(generator, dtype)
        signal, window = whole_numbers(generator, problem)
        result = solve(problem, signal, window, isa, threads=2)
        np.testing.assert_array_equal(result, defined(problem, signal, window), str(problem))


@LEVELS
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_wrap_around(isa: str, dtype: str) -> None:
    generator = np.random.default_rng(2)
    limits = np.iinfo(dtype)
    shapes = ((1, 1, 40, 70), (1, 5, 5))
    signal, window = (
        generator.integers(limits.min, limits.max, shape, dtype, endpoint=True) for shape in shapes
    )
    problem = Problem(1, (1, 40, 70), (1, 5, 5), (0, 2, 2), (1, 40, 70), dtype)
    result = solve(problem, signal, window, isa)
    np.testing.assert_array_equal(result, defined(problem, signal, window))


# Windows that are divided into panels along each axis, signals divided into segments, and rows
# shorter than a vector.
@LEVELS
@pytest.mark.parametrize(
    ("signal", "window"),
    [
        ((1, 1, 6000), (1, 1, 2500)),
        ((1, 1, 300), (1, 1, 3000)),
        ((1, 60, 260), (1, 57, 130)),
        ((1, 3, 700), (1, 2, 300)),
        ((40, 9, 33), (35, 9, 7)),
        ((7, 300, 2), (3, 290, 2)),
        ((1, 2000, 1), (1, 1500, 1)),
    ],
)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_large_windows(isa: str, signal: Triple, window: Triple, boundary: Any) -> None:
    before = triple(k // 2 for k in window)
    problem = Problem(1, signal, window, before, signal, "int64", boundary, 2)
    generator = np.random.default_rng(3)
    a, w = whole_numbers(generator, problem)
    # The definition would take long for so many taps, so that some cells stand for all.
    picks = np.unique(generator.integers(0, np.prod(signal), 40))
    result = solve(problem, a, w, isa).ravel()
    for pick in picks:
        cell = triple(np.unravel_index(pick, signal))
        first = triple(b - c for b, c in zip(before, cell, strict=True))
        one = Problem(1, signal, window, first, (1, 1, 1), "int64", boundary, 2)
        assert result[pick] == summed(one, a, w), cell


def summed(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> Any:
    """Return the only cell of a problem by a sum over the window."""
    cells = signal[0]
    inside = np.ones(problem.window, bool)
    for axis, (n, k, b) in enumerate(
        zip(problem.signal, problem.window, problem.before, strict=True)
    ):
        index = np.arange(k) - b
        shape = tuple(-1 if other == axis else 1 for other in range(3))
        if problem.boundary == "fill":
            inside &= ((index >= 0) & (index < n)).reshape(shape)
            index = np.clip(index, 0, n - 1)
        elif problem.boundary == "wrap":
            index = index % n
        else:
            index = np.minimum(index % (2 * n), 2 * n - 1 - index % (2 * n))
        cells = np.take(cells, index, axis)
    return np.sum(np.where(inside, cells, int(problem.fillvalue)) * window)


@LEVELS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_bits(isa: str, dtype: str) -> None:
    generator = np.random.default_rng(4)
    for sizes in (
        ((1, 70, 900), (1, 5, 7)),
        ((1, 1, 90_000), (1, 1, 40)),
        ((20, 30, 40), (3, 4, 5)),
    ):
        signal, window = sizes
        before = triple(k // 2 for k in window)
        problem = Problem(2, signal, window, before, signal, dtype, "symm")
        a = generator.standard_normal((2, *signal)).astype(dtype)
        w = generator.standard_normal(window).astype(dtype)
        expected = solve(problem, a, w, isa)
        for threads in (2, 3, 8):
            np.testing.assert_array_equal(solve(problem, a, w, isa, threads), expected)


@LEVELS
@pytest.mark.parametrize(
    ("signal", "window"),
    [
        ((1, 200, 300), (1, 3, 3)),
        ((1, 200, 300), (1, 31, 31)),
        ((40, 40, 40), (15, 15, 15)),
        ((1, 1, 60_000), (1, 1, 30_000)),
    ],
)
def test_float32_is_close_to_float64(isa: str, signal: Triple, window: Triple) -> None:
    generator = np.random.default_rng(5)
    output = triple(n - k + 1 for n, k in zip(signal, window, strict=True))
    problem = Problem(1, signal, window, (0, 0, 0), output, "float32")
    a = generator.standard_normal((1, *signal), np.float32)
    w = generator.standard_normal(window, np.float32)
    exact = solve(problem, a.astype(np.float64), w.astype(np.float64), "scalar", threads=2)
    error = np.linalg.norm(solve(problem, a, w, isa, threads=2) - exact)
    magnitude = solve(problem, np.abs(a), np.abs(w), isa, threads=2)
    assert error <= 1e-5 * np.linalg.norm(exact)
    assert error <= direct.error_bound(problem) * np.linalg.norm(magnitude)
    assert direct.error_bound(problem) <= 1e-5


@LEVELS
def test_what_lies_outside_a_window_does_not_reach_it(isa: str) -> None:
    """A weight of zero on a neighbour's infinity would make every cell NaN."""
    for cell in ((0, 0), (20, 33), (39, 69)):
        signal = np.ones((1, 1, 40, 70), np.float32)
        signal[0, 0][cell] = np.inf
        problem = Problem(1, (1, 40, 70), (1, 5, 5), (0, 2, 2), (1, 40, 70), "float32")
        result = solve(problem, signal, np.ones((1, 5, 5), np.float32), isa)[0, 0]
        near = np.zeros((40, 70), bool)
        near[max(cell[0] - 2, 0) : cell[0] + 3, max(cell[1] - 2, 0) : cell[1] + 3] = True
        assert np.all(np.isinf(result[near]))
        assert np.all(np.isfinite(result[~near]))


@pytest.mark.parametrize("threads", [1, 2])
def test_denormal_numbers_are_kept(threads: int) -> None:
    signal = np.full((1, 1, 8, 64), 1e-310)
    problem = Problem(1, (1, 8, 64), (1, 1, 1), (0, 0, 0), (1, 8, 64), "float64")
    result = solve(problem, signal, np.full((1, 1, 1), 0.5), "scalar", threads)
    np.testing.assert_array_equal(result, signal * 0.5)


def test_a_column_is_laid_down() -> None:
    generator = np.random.default_rng(6)
    signal, window = generator.standard_normal((2, 3, 500, 1)), generator.standard_normal((2, 9, 1))
    problem = Problem(2, (3, 500, 1), (2, 9, 1), (0, 4, 0), (2, 500, 1), "float64")
    result = direct.run(problem, signal, window)
    assert result.shape == (2, 2, 500, 1)
    np.testing.assert_allclose(result, defined(problem, signal, window), rtol=0, atol=1e-13)


MEMORY = """
import sys
import numpy as np
from kernelet.convolution.methods import direct
from kernelet.convolution.problem import Problem

def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024

signal, window = eval(sys.argv[1]), eval(sys.argv[2])
before = tuple(k // 2 for k in window)
problem = Problem(1, signal, window, before, signal, "float32", "symm")
small = Problem(1, (1, 9, 400), (1, 3, 3), (0, 1, 1), (1, 9, 400), "float32", "symm")
ones = lambda *shape: np.ones(shape, np.float32)
direct.run(small, ones(1, 1, 9, 400), ones(1, 3, 3), 2)  # threads are started
a, w = ones(1, *signal), ones(*window)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak is measured from here
start = status("VmRSS")
result = direct.run(problem, a, w, 2)
print(status("VmHWM") - start - result.nbytes)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("signal", "window"),
    [
        ((1, 1080, 1920), (1, 31, 31)),
        ((1, 1200, 1200), (1, 1, 999)),
        ((100, 100, 100), (9, 9, 9)),
        ((1, 1, 3_000_000), (1, 1, 99)),
    ],
)
def test_memory_is_input_output_and_a_megabyte(signal: Triple, window: Triple) -> None:
    command = [sys.executable, "-c", MEMORY, repr(signal), repr(window)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 1_000_000


def test_the_engine_refuses_what_does_not_fit() -> None:
    problem = Problem(1, (1, 4, 4), (1, 3, 3), (0, 0, 0), (1, 2, 2), "float32")
    signal, window = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 3, 3), np.float32)
    with pytest.raises(ValueError, match="window must have 3 axes and the element type"):
        solve(problem, signal, window.astype(np.float64), "scalar")
    with pytest.raises(ValueError, match="signal must have 4 axes"):
        solve(problem, signal[0], window, "scalar")
    with pytest.raises(ValueError, match="1 to 2\\^48 cells"):
        solve(problem, signal[:, :, :0], window, "scalar")
    with pytest.raises(ValueError, match="at least one thread"):
        solve(problem, signal, window, "scalar", threads=0)
    with pytest.raises(ValueError, match="float32, float64 or whole numbers"):
        solve(problem, signal.astype(np.float16), window.astype(np.float16), "scalar")


def separable_problem(generator: np.random.Generator, dtype: str) -> Problem:
    signal = triple(n ** generator.random() for n in (4, 60, 500))
    window = triple(n ** generator.random() for n in (1, 25, 40))
    before = triple(generator.integers(-2, k + 2) for k in window)
    output = triple(
        max(1, n + generator.integers(-k, k + 2)) for n, k in zip(signal, window, strict=True)
    )
    boundary = BOUNDARIES[generator.integers(3)]
    return Problem(2, signal, window, before, output, dtype, boundary, 1.0)


@LEVELS
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint16", "int32", "uint64"])
def test_rows_and_columns_are_exact(isa: str, dtype: str) -> None:
    generator = np.random.default_rng(7)
    for _ in range(30):
        problem = separable_problem(generator, dtype)
        signal, window = whole_numbers(generator, problem)
        column, row = window[0, :, 0], window[0, 0]
        expected = defined(problem, signal, np.multiply.outer(column, row)[np.newaxis])
        for threads in (1, 3):
            result = native_arrays.correlate_separable(
                signal,
                column,
                row,
                problem.output,
                problem.before,
                problem.boundary,
                problem.fillvalue,
                threads=threads,
                isa=isa,
            )
            np.testing.assert_array_equal(result, expected, str(problem))


@LEVELS
def test_rows_and_columns_give_the_same_bits_on_any_number_of_threads(isa: str) -> None:
    generator = np.random.default_rng(8)
    signal = generator.standard_normal((3, 2, 150, 700), np.float32)
    column, row = (generator.standard_normal(n, np.float32) for n in (11, 19))
    sizes: tuple[Triple, Triple] = ((2, 150, 700), (0, 5, 9))
    expected = None
    for threads in (1, 2, 3, 8):
        result = native_arrays.correlate_separable(
            signal, column, row, *sizes, "wrap", 0, threads=threads, isa=isa
        )
        expected = result if expected is None else expected
        np.testing.assert_array_equal(result, expected)


def test_long_columns_and_rows() -> None:
    generator = np.random.default_rng(9)
    signal = generator.integers(-9, 10, (1, 1, 60, 90))
    column, row = generator.integers(-9, 10, 1300), generator.integers(-9, 10, 2100)
    sizes: tuple[Triple, Triple] = ((1, 60, 90), (0, 650, 1050))
    result = native_arrays.correlate_separable(signal, column, row, *sizes, "symm", 0)
    window = np.multiply.outer(column, row)[np.newaxis]
    problem = Problem(1, (1, 60, 90), window.shape, sizes[1], sizes[0], "int64", "symm")
    expected = solve(problem, signal, window, _engine.resolve_isa(None))
    np.testing.assert_array_equal(result, expected)
