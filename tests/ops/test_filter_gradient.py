"""Gradients by the filters: which kernel takes them, and that threads change no bit."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.executors.native import TARGET
from kernelet.plan.storage import SampleBlocks
from ops.cases import Case
from ops.execution import LEVELS, native, storages
from ops.test_convolution import applications, real_numbers
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
