"""Bands: whatever a picture is cut into, its results are those of the whole picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from convolution.exactness import assert_exact, whole_numbers
from kernelet.convolution import bands
from kernelet.convolution.forward import apply
from kernelet.geometry import sliding_window
from kernelet.ops.convolution import Convolution
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.plan.candidate import LANES
from ops.cases import CASES, random_case

RANDOM_SHAPES = 150


@pytest.fixture(params=[1, 1 << 12, 1 << 25])
def small_bands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Divide whatever can be divided, into bands of different sizes."""
    monkeypatch.setattr(bands, "BLOCK_BYTES", request.param)
    monkeypatch.setattr(bands, "BAND_TIME", 0)
    bands.divide.cache_clear()
    yield
    bands.divide.cache_clear()


@pytest.mark.usefixtures("small_bands")
def test_bands_of_any_size_are_exact() -> None:
    generator = np.random.default_rng(3)
    for case in (*CASES, *(random_case(generator) for _ in range(RANDOM_SHAPES))):
        assert_exact(case, generator)


@pytest.mark.parametrize("kind", [MaxPool, AveragePool])
@pytest.mark.usefixtures("small_bands")
def test_pooling_in_bands(kind: type[MaxPool | AveragePool]) -> None:
    generator = np.random.default_rng(4)
    for padding in ("valid", "same"):
        for size, pool, strides in (
            ((40,), (3,), (2,)),
            ((17, 12), (2, 3), (2, 1)),
            ((6, 9, 7), (2, 2, 2), (1, 2, 3)),
        ):
            window = sliding_window(size, pool, padding, strides)
            # All below zero: padding must never win.
            x = whole_numbers(generator, 2, *size, 3) - 9
            found = apply(kind(window, 3), x, {})
            expected = apply(kind(window, 3), x.astype(np.float64), {})
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_one_large_picture_is_divided_and_many_small_ones_are_not() -> None:
    def pieces(size: int, pictures: int) -> int:
        op = Convolution(sliding_window((size, size), (3, 3), "same"), 16, 16)
        return int(np.prod([b.count for b in bands.divide(op, pictures)[1]]))

    assert pieces(128, 1) >= LANES * bands.BLOCKS / 2
    assert pieces(16, 64) == 1
    assert pieces(1024, 64) > 1
