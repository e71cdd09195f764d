"""Products in bfloat16: exact on whole numbers, within derived bounds otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from msgspec.structs import replace

from kernelet.executors.base import Run
from kernelet.executors.native import TARGET, NativeExecutor, bfloat16
from kernelet.executors.reference import ReferenceExecutor
from kernelet.ops.activation import Activate
from kernelet.ops.bias import BiasAdd
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan.storage import SampleBlocks
from kernelet.program import Op, ProgramBuilder
from levels import BFLOAT16_LEVELS
from ops.cases import CASES, Case, random_case
from ops.execution import Gradient, Numbers, Operand, Shared, array_of, expected, native
from ops.test_convolution import applications, real_numbers, whole_numbers
from programs import new_state

RANDOM_SHAPES = 60
# Inputs, outputs and samples. The last ones are more than engines take at once.
DENSE = [
    (1, 1, 1),
    (3, 10, 16),
    (17, 1, 5),
    (15, 17, 32),
    (16, 32, 48),
    (400, 120, 33),
    (84, 10, 17),
    (7, 65, 20),
    (1030, 20, 40),
    (33, 550, 40),
    (40, 33, 550),
]

Draw = Callable[[np.random.Generator, tuple[int, ...]], Numbers]


def everywhere(isa: str, *, spread: bool = False) -> SampleBlocks:
    """Return a storage that multiplies in bfloat16 whether or not it pays."""
    way = bfloat16("bfloat16", isa)
    assert way is not None
    own = replace(way, everywhere=True)
    return SampleBlocks(TARGET, own, spread=spread)


def dense(draw: Draw, generator: np.random.Generator) -> Iterator[tuple[Op, tuple[Operand, ...]]]:
    for inputs, outputs, batch in DENSE:
        x, y = draw(generator, (batch, inputs)), draw(generator, (batch, outputs))
        w = Shared(draw(generator, (inputs, outputs)))
        yield MatrixProduct(), (x, w)
        yield MatrixProduct(transposed=True), (y, w)
        yield OuterProductSum(), (x, Gradient(y))


def rounded(numbers: Numbers) -> Numbers:
    """Return float32 numbers rounded to bfloat16: to the nearest, ties to even."""
    bits = np.asarray(numbers, np.float32).view(np.uint32)
    nearest = bits + np.uint32(0x7FFF) + (bits >> 16 & 1)
    return (nearest & np.uint32(0xFFFF0000)).view(np.float32)


def mapped(function: Callable[[Numbers], Numbers], operand: Operand) -> Operand:
    numbers = function(array_of(operand))
    return type(operand)(numbers) if isinstance(operand, Shared | Gradient) else numbers


def products(op: Op, operands: tuple[Operand, ...]) -> int:
    """Return the most products of one sum; sums over the batch go over all samples."""
    ones = tuple(mapped(np.ones_like, x) for x in operands)
    return int(expected(op, *ones)[0].max())


def in_blocks(op: Op, operands: tuple[Operand, ...], isa: str) -> Numbers:
    (result,) = native(op, *operands, isa=isa, storage=everywhere(isa))
    return result


def assert_within_bounds(op: Op, operands: tuple[Operand, ...], got: Numbers) -> None:
    """Check results, number by number, against float64 on rounded and on exact operands."""
    sizes = expected(op, *(mapped(np.abs, x) for x in operands))[0]
    # Every product passes through at most as many additions as there are products, and each of
    # them, as each product where it is not fused, is rounded by at most 2⁻²⁴ in float32.
    summing = (products(op, operands) + 2) * 2.0**-24 * 1.01
    (of_rounded,) = expected(op, *(mapped(rounded, x) for x in operands))
    assert np.all(np.abs(got - of_rounded) <= summing * 1.01 * sizes)
    # Each of two factors is off by at most 2⁻⁸ of itself.
    rounding = (1 + 2.0**-8) ** 2 - 1
    (exact,) = expected(op, *operands)
    assert np.all(np.abs(got - exact) <= (rounding + 1.01 * summing) * sizes)
    assert np.any(got != exact.astype(np.float32))


def assert_exact(op: Op, operands: tuple[Operand, ...], isa: str) -> None:
    (got,) = native(op, *operands, isa=isa, storage=everywhere(isa))
    np.testing.assert_array_equal(got, expected(op, *operands)[0])


@BFLOAT16_LEVELS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_whole_numbers_are_exact(case: Case, isa: str) -> None:
    for op, operands in applications(case, whole_numbers, np.random.default_rng(1)):
        assert_exact(op, operands, isa)


@BFLOAT16_LEVELS
def test_random_shapes_are_exact(isa: str) -> None:
    generator = np.random.default_rng(2)
    for _ in range(RANDOM_SHAPES):
        for op, operands in applications(random_case(generator), whole_numbers, generator):
            assert_exact(op, operands, isa)


@BFLOAT16_LEVELS
def test_dense_products_are_exact(isa: str) -> None:
    for op, operands in dense(whole_numbers, np.random.default_rng(3)):
        assert_exact(op, operands, isa)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_real_numbers_are_within_bounds(case: Case, isa: str) -> None:
    for op, operands in applications(case, real_numbers, np.random.default_rng(4)):
        assert_within_bounds(op, operands, in_blocks(op, operands, isa))


@BFLOAT16_LEVELS
def test_dense_products_are_within_bounds(isa: str) -> None:
    for op, operands in dense(real_numbers, np.random.default_rng(5)):
        assert_within_bounds(op, operands, in_blocks(op, operands, isa))


@BFLOAT16_LEVELS
@pytest.mark.parametrize("case", CASES, ids=str)
def test_threads_share_convolutions_without_changing_bits(case: Case, isa: str) -> None:
    for op, operands in applications(case, real_numbers, np.random.default_rng(8)):
        alone = in_blocks(op, operands, isa)
        for threads in (2, 5):
            shared = everywhere(isa, spread=True)
            (got,) = native(op, *operands, isa=isa, threads=threads, storage=shared)
            np.testing.assert_array_equal(got, alone)


@BFLOAT16_LEVELS
def test_threads_share_dense_products_without_changing_bits(isa: str) -> None:
    for op, operands in dense(real_numbers, np.random.default_rng(7)):
        results = [
            native(op, *operands, isa=isa, threads=threads, storage=everywhere(isa))[0]
            for threads in (1, 2, 3)
        ]
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])


@BFLOAT16_LEVELS
@pytest.mark.parametrize(("kind", "slope"), [("relu", 0), ("leaky_relu", 0.25), ("sigmoid", 0)])
@pytest.mark.parametrize("size", [(600, 40), (20, 3)])
def test_dense_products_with_bias_and_activation(
    size: tuple[int, int], kind: str, slope: float, isa: str
) -> None:
    build = ProgramBuilder()
    x, w, b = (
        build.input("x", size[:1]),
        build.parameter("w", size, "statistic", trainable=False),
        build.parameter("b", size[1:], "statistic", trainable=False),
    )
    y = build.add(BiasAdd(), build.add(MatrixProduct(), x, w), b)
    build.outputs["y"] = build.add(Activate(kind, slope), y)
    program, generator = build.finish(), np.random.default_rng(8)
    state = new_state(program)
    for parameter in program.parameters:
        state.view(parameter)[...] = whole_numbers(generator, parameter.value.shape)
    pictures = whole_numbers(generator, (37, size[0]))
    found, wanted = np.empty((2, 37, size[1]), np.float32)
    executor = NativeExecutor(program, 37, state, isa=isa, storage=everywhere(isa))
    executor.run(Run({"x": pictures}, np.arange(37), {"y": found}))
    assert "dense_bfloat16" in {i.kernel for p in executor.plan.phases for i in p.instructions}
    ReferenceExecutor(program, 37, state).run(Run({"x": pictures}, np.arange(37), {"y": wanted}))
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@BFLOAT16_LEVELS
def test_halves_between_two_numbers_go_to_the_even_one(isa: str) -> None:
    # 1 + k/256 lies halfway between two numbers of eight significant bits where k is odd.
    x = (1 + np.arange(-7, 8, dtype=np.float32) / 256).reshape(1, -1)
    one = Shared(np.eye(x.shape[1], dtype=np.float32))
    (got,) = native(MatrixProduct(), x, one, isa=isa, storage=everywhere(isa))
    np.testing.assert_array_equal(got, rounded(x))
    assert got[0, 8 + 3] == 1 + 4 / 256
    assert got[0, 8] == 1


@BFLOAT16_LEVELS
def test_nan_and_infinity_stay_in_their_sample(isa: str) -> None:
    generator = np.random.default_rng(6)
    case = Case((6, 6), (3, 3), "same", channels=2, filters=3)
    (op, (pictures, filters)), *_ = applications(case, real_numbers, generator)
    numbers = np.array(array_of(pictures))
    clean = native(op, numbers, filters, isa=isa, storage=everywhere(isa))[0]
    numbers[0, 2, 3, 0], numbers[2, 2, 3, 1] = np.nan, np.inf
    (got,) = native(op, numbers, filters, isa=isa, storage=everywhere(isa))
    np.testing.assert_array_equal(got[1], clean[1])
    reached = got[0, 1:4, 2:5]
    assert np.all(np.isnan(reached))
    assert not np.any(np.isfinite(got[2, 1:4, 2:5]))
