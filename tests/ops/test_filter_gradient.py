"""Gradients by the filters: which kernel takes them, and that threads change no bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernelet.executors.native import TARGET
from kernelet.ops.convolution import ConvolutionFilterGradient
from kernelet.plan.single_times import lanes_hold_cells_of_gradient
from kernelet.plan.storage import SampleBlocks
from ops.cases import Case
from ops.execution import LEVELS, array_of, assert_equal, expected, native, storages
from ops.test_convolution import applications, real_numbers, whole_numbers
from ops.test_winograd import kernels

STRIPS = "convolution_filter_gradient_strips"

MANY = (
    Case((64, 64), (1, 1), channels=64, filters=32, name="pointwise"),
    Case((45, 45), (7, 7), 3, channels=4, filters=128, name="few channels"),
    Case((14, 14), (5, 5), channels=6, filters=16, name="lenet second"),
    Case((20, 20), (3, 3), "same", (2, 2), channels=64, filters=64, name="strided"),
)
FEW = (
    Case((28, 28), (5, 5), "same", filters=6, name="lenet first"),
    Case((28, 28), (5, 5), "same", (), (1, 2), 32, 32, 32, name="depthwise, far taps"),
)
# Their single samples are taken by vectors of cells, whole and with some lanes idle.
CELLS = (
    Case((9, 23), (3, 3), "same", (1, 2), channels=5, filters=2, batch=5, name="strided"),
    Case((40, 33), (5, 5), channels=3, filters=2, batch=3, name="wide"),
    Case((12, 34), (3, 1), "same", (), (2, 1), 8, 12, 4, batch=3, name="groups"),
    Case((5, 6, 20), (2, 3, 3), "same", channels=2, filters=1, batch=3, name="volume"),
)
DEPTHWISE = Case((9, 23), (3, 3), "same", (1, 2), channels=70, filters=70, groups=70, batch=20)


@pytest.mark.parametrize("case", MANY, ids=str)
def test_many_filters_are_taken_in_strips(case: Case) -> None:
    assert kernels(case)[2] == STRIPS


@pytest.mark.parametrize("case", FEW, ids=str)
def test_few_filters_are_taken_by_vectors_of_samples(case: Case) -> None:
    assert kernels(case)[2] == "convolution_filter_gradient"


@LEVELS
@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize(
    ("case", "kernel"),
    [
        (Case((9, 23), (3, 3), "same", (1, 2), channels=70, filters=90, batch=20), STRIPS),
        (DEPTHWISE, "depthwise_filter_gradient"),
    ],
    ids=["strips", "depthwise"],
)
def test_threads_change_no_bit(case: Case, kernel: str, spread: bool, isa: str) -> None:
    op, inputs = applications(case, real_numbers, np.random.default_rng(6))[2]
    assert kernels(case)[2] == kernel
    blocks = SampleBlocks(TARGET, spread=spread)
    (single,) = (s for s in storages(op, *inputs) if s.block == 1 and s.spread == spread)
    for storage in (blocks, single):
        one, two, four = (
            native(op, *inputs, isa=isa, threads=threads, storage=storage)[0]
            for threads in (1, 2, 4)
        )
        assert one.tobytes() == two.tobytes() == four.tobytes()


@LEVELS
@pytest.mark.parametrize("case", CELLS, ids=str)
def test_few_filters_of_single_samples_are_taken_by_vectors_of_cells(case: Case, isa: str) -> None:
    op, inputs = applications(case, whole_numbers, np.random.default_rng(7))[2]
    assert isinstance(op, ConvolutionFilterGradient)
    assert lanes_hold_cells_of_gradient(op)
    assert_equal(op, *inputs, isa=isa)
    op, inputs = applications(case, real_numbers, np.random.default_rng(8))[2]
    (spread,) = (s for s in storages(op, *inputs) if s.block == 1 and s.spread)
    one, two, four = (
        native(op, *inputs, isa=isa, threads=threads, storage=spread)[0] for threads in (1, 2, 4)
    )
    assert one.tobytes() == two.tobytes() == four.tobytes()


@LEVELS
def test_what_no_tap_connects_stays_apart(isa: str) -> None:
    """A last column that no output cell reads may be infinite: no vector of cells meets it."""
    case = Case((6, 20), (1, 2), strides=(1, 2), channels=1, filters=1, batch=2)
    op, (x, upstream) = applications(case, whole_numbers, np.random.default_rng(9))[2]
    assert isinstance(op, ConvolutionFilterGradient)
    assert lanes_hold_cells_of_gradient(op)
    wider = ConvolutionFilterGradient(replace(case, size=(6, 21)).window, 1, 1)
    numbers = array_of(x)
    edge = np.full((*numbers.shape[:2], 1, 1), np.inf, np.float32)
    padded = np.concatenate([numbers, edge], axis=2)
    for storage in storages(wider, padded, upstream):
        got = native(wider, padded, upstream, isa=isa, storage=storage)
        np.testing.assert_array_equal(got[0], expected(op, x, upstream)[0])
