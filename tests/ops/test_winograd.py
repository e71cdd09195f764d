"""Convolutions by Winograd's algorithm: as near to float64 as its arithmetic allows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelet import _engine
from kernelet.plan import candidates_winograd
from kernelet.plan.selection import select
from kernelet.program import Node, ProgramBuilder
from ops.cases import Case
from ops.execution import LEVELS, Numbers, Shared, array_of, expected, native, storages
from ops.test_convolution import applications, forward, real_numbers

CASES = (
    Case((8, 8), (3, 3), "same", channels=16, filters=16, name="whole tiles"),
    Case((7, 9), (3, 3), "same", channels=3, filters=5, batch=17, name="partial tiles"),
    Case((13, 6), (3, 3), channels=20, filters=33, batch=16, name="valid"),
    Case((5, 6), (3, 3), 4, channels=2, filters=3, name="more padding than the kernel"),
    Case((6, 5), (3, 3), ((2, 0), (0, 2)), channels=9, filters=8, name="asymmetric padding"),
    Case((1, 1), (3, 3), "same", channels=5, filters=4, name="one cell"),
    Case((33, 5), (3, 3), "same", channels=17, filters=40, batch=2, name="many strips"),
    Case((14, 14), (5, 5), channels=6, filters=16, batch=33, name="5×5, valid"),
    Case((9, 7), (5, 5), "same", channels=8, filters=19, name="5×5, same"),
    Case((3, 4), (5, 5), "full", channels=16, filters=32, name="5×5, full"),
)
EVERY_CASE = pytest.mark.parametrize("case", CASES, ids=str)

# Of a convolution, its gradient by the picture and its gradient by the filters.
KERNELS = ["winograd_convolution", "winograd_convolution", "winograd_filter_gradient"]
ROOTS = (0.0, 2**0.5, -(2**0.5), 2**-0.5, -(2**-0.5))


def nodes(case: Case) -> list[Node]:
    """Return a convolution and its gradients by the picture and by the filters."""
    found = []
    for op, inputs in applications(case, real_numbers, np.random.default_rng(0)):
        build = ProgramBuilder()
        values = [
            build.parameter("w", x.numbers.shape, "weight", trainable=True)
            if isinstance(x, Shared)
            else build.input(f"x{k}", array_of(x).shape[1:])
            for k, x in enumerate(inputs)
        ]
        build.add(op, *values)
        found.append(build.nodes[-1])
    return found


def kernels(case: Case, *, alone: bool = False) -> list[str]:
    """Return the kernels that are chosen for a convolution and its gradients."""
    return [select(node, alone=alone).kernel for node in nodes(case)]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the algorithm for everything it can do."""
    monkeypatch.setattr(candidates_winograd, "_FEWEST_PRODUCTS", 0)
    monkeypatch.setattr(candidates_winograd, "_WORTHWHILE", math.inf)
    assert kernels(CASES[0]) == KERNELS


def test_it_is_chosen_where_it_pays() -> None:
    vgg = Case((32, 32), (3, 3), "same", channels=32, filters=32, batch=1)
    assert kernels(vgg) == KERNELS
    for other in (
        Case((32, 32), (3, 3), "same", channels=3, filters=32, batch=1),
        Case((32, 32), (3, 3), "same", (2, 2), channels=32, filters=32, batch=1),
        Case((32, 32), (3, 3), "same", dilation=(2, 2), channels=32, filters=32, batch=1),
        Case((32, 32), (3, 3), "same", channels=32, filters=32, groups=2, batch=1),
        Case((32, 32), (1, 1), channels=64, filters=64, batch=1),
        Case((8, 16, 16), (3, 3, 3), "same", channels=16, filters=16, batch=1),
        Case((14, 14), (5, 5), channels=6, filters=16, batch=1),
    ):
        assert not set(kernels(other)).intersection(KERNELS)


def test_single_samples_go_without_it_where_filters_are_many_and_tiles_are_few() -> None:
    few = Case((7, 7), (3, 3), "same", channels=512, filters=512, batch=1)
    many = Case((28, 28), (3, 3), "same", channels=128, filters=128, batch=1)
    assert [kernels(few)[0], kernels(many)[0]] == ["winograd_convolution"] * 2
    assert kernels(few, alone=True)[0] == "convolution"
    assert kernels(many, alone=True)[0] == "winograd_convolution"


def test_gradients_of_single_samples_go_by_it_where_tiles_are_many_for_their_sums() -> None:
    def pays(size: int, channels: int) -> bool:
        case = Case((size, size), (3, 3), "same", channels=channels, filters=channels, batch=1)
        return candidates_winograd.single_gradient_pays(nodes(case)[2])

    assert [pays(size, 64) for size in (8, 16, 32)] == [False, True, True]
    assert [pays(14, channels) for channels in (32, 64, 256)] == [True, True, False]


def transforms(taps: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return Aᵀ, G and Bᵀ of Toom and Cook's construction, for the points 0, ±√2, ±√½ and ∞."""
    outputs = len(ROOTS) + 2 - taps
    combine = np.array([[p**i for p in ROOTS] + [float(i == outputs - 1)] for i in range(outputs)])
    scale = [math.prod(p - q for q in ROOTS if q != p) for p in ROOTS]
    filters = [[p**i / s for i in range(taps)] for p, s in zip(ROOTS, scale, strict=True)]
    filters.append([float(i == taps - 1) for i in range(taps)])
    cells = [np.append(np.poly([q for q in ROOTS if q != p])[::-1], 0.0) for p in ROOTS]
    cells.append(np.poly(ROOTS)[::-1])
    return combine, np.array(filters), np.array(cells)


def growth(taps: int) -> float:
    """Return how much larger than a sum of products of absolute values intermediate sums may be."""
    combine, filters, cells = (np.abs(matrix) for matrix in transforms(taps))
    largest = np.array([combine.sum(1).max(), filters.sum(1).max(), cells.sum(1).max()])
    return float(np.prod(largest**2))


@pytest.mark.parametrize("taps", candidates_winograd.TAPS)
def test_the_construction_is_a_correlation(taps: int) -> None:
    combine, filters, cells = transforms(taps)
    generator = np.random.default_rng(1)
    d, g = generator.standard_normal(6), generator.standard_normal(taps)
    np.testing.assert_allclose(
        combine @ ((filters @ g) * (cells @ d)), np.correlate(d, g, "valid"), rtol=1e-10
    )


@pytest.mark.usefixtures("always")
@LEVELS
@EVERY_CASE
def test_every_cell_is_within_the_bound_of_the_arithmetic(case: Case, isa: str) -> None:
    """Each of the roundings, fewer than terms + 40 a result, is of at most `growth` × Σ |products|
    taken over the tile, here by the largest of the array."""
    unit = float(np.finfo(np.float32).eps) / 2
    for op, inputs in applications(case, real_numbers, np.random.default_rng(3)):
        (wanted,) = expected(op, *inputs)
        sizes = [type(x)(np.abs(x.numbers)) if hasattr(x, "numbers") else np.abs(x) for x in inputs]
        largest = float(np.max(expected(op, *sizes)[0]))
        bound = (case.channels + case.filters + 40) * unit * growth(case.kernel[0]) * largest
        for storage in storages(op, *inputs):
            (got,) = native(op, *inputs, isa=isa, storage=storage)
            assert np.abs(got - wanted).max() <= bound


@pytest.mark.usefixtures("always")
@LEVELS
def test_the_error_is_at_most_three_times_that_of_products_one_by_one(isa: str) -> None:
    case = Case((16, 16), (3, 3), "same", channels=64, filters=32, batch=16)
    generator = np.random.default_rng(5)
    for op, inputs in applications(case, real_numbers, generator):
        (wanted,) = expected(op, *inputs)
        (got,) = native(op, *inputs, isa=isa)
        error = np.linalg.norm(got - wanted) / np.linalg.norm(wanted)
        one_by_one = _sequential_error(math.prod(case.kernel) * case.channels)
        assert error <= 3 * one_by_one


def _sequential_error(terms: int) -> float:
    """Return the relative error of sums of so many random products, one after another."""
    generator = np.random.default_rng(6)
    a, b = generator.standard_normal((2, 500, terms)).astype(np.float32)
    sums = np.cumsum(a * b, axis=1, dtype=np.float32)[:, -1]
    exact = np.einsum("ij,ij->i", a.astype(np.float64), b.astype(np.float64))
    return float(np.linalg.norm(sums - exact) / np.linalg.norm(exact))


@pytest.mark.usefixtures("always")
@LEVELS
@EVERY_CASE
def test_single_samples_have_the_bits_of_blocks(case: Case, isa: str) -> None:
    op = forward(case)
    inputs = applications(case, real_numbers, np.random.default_rng(7))[0][1]
    bits = [native(op, *inputs, isa=isa, storage=s)[0] for s in storages(op, *inputs)]
    assert len(bits) == 4
    for other in bits[1:]:
        np.testing.assert_array_equal(bits[0], other)


@pytest.mark.usefixtures("always")
@EVERY_CASE
def test_threads_do_not_change_the_bits(case: Case) -> None:
    for op, inputs in applications(case, real_numbers, np.random.default_rng(8)):
        isa = _engine.resolve_isa(None)
        one, two, four = (native(op, *inputs, isa=isa, threads=n)[0] for n in (1, 2, 4))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, four)
