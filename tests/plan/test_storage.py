"""Which storage suits a batch."""

from __future__ import annotations

import pytest

import kernelet as kl
from kernelet.model import Model
from kernelet.plan.candidate import Target
from kernelet.plan.storage import SampleBlocks, arrange
from kernelet.training.programs import prediction_program

TARGET = Target(lanes=16, alignment=16, pieces={})


def vgg() -> Model:
    return kl.networks.large_vgg((64, 64, 3), 10)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_many_samples_run_in_blocks(threads: int) -> None:
    arranged = arrange(prediction_program(vgg().graph), 32 * threads, threads, TARGET)
    assert isinstance(arranged.storage, SampleBlocks)
    assert arranged.threads == threads


def test_a_single_sample_is_shared_by_threads_where_there_is_enough_to_do() -> None:
    large = arrange(prediction_program(vgg().graph), 1, 2, TARGET)
    assert (large.storage.block, large.storage.spread, large.threads) == (1, True, 2)
    small = arrange(prediction_program(kl.networks.lenet5().graph), 1, 2, TARGET)
    assert (small.storage.block, small.storage.spread, small.threads) == (1, False, 1)


def test_a_few_small_samples_are_left_alone() -> None:
    program = prediction_program(kl.networks.lenet5().graph)
    assert arrange(program, 7, 1, TARGET).storage.block == 1
    assert isinstance(arrange(program, 14, 1, TARGET).storage, SampleBlocks)


def test_a_sample_for_every_thread_needs_no_barriers() -> None:
    arranged = arrange(prediction_program(vgg().graph), 4, 4, TARGET)
    assert (arranged.storage.block, arranged.storage.spread) == (1, False)
