from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kernelet.errors import ConfigurationError, ShapeError
from kernelet.executors.base import Run, State
from kernelet.executors.native import NativeExecutor
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import FILLS, RandomFlip, RandomShift, source_cells
from kernelet.program import Op, Program, ProgramBuilder, StepContext, Type
from ops.execution import LEVELS, Numbers

SEED, EPOCH = 11, 4
FLIP = RandomFlip(3, horizontal=True, vertical=True)
SHIFT = RandomShift(5, rows=2, columns=3)
RESCALE = Rescale((0.5, 2.0, -1.0), (1.0, 0.0, 3.0))
HALVE = Rescale((0.5,), (4.0,))


def pictures(
    rows: int, height: int, width: int, channels: int, dtype: Any = np.uint8
) -> NDArray[Any]:
    values = np.random.default_rng(0).integers(0, 256, (rows, height, width, channels))
    return values.astype(dtype)


def chain(ops: Sequence[Op], shape: tuple[int, ...]) -> Program:
    """Return a program that applies operations to its input, one after the other."""
    build = ProgramBuilder()
    value = build.input("x", shape)
    for op in ops:
        value = build.add(op, value)
    build.outputs["y"] = value
    return build.finish()


def packed(
    ops: Sequence[Op], x: NDArray[Any], order: NDArray[np.int64], isa: str | None = None
) -> Numbers:
    """Return what the engine makes of an input; its rows keep their type."""
    executor = NativeExecutor(
        chain(ops, x.shape[1:]),
        len(order),
        State(np.zeros(0, np.float32), np.zeros(0, np.float32), {}),
        isa=isa,
        threads=2,
    )
    y = np.full((len(order), *x.shape[1:]), np.nan, np.float32)
    executor.run(Run({"x": x}, order, {"y": y}, seed=SEED, epoch=EPOCH))
    return y


def defined(ops: Sequence[Op], x: NDArray[Any], order: NDArray[np.int64]) -> Numbers:
    """Return the same by the float64 definitions."""
    context = StepContext(order, seed=SEED, epoch=EPOCH)
    value = x[order].astype(np.float64)
    for op in ops:
        (value,) = op.reference(context, value)
    return value


def check(ops: Sequence[Op], x: NDArray[Any], isa: str) -> None:
    order = np.random.default_rng(1).permutation(len(x))[: len(x) - 1]
    assert np.array_equal(packed(ops, x, order, isa), defined(ops, x, order))


# Rows of fewer and of more than the 16 elements that the engine transposes at once and the 256 that
# it moves at once; numbers of channels that it knows, any other, and many.
@LEVELS
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int32])
@pytest.mark.parametrize(
    "size", [(3, 4, 1), (7, 5, 3), (3, 9, 4), (2, 100, 3), (2, 3, 300)], ids=str
)
@pytest.mark.parametrize(
    "op", [FLIP, RandomFlip(3, horizontal=True, vertical=False), SHIFT], ids=lambda op: op.name
)
def test_the_engine_moves_pictures_like_the_reference(
    op: Op, size: tuple[int, int, int], dtype: Any, isa: str
) -> None:
    check([op], pictures(35, *size, dtype), isa)


@LEVELS
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("reach", [(0, 0), (0, 2), (3, 0), (20, 33)], ids=str)
def test_fills(reach: tuple[int, int], fill: Any, isa: str) -> None:
    value = 7.5 if fill == "constant" else 0.0
    op = RandomShift(1, rows=reach[0], columns=reach[1], fill=fill, fill_value=value)
    check([op], pictures(35, 5, 6, 3), isa)
    check([FLIP, op], pictures(35, 5, 6, 3), isa)


# Rescaling by powers of two keeps every order of roundings exact.
@LEVELS
@pytest.mark.parametrize(
    "ops",
    [
        [RESCALE],
        [RESCALE, HALVE],
        [FLIP, SHIFT],
        [SHIFT, FLIP],
        [FLIP, SHIFT, RESCALE],
        [RESCALE, FLIP, SHIFT],
        [SHIFT, RESCALE, FLIP],
        [HALVE, RandomShift(5, rows=2, columns=3, fill_value=6.0), RESCALE, FLIP, HALVE],
    ],
    ids=lambda ops: "-".join(op.name for op in ops),
)
def test_chains_are_packed_in_their_order(ops: list[Op], isa: str) -> None:
    check(ops, pictures(35, 5, 6, 3), isa)


@LEVELS
@pytest.mark.parametrize("shape", [(), (1,), (40,), (9, 7), (2, 3, 4, 5)], ids=str)
def test_values_that_are_no_pictures_are_packed_as_they_are(
    shape: tuple[int, ...], isa: str
) -> None:
    x = np.random.default_rng(0).standard_normal((35, *shape)).astype(np.float32)
    assert np.array_equal(packed([Rescale((1.0,), (0.0,))], x, np.arange(35), isa), x)


@LEVELS
def test_real_factors(isa: str) -> None:
    x = pictures(19, 6, 6, 3)
    ops = [FLIP, Rescale((1 / 58.4, 1 / 57.1, 1 / 57.4), (-2.1, -2.0, -1.9))]
    have, want = packed(ops, x, np.arange(19), isa), defined(ops, x, np.arange(19))
    assert np.linalg.norm(have - want) < 1e-6 * np.linalg.norm(want)


def test_half_of_the_pictures_are_flipped_each_way() -> None:
    x = np.broadcast_to(np.arange(4.0).reshape(1, 2, 2, 1), (4000, 2, 2, 1))
    flipped = defined([FLIP], x, np.arange(4000)).reshape(4000, 4)
    orders = {"0123": 0, "1032": 0, "2301": 0, "3210": 0}
    for row in flipped:
        orders["".join(str(int(cell)) for cell in row)] += 1
    # Each count is binomial with a deviation of 27 about 1000.
    assert all(abs(count - 1000) < 5 * 27 for count in orders.values())


def test_shifts_are_uniform() -> None:
    x = np.zeros((7000, 7, 3, 1))
    x[:, 3, 1] = 1
    shifted = defined([RandomShift(2, rows=3, columns=1)], x, np.arange(7000))[..., 0]
    # The pixel lands on each of the 21 cells: 333 times, with a deviation of 18.
    assert (shifted.sum(axis=(1, 2)) == 1).all()
    assert np.abs(shifted.sum(axis=0) - 7000 / 21).max() < 5 * 18


@pytest.mark.parametrize(
    ("shift", "fill", "cells"),
    [
        (1, "nearest", [0, 0, 1, 2]),
        (-2, "nearest", [2, 3, 3, 3]),
        (1, "reflect", [0, 0, 1, 2]),
        (-2, "reflect", [2, 3, 3, 2]),
        (6, "reflect", [2, 3, 3, 2]),
        (9, "nearest", [0, 0, 0, 0]),
    ],
)
def test_source_cells(shift: int, fill: Any, cells: list[int]) -> None:
    source, inside = source_cells(4, shift, fill)
    assert source.tolist() == cells
    assert inside.all()


def test_constant_fill_marks_the_gap() -> None:
    assert source_cells(4, 1, "constant")[1].tolist() == [False, True, True, True]
    assert source_cells(4, -9, "constant")[1].tolist() == [False] * 4


def test_the_engine_augments_inputs_only() -> None:
    with pytest.raises(ConfigurationError) as caught:
        packed([Activate("relu"), FLIP], pictures(2, 4, 4, 1), np.arange(2))
    assert str(caught.value) == (
        "random_flip must directly follow an input of the network, with nothing but augmentation "
        "and rescaling in between, and be the input's only reader: the engine augments pictures "
        "while it packs them."
    )


def test_an_input_is_flipped_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        packed([FLIP, FLIP], pictures(2, 4, 4, 1), np.arange(2))
    assert str(caught.value) == (
        "an input is followed by 2 operations random_flip, but the engine applies at most one "
        "while packing: merge them into one, or remove the others."
    )


def test_meaningless_configurations() -> None:
    with pytest.raises(ConfigurationError) as caught:
        RandomShift(0, rows=-1, columns=0)
    assert str(caught.value) == "shifts must be 0 or more pixels, not (-1, 0)."
    with pytest.raises(ConfigurationError) as caught:
        RandomShift(0, rows=1, columns=1, fill="wrap")  # type: ignore[arg-type]
    assert str(caught.value) == "fill must be one of constant, nearest, reflect, not 'wrap'."
    with pytest.raises(ConfigurationError) as caught:
        RandomShift(0, rows=1, columns=1, fill="nearest", fill_value=3)
    assert str(caught.value) == "fill_value needs fill=\"constant\", not 'nearest'."
    with pytest.raises(ShapeError) as refused:
        FLIP.types(Type((28, 28)))
    assert str(refused.value) == (
        "random_flip needs pictures (height, width, channels), got (28, 28)."
    )
