"""Which storage suits a batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest

import kernelet as kl
from kernelet.executors.native import bfloat16
from kernelet.model import Model
from kernelet.ops.dense import MatrixProduct
from kernelet.plan.candidate import Target
from kernelet.plan.division import groups
from kernelet.plan.single import SingleSamples
from kernelet.plan.storage import SampleBlocks, arrange
from kernelet.program import Program, ProgramBuilder
from kernelet.training.programs import prediction_program
from programs import CLASSES, branched_network, convolution, dense, plain_network, with_training

TARGET = Target(lanes=16, alignment=16, pieces=defaultdict(lambda: 48))


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


def test_threads_share_a_block_whose_channels_leave_lanes_of_single_samples_idle() -> None:
    model = kl.Sequential(
        [kl.Input((160, 160, 1)), kl.Conv2D(1, 3), kl.Flatten(), kl.Dense(300)],
    )
    program = prediction_program(model.graph)
    arranged = arrange(program, 16, 2, TARGET)
    assert (arranged.storage.block, arranged.storage.spread, arranged.threads) == (16, True, 2)
    assert not arrange(program, 16, 1, TARGET).storage.spread


def test_a_sample_for_every_thread_needs_no_barriers() -> None:
    arranged = arrange(prediction_program(vgg().graph), 4, 4, TARGET)
    assert (arranged.storage.block, arranged.storage.spread) == (1, False)


@pytest.mark.parametrize("network", [plain_network, branched_network])
def test_the_storage_of_a_training_step_does_not_depend_on_threads(
    network: Callable[[], Program],
) -> None:
    program = network()
    for batch_size in (1, 3, 7, 12, 16, 40):
        blocks = {arrange(program, batch_size, n, TARGET).storage.block for n in (1, 2, 3, 8, 64)}
        assert len(blocks) == 1


def test_few_samples_train_alone_where_channels_fill_the_lanes() -> None:
    build = ProgramBuilder()
    x = convolution(build, build.input("x", (16, 16, 16)), "wide", 32, 3)
    wide = with_training(build, dense(build, x, "dense", CLASSES))
    assert [arrange(wide, size, 2, TARGET).storage.block for size in (1, 3, 5)] == [1] * 3
    assert arrange(wide, 48, 2, TARGET).storage.block == TARGET.lanes


def test_many_samples_train_in_blocks() -> None:
    assert isinstance(arrange(plain_network(), 64, 2, TARGET).storage, SampleBlocks)


def test_single_samples_sum_apart_only_where_the_sums_are_small() -> None:
    assert groups(7, 1, 1000) == 7
    assert groups(7, 1, 200_000) == 4
    assert groups(7, 1, 1_000_000) == 1
    assert groups(7 * 16, 16, 1_000_000) == 7
    assert groups(7, 1, 0) == 7


@pytest.mark.parametrize("isa", ["avx512_bf16", "amx"])
def test_weights_that_never_change_are_rounded_once(isa: str) -> None:
    build = ProgramBuilder()
    build.outputs["y"] = dense(build, build.input("x", (50_000,)), "dense", 100)
    (node,) = (n for n in build.finish().nodes if isinstance(n.op, MatrixProduct))

    def packed(*, lasting: bool) -> list[str]:
        pairs = bfloat16("bfloat16", isa)
        candidate = SampleBlocks(TARGET, pairs, lasting=lasting).candidate(node)
        assert candidate.kernel == "dense_bfloat16"
        assert candidate.packings is not None
        return [packing.kernel for packing in candidate.packings(node)]

    assert packed(lasting=False) == ["pack_inputs_bfloat16"]
    assert packed(lasting=True) == ["pack_inputs_bfloat16", "pack_filters_bfloat16"]


def test_groups_are_a_power_of_two_where_they_have_several_blocks() -> None:
    assert groups(100, 1, 170_000) == 4
    assert groups(100, 1, 10) == 16
    assert groups(33 * 16, 16, 12_000_000) == 4


def test_threads_share_a_block_of_signals_of_one_row() -> None:
    model = kl.Sequential([kl.Input((1000, 16)), kl.Conv1D(100, 5), kl.Conv1D(100, 5)])
    program = prediction_program(model.graph)
    storage = SampleBlocks(TARGET)
    shared = [storage.candidate(n).pieces(n, TARGET) for n in program.nodes if n.cost.multiply_adds]
    assert shared == [21, 21]  # 996 and 992 cells, 48 of them a piece


def test_filters_that_last_are_transformed_in_all_predictions_where_batches_gain() -> None:
    model = kl.Sequential([kl.Input((7, 7, 192)), kl.Conv2D(192, 3, padding="same")])
    program = prediction_program(model.graph)
    (node,) = (n for n in program.nodes if n.cost.multiply_adds)
    predicted = {
        size: arrange(program, size, 2, TARGET).storage.candidate(node).kernel for size in (1, 64)
    }
    assert predicted == {1: "winograd_single", 64: "winograd_convolution"}
    passing = SingleSamples(program, TARGET.lanes, spread=False)
    assert passing.candidate(node).kernel == "convolution_single"
