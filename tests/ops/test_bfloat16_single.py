"""Products of single samples in bfloat16: exact on whole numbers, within bounds otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from msgspec.structs import replace

from kernelet.executors.native import bfloat16
from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.program import Op
from levels import BFLOAT16_LEVELS
from ops.cases import CASES, Case, random_case
from ops.execution import Numbers, Operand, Shared, array_of, expected, native, single_samples
from ops.test_bfloat16 import assert_within_bounds
from ops.test_convolution import applications, real_numbers, whole_numbers

RANDOM_SHAPES = 60
# Samples, inputs and outputs.
DENSE = [(1, 1, 1), (2, 33, 15), (1, 64, 16), (3, 400, 120), (1, 31, 65), (1, 1030, 129)]
# Tiles of several rows, of a part of a row, and of more than a panel of filters.
WIDE = (
    Case((9, 33), (3, 3), "same", channels=32, filters=33, batch=2, name="more than two tiles"),
    Case((16, 16), (3, 3), "same", channels=64, filters=64, batch=1, name="a row a tile"),
    Case((5, 40), (3, 3), "same", (2, 2), channels=48, filters=20, batch=1, name="strided"),
    Case((6, 24), (3, 3), "same", (), (2, 3), 33, 17, batch=1, name="dilated"),
    Case((4, 20), (3, 3), "full", channels=80, filters=70, groups=2, batch=1, name="groups"),
    Case((90,), (5,), "same", channels=40, filters=16, batch=1, name="1-D"),
    Case((3, 4, 18), (3, 3, 3), "same", channels=32, filters=16, batch=1, name="3-D"),
    Case((8, 8), (3, 3), "same", channels=128, filters=160, batch=1, name="threads share filters"),
)


def depthwise(case: Case) -> bool:
    """Return whether each channel has one filter of its own: those stay float32."""
    return 1 < case.groups == case.channels == case.filters


EVERY_CASE = pytest.mark.parametrize(
    "case", [case for case in (*CASES, *WIDE) if not depthwise(case)], ids=str
)

Draw = Callable[[np.random.Generator, tuple[int, ...]], Numbers]


def everywhere(isa: str) -> Bfloat16:
    """Return the way to multiply in bfloat16 whether or not it pays."""
    way = bfloat16("bfloat16", isa)
    assert way is not None
    return replace(way, everywhere=True)


def products(
    case: Case, draw: Draw, generator: np.random.Generator
) -> tuple[Op, tuple[Operand, ...]]:
    (op, operands), *_ = applications(case, draw, generator)
    assert isinstance(op, Convolution)
    return op, operands


def dense(draw: Draw, generator: np.random.Generator) -> Iterator[tuple[Op, tuple[Operand, ...]]]:
    for batch, inputs, outputs in DENSE:
        w = Shared(draw(generator, (inputs, outputs)))
        yield MatrixProduct(), (draw(generator, (batch, inputs)), w)


def computed(
    op: Op, operands: tuple[Operand, ...], isa: str, *, threads: int = 1, spread: bool = False
) -> Numbers:
    storage = single_samples(op, *operands, way=everywhere(isa), spread=spread)
    (result,) = native(op, *operands, isa=isa, threads=threads, storage=storage)
    return result


def assert_exact(op: Op, operands: tuple[Operand, ...], isa: str) -> None:
    np.testing.assert_array_equal(computed(op, operands, isa), expected(op, *operands)[0])


@BFLOAT16_LEVELS
@EVERY_CASE
def test_whole_numbers_are_exact(case: Case, isa: str) -> None:
    assert_exact(*products(case, whole_numbers, np.random.default_rng(1)), isa)


@BFLOAT16_LEVELS
def test_random_shapes_are_exact(isa: str) -> None:
    generator = np.random.default_rng(2)
    for _ in range(RANDOM_SHAPES):
        assert_exact(*products(random_case(generator), whole_numbers, generator), isa)


@BFLOAT16_LEVELS
def test_dense_products_are_exact(isa: str) -> None:
    for op, operands in dense(whole_numbers, np.random.default_rng(3)):
        assert_exact(op, operands, isa)


@BFLOAT16_LEVELS
@EVERY_CASE
def test_real_numbers_are_within_bounds(case: Case, isa: str) -> None:
    op, operands = products(case, real_numbers, np.random.default_rng(4))
    assert_within_bounds(op, operands, computed(op, operands, isa))


@BFLOAT16_LEVELS
def test_dense_products_are_within_bounds(isa: str) -> None:
    for op, operands in dense(real_numbers, np.random.default_rng(5)):
        assert_within_bounds(op, operands, computed(op, operands, isa))


@BFLOAT16_LEVELS
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_threads_share_samples_without_changing_bits(case: Case, isa: str) -> None:
    op, operands = products(case, real_numbers, np.random.default_rng(6))
    wanted = computed(op, operands, isa)
    for threads in (2, 3, 4):
        got = computed(op, operands, isa, threads=threads, spread=True)
        np.testing.assert_array_equal(got, wanted)


@BFLOAT16_LEVELS
def test_threads_share_dense_products_without_changing_bits(isa: str) -> None:
    for op, operands in dense(real_numbers, np.random.default_rng(7)):
        wanted = computed(op, operands, isa)
        for threads in (2, 3):
            got = computed(op, operands, isa, threads=threads, spread=True)
            np.testing.assert_array_equal(got, wanted)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("channels", [1, 3, 20, 32, 40])
def test_nan_and_infinity_reach_their_neighbours_alone(channels: int, isa: str) -> None:
    generator = np.random.default_rng(8)
    case = Case((6, 18), (3, 3), "same", channels=channels, filters=3, batch=1)
    op, (pictures, filters) = products(case, real_numbers, generator)
    numbers = np.array(array_of(pictures))
    clean = computed(op, (numbers, filters), isa)
    numbers[0, 2, 3, 0], numbers[0, 4, 17, channels - 1] = np.nan, np.inf
    got = computed(op, (numbers, filters), isa)
    reached = np.zeros(got.shape, bool)
    reached[0, 1:4, 2:5] = reached[0, 3:6, 16:] = True
    assert not np.any(np.isfinite(got[reached]))
    np.testing.assert_array_equal(got[~reached], clean[~reached])
