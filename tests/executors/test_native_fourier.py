"""Transforms in the engine: pieces, boundaries and threads, on every instruction set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.convolution.definition import correlate_by_definition
from kernelet.errors import ConfigurationError
from kernelet.executors.native_fourier import correlate_fft
from kernelet.geometry import Window
from levels import LEVELS

TYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """Sizes, and the transform with which they are to be solved."""

    radices: tuple[tuple[int, ...], ...]
    signal: Triple
    window: Triple
    before: Triple
    output: Triple
    step: Triple
    boundary: Literal["fill", "wrap", "symm"] = "fill"
    fill: float = 0.0
    batch: int = 1

    def operands(self, dtype: str) -> tuple[NDArray[Any], NDArray[Any]]:
        generator = np.random.default_rng(5)
        signal = generator.standard_normal((self.batch, *self.signal)).astype(dtype)
        return signal, generator.standard_normal(self.window).astype(dtype)

    def solve(
        self, signal: NDArray[Any], window: NDArray[Any], isa: str | None = None, threads: int = 1
    ) -> NDArray[Any]:
        return correlate_fft(
            signal,
            window,
            self.output,
            self.before,
            self.boundary,
            self.fill,
            radices=self.radices,
            step=self.step,
            threads=threads,
            isa=isa,
        )

    def expected(self, signal: NDArray[Any], window: NDArray[Any]) -> NDArray[Any]:
        sizes = zip(self.signal, self.window, self.before, self.output, strict=True)
        placed = [Window(n, k, 1, 1, b, out - 1 + k - n - b) for n, k, b, out in sizes]
        wide = (signal.astype(np.float64), window.astype(np.float64))
        return correlate_by_definition(*wide, placed, self.boundary, self.fill)


CASES = {
    # 512 real numbers, all results in one piece: zeros beyond the border take no room.
    "one piece": Case(
        ((), (), (4, 4)), (1, 1, 500), (1, 1, 13), (0, 0, 12), (1, 1, 512), (1, 1, 512)
    ),
    "pieces": Case(
        ((), (), (4, 4)), (1, 1, 1700), (1, 1, 100), (0, 0, 99), (1, 1, 1799), (1, 1, 413), batch=2
    ),
    "short steps": Case(
        ((), (), (8, 2)), (1, 1, 300), (1, 1, 77), (0, 0, 30), (1, 1, 290), (1, 1, 17), fill=2.5
    ),
    "wrapped often": Case(
        ((), (), (4, 4)), (1, 1, 9), (1, 1, 60), (0, 0, 59), (1, 1, 68), (1, 1, 68), "wrap"
    ),
    "mirrored often": Case(
        ((), (), (4, 4)), (1, 1, 7), (1, 1, 60), (0, 0, 59), (1, 1, 66), (1, 1, 50), "symm"
    ),
    "blocks beyond a leaf": Case(
        ((), (), (5, 3, 8, 8)), (1, 1, 9000), (1, 1, 901), (0, 0, 0), (1, 1, 8100), (1, 1, 8100)
    ),
    "beyond the signal": Case(
        ((), (), (4, 4)), (1, 1, 20), (1, 1, 3), (0, 0, 400), (1, 1, 900), (1, 1, 100)
    ),
    "two axes": Case(
        ((), (8,), (2,)), (1, 40, 50), (1, 5, 4), (0, 4, 1), (1, 44, 49), (1, 12, 29), "symm"
    ),
    "two axes, one piece": Case(
        ((), (5, 4, 4), (5,)), (1, 70, 70), (1, 11, 10), (0, 10, 9), (1, 80, 79), (1, 80, 79)
    ),
    "rows": Case(
        ((), (), (4, 4)), (1, 6, 300), (1, 1, 9), (0, 0, 4), (1, 6, 300), (1, 1, 300), "wrap"
    ),
    "three axes": Case(
        ((2,), (8,), (3, 4)), (9, 10, 50), (2, 3, 5), (1, 2, 0), (10, 12, 46), (3, 6, 44), fill=-1.0
    ),
    "depth and width": Case(
        ((4, 4), (), (2,)), (20, 3, 40), (6, 1, 7), (2, 0, 3), (20, 3, 40), (27, 1, 26), "symm"
    ),
}


def norm_of_difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


@LEVELS
@TYPES
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_results_are_those_of_the_definition(case: Case, dtype: str, isa: str) -> None:
    signal, window = case.operands(dtype)
    result = case.solve(signal, window, isa)
    assert result.dtype == dtype
    assert result.flags.c_contiguous
    tolerance = 16 * float(np.finfo(dtype).eps)
    assert norm_of_difference(result, case.expected(signal, window)) < tolerance


@LEVELS
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_threads_do_not_change_the_bits(case: Case, isa: str) -> None:
    signal, window = case.operands("float32")
    one = case.solve(signal, window, isa).tobytes()
    for threads in (2, 3, 8):
        assert case.solve(signal, window, isa, threads).tobytes() == one


@LEVELS
def test_all_radices_at_every_place(isa: str) -> None:
    for radix in (2, 3, 4, 5, 8):
        for other in (2, 3, 4, 5, 8):
            for radices in (((), (), (radix, other, 4, 4)), ((radix,), (4, 4), (other,))):
                lengths = [math.prod(axis) for axis in radices]
                lengths[2] *= 16
                lengths[0 if radices[0] else 2] *= 2
                size: Triple = (lengths[0], lengths[1], lengths[2])
                case = Case(
                    radices, size, (1, 1, 3), (0, 0, 1), size, (size[0], size[1], size[2] - 2)
                )
                signal, window = case.operands("float64")
                result = case.solve(signal, window, isa)
                assert norm_of_difference(result, case.expected(signal, window)) < 1e-14


def test_strided_and_read_only_arrays() -> None:
    case = CASES["two axes"]
    signal, window = case.operands("float32")
    spread = np.repeat(signal, 2, axis=3)[..., ::2]
    spread.flags.writeable = False
    assert not spread.flags.c_contiguous
    assert np.array_equal(case.solve(spread, window), case.solve(signal, window))


def test_denormal_numbers_are_kept() -> None:
    case = CASES["pieces"]
    signal, window = case.operands("float64")
    expected = case.solve(signal, window)
    result = case.solve(np.ldexp(signal, -1050), window, threads=2)
    np.testing.assert_allclose(np.ldexp(result, 1050), expected, atol=1e-5)


def solve_with(**changes: Any) -> NDArray[Any]:
    """Solve 512 numbers with a window of 13, some arguments being others than they should be."""
    arguments: dict[str, Any] = {
        "signal": np.ones((1, 1, 1, 500), np.float32),
        "window": np.ones((1, 1, 13), np.float32),
        "output": (1, 1, 512),
        "before": (0, 0, 12),
        "boundary": "fill",
        "fill": 0.0,
        "radices": ((), (), (4, 4)),
        "step": (1, 1, 512),
        "threads": 1,
        **changes,
    }
    return correlate_fft(**arguments)


def test_arguments_that_fit_are_taken() -> None:
    assert solve_with()[0, 0, 0, 12:500].tolist() == pytest.approx([13.0] * 488)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"radices": ((), (), (7, 16))}, "no division by 7"),
        ({"radices": ((), (), (-1, 16))}, "no division by -1"),
        ({"radices": ((), (), (8,))}, "8 cells do not fill groups of 16"),
        ({"fill": 1.0}, "do not fit the transform"),
        ({"boundary": "wrap"}, "do not fit the transform"),
        ({"step": (1, 1, 513), "output": (1, 1, 513)}, "do not fit the transform"),
        ({"step": (1, 1, 0)}, "at least 1"),
        ({"step": (1, 1, 2**62)}, "below 2"),
        ({"before": (0, 0, -(2**62))}, "below 2"),
        ({"signal": np.ones((1, 1, 1, 0), np.float32)}, "at least 1"),
        ({"signal": np.ones((0, 1, 1, 500), np.float32)}, "at least 1"),
        ({"window": np.ones((1, 1, 600), np.float32)}, "do not fit the transform"),
        ({"window": np.ones((1, 1, 13))}, "window must have 3 axes and the element type"),
        ({"window": np.ones((1, 13), np.float32)}, "window must have 3 axes"),
        ({"signal": np.ones((1, 1, 1, 500), np.int32)}, "float32 or float64"),
    ],
)
def test_what_cannot_be_solved_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve_with(**changes)


def test_a_number_of_threads_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 1024, not 0"):
        solve_with(threads=0)


def test_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sse9"):
        solve_with(isa="sse9")


def test_the_environment_names_the_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["pieces"]
    signal, window = case.operands("float32")
    monkeypatch.setenv("KERNELET_ISA", "scalar")
    assert np.array_equal(case.solve(signal, window), case.solve(signal, window, "scalar"))
