"""Sizes of transforms, and the method "fft" where there are many numbers, pieces or threads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet.convolution.methods import fft
from kernelet.convolution.problem import BOUNDARIES, Problem
from kernelet.convolution.transform_sizes import CELL, GROUP, choose_transform, divisors


def random_problem(generator: np.random.Generator) -> Problem:
    """Return a problem of one to three axes of very different sizes."""
    axes = int(generator.integers(1, 4))
    longest = {1: 5000, 2: 300, 3: 60}[axes]
    signal = [1] * (3 - axes) + [int(longest ** generator.random()) for _ in range(axes)]
    window = [1] * (3 - axes) + [int(longest ** generator.random()) for _ in range(axes)]
    before = [int(generator.integers(0, k)) for k in window]
    output = [int(generator.integers(1, n + b + 1)) for n, b in zip(signal, before, strict=True)]
    return Problem(
        batch=int(generator.integers(1, 4)),
        signal=tuple(signal),  # type: ignore[arg-type]
        window=tuple(window),  # type: ignore[arg-type]
        before=tuple(before),  # type: ignore[arg-type]
        output=tuple(output),  # type: ignore[arg-type]
        dtype=str(generator.choice(["float32", "float64"])),
        boundary=str(generator.choice(BOUNDARIES)),  # type: ignore[arg-type]
        fillvalue=float(generator.integers(0, 2)),
    )


def full(signal: int, window: int, dtype: str = "float32", batch: int = 1) -> Problem:
    """Return a problem of one axis with every result that sees the signal."""
    sizes = ((1, 1, signal), (1, 1, window), (0, 0, window - 1), (1, 1, signal + window - 1))
    return Problem(batch, *sizes, dtype)


def operands(problem: Problem, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    generator = np.random.default_rng(seed)
    signal = generator.standard_normal((problem.batch, *problem.signal))
    window = generator.standard_normal(problem.window)
    return signal.astype(problem.dtype), window.astype(problem.dtype)


def by_numpy(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[np.float64]:
    """Solve a problem of one axis with zeros beyond the border by one float64 transform."""
    before, out = problem.before[2], problem.output[2]
    length = problem.signal[2] + problem.window[2] - 1 + out
    spectrum = np.conj(np.fft.rfft(window[0, 0].astype(np.float64), length))
    products = np.fft.rfft(signal[:, 0, 0].astype(np.float64), length) * spectrum
    return np.roll(np.fft.irfft(products, length), before, -1)[:, None, None, :out]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, ()), (2, (2,)), (4, (4,)), (8, (8,)), (16, (4, 4)), (32, (8, 4)), (450, (5, 5, 3, 3, 2))],
)
def test_divisors(length: int, expected: tuple[int, ...]) -> None:
    assert divisors(length) == expected


@pytest.mark.parametrize("length", [7, 22, 26])
def test_other_lengths_have_no_divisors(length: int) -> None:
    with pytest.raises(ValueError, match="products of 2, 3 and 5"):
        divisors(length)


def test_transforms_divide_and_pieces_cover() -> None:
    generator = np.random.default_rng(3)
    for _ in range(300):
        problem = random_problem(generator)
        transform = choose_transform(problem)
        assert tuple(map(math.prod, transform.radices)) == (
            *transform.lengths[:2],
            transform.lengths[2] // CELL,
        )
        assert transform.size % (CELL * GROUP) == 0
        steps = zip(problem.output, transform.step, strict=True)
        assert transform.pieces == problem.batch * math.prod(-(-out // step) for out, step in steps)


def test_one_transform_suffices_for_all_results_of_a_signal_with_zeros_around() -> None:
    # 9000 + 1240 − 1 = 10,239 results; 10,240 real numbers are the next length there is.
    problem = full(9000, 1240)
    whole = choose_transform(problem)
    assert (whole.lengths[2], whole.pieces) == (5120, 1)
    # With other numbers around them, 1,239 more have to be loaded.
    assert choose_transform(replace(problem, fillvalue=1.0)) != whole


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("signal", "window"), [(100, 3), (3000, 2999), (1 << 17, 1 << 9), (1 << 19, 1 << 18)]
)
def test_errors_grow_no_faster_than_the_bound(signal: int, window: int, dtype: str) -> None:
    problem = full(signal, window, dtype)
    a, w = operands(problem)
    exact = by_numpy(problem, a, w)
    error = np.linalg.norm(fft.run(problem, a, w) - exact) / np.linalg.norm(exact)
    # NumPy's own errors are of the size of ours in float64.
    assert error < (1 if dtype == "float32" else 2) * fft.error_bound(problem)
    assert fft.error_bound(problem) < 1e-5


def test_float32_may_be_picked_for_the_longest_signals() -> None:
    assert fft.error_bound(full(10**9, 10**8)) < 1e-5


@pytest.mark.parametrize("sizes", [(70_000, 900), (40_000, 30_000)])
def test_bits_do_not_depend_on_the_number_of_threads(sizes: tuple[int, int]) -> None:
    problem = full(*sizes, batch=3)
    a, w = operands(problem)
    results = [fft.run(problem, a, w, threads).tobytes() for threads in (1, 2, 3, 5)]
    assert len(set(results)) == 1


def test_a_problem_of_integers_is_not_ours() -> None:
    assert not fft.applies(full(10, 3, "int32"))


def test_work_grows_with_the_logarithm_of_the_size() -> None:
    less, more = (fft.work(full(n, n)) for n in (1 << 12, 1 << 16))
    assert 16 < more.multiply_adds / less.multiply_adds < 16 * 16 / 12 * 1.1
    assert more.bytes == 16 * less.bytes
