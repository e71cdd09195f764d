"""Every method solves the same problems, within its bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from kernelet import convolve, correlate
from kernelet.convolution.definition import correlate_by_definition
from kernelet.convolution.methods import METHODS, separable
from kernelet.convolution.problem import BOUNDARIES, Problem
from kernelet.errors import UsageError
from kernelet.geometry import Window

REALS = ("float32", "float64")


def random_problem(generator: np.random.Generator, dtype: str, taps: Any = None) -> Problem:
    """Return a problem of random sizes; borders may lie anywhere."""
    signal = generator.integers(1, 12, 3)
    window = generator.integers(1, 6, 3) if taps is None else np.array(taps)
    before = [int(generator.integers(0, k)) for k in window]
    output = [
        int(generator.integers(1, max(2, n + b + 1))) for n, b in zip(signal, before, strict=True)
    ]
    return Problem(
        batch=int(generator.integers(1, 4)),
        signal=tuple(map(int, signal)),  # type: ignore[arg-type]
        window=tuple(map(int, window)),  # type: ignore[arg-type]
        before=tuple(before),  # type: ignore[arg-type]
        output=tuple(output),  # type: ignore[arg-type]
        dtype=dtype,
        boundary=str(generator.choice(BOUNDARIES)),  # type: ignore[arg-type]
        fillvalue=float(generator.integers(-2, 3)),
    )


def windows(problem: Problem) -> list[Window]:
    sizes = zip(problem.signal, problem.window, problem.before, problem.output, strict=True)
    return [Window(n, k, 1, 1, b, out - 1 + k - n - b) for n, k, b, out in sizes]


def defined(problem: Problem, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
    return correlate_by_definition(
        signal.astype(np.float64),
        window.astype(np.float64),
        windows(problem),
        problem.boundary,
        problem.fillvalue,
    )


def random_window(generator: np.random.Generator, name: str, problem: Problem) -> NDArray[Any]:
    if name != "separable":
        return generator.standard_normal(problem.window).astype(problem.dtype)
    depth, height, width = (generator.standard_normal(n) for n in problem.window)
    product: NDArray[Any] = np.einsum("i,j,k", depth, height, width)
    return product.astype(problem.dtype)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", METHODS)
def test_error_is_within_the_bound(name: str, dtype: str) -> None:
    generator = np.random.default_rng(11)
    method = METHODS[name]
    solved = 0
    for _ in range(150):
        problem = random_problem(generator, dtype, (1, 3, 3) if name == "winograd" else None)
        window = random_window(generator, name, problem)
        if not method.applies(problem, window):
            continue
        signal = generator.standard_normal((problem.batch, *problem.signal)).astype(dtype)
        result = method.run(problem, signal, window)
        assert result.dtype == dtype
        assert result.flags.c_contiguous
        error = np.linalg.norm(result - defined(problem, signal, window))
        magnitudes = replace(problem, fillvalue=abs(problem.fillvalue))
        sums = defined(magnitudes, np.abs(signal), np.abs(window))
        assert error <= method.error_bound(problem) * np.linalg.norm(sums)
        solved += 1
    assert solved > 50


@pytest.mark.parametrize("name", ["direct", "matmul"])
@pytest.mark.parametrize("dtype", ["int8", "uint16", "int32", "uint64"])
def test_integers_are_exact(name: str, dtype: str) -> None:
    generator = np.random.default_rng(12)
    limits = np.iinfo(dtype)
    for _ in range(40):
        problem = random_problem(generator, dtype)
        if limits.min == 0:
            problem = replace(problem, fillvalue=abs(problem.fillvalue))
        signal, window = (
            generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
            for shape in ((problem.batch, *problem.signal), problem.window)
        )
        expected = correlate_by_definition(
            signal, window, windows(problem), problem.boundary, int(problem.fillvalue)
        )
        np.testing.assert_array_equal(METHODS[name].run(problem, signal, window), expected)


@pytest.mark.parametrize("name", METHODS)
def test_methods_by_name(name: Any) -> None:
    generator = np.random.default_rng(13)
    a, w = generator.standard_normal((40, 50)), np.outer([1.0, 2, 1], [1.0, 0, -1])
    for mode in ("full", "same", "valid"):
        for operator in (convolve, correlate):
            expected = operator(a, w, mode, "direct")
            np.testing.assert_allclose(operator(a, w, mode, name), expected, rtol=0, atol=1e-13)


def test_methods_that_do_not_apply() -> None:
    a, w = np.ones((8, 8)), np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
    with pytest.raises(UsageError) as error:
        convolve(a, w, method="separable")
    assert str(error.value) == (
        'method "separable" does not apply to this filter (3×3, float64).'
        ' Use method="auto", "direct", "fft", "matmul" or "winograd".'
    )
    with pytest.raises(UsageError, match=r'"winograd" does not apply to this filter \(2×2, '):
        convolve(a, w[:2, :2], method="winograd")


@pytest.mark.parametrize("dtype", REALS)
def test_a_window_is_separable_within_its_rounding_and_no_further(dtype: str) -> None:
    generator = np.random.default_rng(14)
    epsilon = float(np.finfo(dtype).eps)
    for shape in ((1, 7, 5), (4, 3, 5), (1, 31, 31)):
        vectors = [generator.standard_normal(n) for n in shape]
        window = np.einsum("i,j,k", *vectors)
        assert separable.factors(window.astype(dtype)) is not None
        noise = generator.standard_normal(shape)
        noise *= 20 * epsilon * np.linalg.norm(window) / np.linalg.norm(noise)
        assert separable.factors((window + noise).astype(dtype)) is None


def test_windows_without_a_direction() -> None:
    assert separable.factors(np.zeros((1, 3, 3))) is None
    assert separable.factors(np.full((1, 3, 3), np.nan)) is None
