"""Poolings of arrays: windows of any kind, and what is no number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernelet as kl
from convolution.exactness import whole_numbers
from kernelet.convolution import forward, pooling
from kernelet.convolution.forward import NOTHING, Expression, OneByOne, SideBySide
from kernelet.geometry import sliding_window
from kernelet.ops.pooling import AveragePool, MaxPool
from levels import LEVEL_NAMES

KINDS = (MaxPool, AveragePool)
WINDOWS = (
    ((40,), (3,), (2,)),
    ((9,), (9,), (1,)),
    ((17, 12), (2, 3), (2, 1)),
    ((7, 40), (5, 5), (1, 1)),
    ((8, 9), (1, 4), (3, 4)),
    ((6, 9, 7), (2, 2, 2), (1, 2, 3)),
)


@pytest.fixture(params=LEVEL_NAMES)
def isa(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Plan for each instruction set in turn."""
    forward.plans.clear()
    monkeypatch.setenv("KERNELET_ISA", request.param)
    yield
    forward.plans.clear()


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3, 8, 16, 70])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_one_by_one_and_side_by_side_give_the_bits_of_each_other(
    kind: type[MaxPool | AveragePool], channels: int, padding: str
) -> None:
    generator = np.random.default_rng(4)
    for size, pool, strides in WINDOWS:
        expression = Expression(kind(sliding_window(size, pool, padding, strides), channels))
        # All below zero: padding must never win.
        x = generator.random((3, *size, channels), np.float32) - 2
        found = OneByOne(expression, 3, 2)(x, NOTHING, NOTHING)
        np.testing.assert_array_equal(found, SideBySide(expression, 2)(x, NOTHING, NOTHING))
        exact = forward.prepare(expression, 3, np.dtype(np.float64))(x, NOTHING, NOTHING)
        np.testing.assert_allclose(found, exact, rtol=1e-6)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("place", range(9))
def test_what_is_no_number_spreads_to_its_windows_only(place: int) -> None:
    x = np.zeros((1, 3, 3, 5), np.float32)
    x.reshape(9, 5)[place, 2] = np.nan
    for function in (kl.max_pool2d, kl.average_pool2d):
        found = function(x, 2, strides=1)
        row, column = divmod(place, 3)
        reached = np.zeros((2, 2, 5), bool)
        reached[max(row - 1, 0) : row + 1, max(column - 1, 0) : column + 1, 2] = True
        np.testing.assert_array_equal(np.isnan(found[0]), reached)


def test_arguments_are_worked_out_once() -> None:
    x = whole_numbers(np.random.default_rng(5), 2, 6, 6, 3)
    first = kl.max_pool2d(x, 2)
    hits = pooling._prepared.cache_info().hits
    np.testing.assert_array_equal(kl.max_pool2d(x, 2), first)
    assert pooling._prepared.cache_info().hits == hits + 1
    listed: Any = [2, 2]
    np.testing.assert_array_equal(kl.max_pool2d(x, listed), first)


def test_a_network_may_begin_with_pooling() -> None:
    x = np.random.default_rng(6).random((1, 12, 10, 3), np.float32)
    for pool in (kl.MaxPooling2D(2), kl.AveragePooling2D(3, 1)):
        model = kl.Sequential([kl.Input((12, 10, 3)), pool, kl.Conv2D(4, 3)])
        many = model.predict(np.repeat(x, 33, axis=0))
        np.testing.assert_array_equal(model.predict(x)[0], many[-1])
