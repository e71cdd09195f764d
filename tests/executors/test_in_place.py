"""Convolutions and poolings that read and write the caller's arrays."""

from __future__ import annotations

import numpy as np
import pytest

import kernelet as kl
from kernelet.convolution.forward import Expression
from kernelet.executors.aligned import LEAST_ALIGNED
from kernelet.executors.native import TARGET
from kernelet.executors.native_function import NativeFunction
from kernelet.ops.convolution import Convolution
from kernelet.plan.instruction import Space
from kernelet.plan.planner import make_plan
from kernelet.plan.single import SingleSamples

NONE = np.zeros(0, np.float32)


def convolution(filters: int = 5, groups: int = 1) -> Convolution:
    return kl.Conv2D(filters, 3, padding="same", groups=groups).operation((7, 9, 4))


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
@pytest.mark.parametrize(("filters", "groups"), [(5, 1), (20, 1), (4, 4), (40, 2)])
def test_nothing_is_copied(filters: int, groups: int, activation: str | None) -> None:
    program = Expression(convolution(filters, groups), True, activation).program()
    storage = SingleSamples(program, TARGET.lanes, spread=True, in_place=True)
    plan = make_plan(program, 2, {"filters": 0, "bias": 0}, TARGET, storage, 2)
    (instruction,) = [i for phase in plan.phases if not phase.once for i in phase.instructions]
    read, written = instruction.operands[0], instruction.operands[4]
    assert (read.space, read.offset) == (Space.INPUTS, 0)
    assert (written.space, written.offset) == (Space.OUTPUTS, 0)
    assert instruction.operands[2].space is Space.SLOTS
    assert plan.batch == 0


@pytest.mark.parametrize("channels", [3, 16, 64, 70])
@pytest.mark.parametrize("kind", [kl.MaxPooling2D, kl.AveragePooling2D])
def test_poolings_copy_nothing_either(
    kind: type[kl.MaxPooling2D | kl.AveragePooling2D], channels: int
) -> None:
    program = Expression(kind(2).operation((8, 6, channels))).program()
    storage = SingleSamples(program, TARGET.lanes, spread=True, in_place=True)
    plan = make_plan(program, 2, {}, TARGET, storage, 2)
    (instruction,) = [i for phase in plan.phases for i in phase.instructions]
    assert [(o.space, o.offset) for o in instruction.operands] == [
        (Space.INPUTS, 0),
        (Space.OUTPUTS, 0),
    ]
    assert plan.batch == 0


@pytest.mark.parametrize("filters", [5, 16])
def test_what_follows_in_a_step_of_its_own_reads_padded_cells(filters: int) -> None:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((2, 7, 9, 4), np.float32)
    w = generator.standard_normal((3, 3, 4, filters), np.float32)
    program = Expression(convolution(filters), activation="softmax").program()
    found = NativeFunction(program, 2, 2, in_place=True)(x, w, NONE)
    expected = kl.conv2d(x.astype(np.float64), w, padding="same", activation="softmax")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_results_begin_at_a_cache_line() -> None:
    function = NativeFunction(Expression(convolution(140)).program(), 3, 1, in_place=True)
    w = np.ones((3, 3, 4, 140), np.float32)
    for count in (1, 2, 3):
        y = function(np.ones((count, 7, 9, 4), np.float32), w, NONE)
        assert y.shape == (count, 7, 9, 140)
        assert y.nbytes >= LEAST_ALIGNED
        assert y.ctypes.data % 64 == 0
        assert y.flags["C_CONTIGUOUS"]


def test_more_samples_than_a_step_has_take_several() -> None:
    generator = np.random.default_rng(4)
    x = generator.integers(-4, 5, (7, 7, 9, 4)).astype(np.float32)
    w = generator.integers(-4, 5, (3, 3, 4, 5)).astype(np.float32)
    function = NativeFunction(Expression(convolution()).program(), 3, 2, in_place=True)
    np.testing.assert_array_equal(function(x, w, NONE), kl.conv2d(x, w, padding="same"))


def test_rows_of_other_types_are_refused() -> None:
    function = NativeFunction(Expression(convolution()).program(), 2, 1, in_place=True)
    with pytest.raises(ValueError, match="row"):
        function(np.ones((2, 7, 9, 4), np.uint8), np.ones((3, 3, 4, 5), np.float32), NONE)


@pytest.mark.parametrize("filters", [100, 112])
@pytest.mark.parametrize("size", [8, 18])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "silu", "sigmoid", "tanh"])
def test_winograds_algorithm_activates_each_result_once(
    filters: int, size: int, activation: str
) -> None:
    """With whole vectors of filters and a rest, whichever of filters and tiles threads share."""
    generator = np.random.default_rng(5)
    x = generator.standard_normal((2, size, size, 70), np.float32)
    w = generator.standard_normal((3, 3, 70, filters), np.float32) / np.float32(25)
    bias = generator.standard_normal(filters, np.float32)
    layer = kl.Conv2D(filters, 3, padding="same")
    op = layer.operation((size, size, 70))
    program = Expression(op, True, activation).program()
    expected = kl.conv2d(x.astype(np.float64), w, bias, padding="same", activation=activation)
    for threads in (1, 2, 5):
        found = NativeFunction(program, 2, threads, in_place=True)(x, w, bias)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
