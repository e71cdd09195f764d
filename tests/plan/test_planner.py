"""What the planner makes of whole training steps."""

from __future__ import annotations

import pytest

from kernelet.executors.native import TARGET
from kernelet.networks import lenet5
from kernelet.plan.candidate import LANES
from kernelet.plan.instruction import Instruction, Space
from kernelet.plan.planner import Plan, make_plan
from kernelet.plan.schedule import PhaseKind
from kernelet.plan.single import SingleSamples
from kernelet.program import Program, ProgramBuilder
from kernelet.training.programs import prediction_program
from programs import (
    branched_network,
    convolution,
    dense,
    new_state,
    plain_network,
    wide_network,
)


def planned(program: Program, batch_size: int = 64, threads: int = 1) -> Plan:
    return make_plan(program, batch_size, new_state(program).offsets, TARGET, threads=threads)


def kernels(plan: Plan, kind: PhaseKind) -> list[list[str]]:
    return [[i.kernel for i in p.instructions] for p in plan.phases if p.kind is kind]


def test_candidates_count_the_lanes_that_the_engine_has() -> None:
    assert TARGET.lanes == LANES


def test_a_network_without_coupled_samples_is_one_pass_over_its_blocks() -> None:
    plan = planned(plain_network())
    (blocks,) = kernels(plan, PhaseKind.BLOCKS)
    assert blocks[:3] == ["pack_samples"] * 3
    assert "rescale" not in blocks  # done while packing
    assert "bias_add" not in blocks  # done by the convolution and dense kernels
    assert blocks.count("convolution") == 2
    assert blocks.count("convolution_input_gradient") == 1  # nobody wants the first one
    assert len([name for name in blocks if name.startswith("convolution_filter_gradient")]) == 2


def test_updates_of_flat_weights_are_one_instruction() -> None:
    plan = planned(plain_network())
    ranges = [name for phase in kernels(plan, PhaseKind.RANGE) for name in phase]
    assert ranges.count("adam_update") == 1
    weights = sum(p.value.size for p in plan.program.parameters if p.role == "weight")
    update = next(i for p in plan.phases for i in p.instructions if i.kernel == "adam_update")
    assert weights <= update.count < weights + 16 * 8


def test_a_loss_is_checked_before_any_weight_changes() -> None:
    plan = planned(plain_network())
    order = [i.kernel for phase in plan.phases for i in phase.instructions]
    assert order.index("require_finite") < order.index("adam_update")
    phases = [{i.kernel for i in phase.instructions} for phase in plan.phases]
    assert not any({"require_finite", "adam_update"} <= phase for phase in phases)


def test_batch_statistics_split_the_pass() -> None:
    plan = planned(branched_network())
    blocks = kernels(plan, PhaseKind.BLOCKS)
    # Each normalisation waits for a mean and a variance forward and two sums backward.
    assert len(blocks) == 7
    assert plan.batch > 0


def test_filters_are_packed_once_a_run_where_they_do_not_change() -> None:
    assert not any(phase.once for phase in planned(plain_network()).phases)
    build = ProgramBuilder()
    build.outputs["maps"] = convolution(build, build.input("x", (6, 6, 1)), "conv", 4, 3)
    (packing,) = [phase for phase in planned(build.finish()).phases if phase.once]
    assert [i.kernel for i in packing.instructions] == ["pack_filters"]


def sliced(plan: Plan) -> list[Instruction]:
    kinds = (PhaseKind.SLICES, PhaseKind.TASKS)
    batched = [i for p in plan.phases if p.kind in kinds for i in p.instructions]
    return [i for i in batched if i.slices > 1 and i.steps[0].batched]


def test_threads_share_slices_of_large_sums_over_the_batch() -> None:
    plan = planned(wide_network(), threads=2)
    sums = [i for i in sliced(plan) if i.steps[0].reduces]
    assert sorted(i.steps[0].outputs[0].shape for i in sums) == [(168, 300), (300, 130)]
    assert {i.kernel for i in sums} == {"outer_product_sum_batch"}
    assert all(1 < i.slices <= i.count for i in sums)
    assert plan.partial < 130 * 300  # no group has a copy of them
    # What one block adds up is whole without any copy.
    assert not sliced(planned(wide_network(), 16))
    assert not sliced(planned(plain_network()))


def test_many_weights_are_read_once_for_all_blocks() -> None:
    build = ProgramBuilder()
    build.outputs["y"] = dense(build, build.input("x", (500,)), "dense", 600)
    program = build.finish()
    (product,) = sliced(planned(program))
    assert product.kernel == "dense"
    assert 1 < product.slices <= product.count
    assert not sliced(planned(program, 16))


def test_packing_large_filters_is_shared() -> None:
    plan = planned(wide_network())
    packing = [i for p in plan.phases for i in p.instructions if i.kernel == "pack_filters"]
    assert sorted(i.slices for i in packing) == [1, 1, 3, 3, 4]


def test_groups_depend_on_the_batch_alone() -> None:
    program = plain_network()
    assert [planned(program, n).groups for n in (1, 16, 17, 128, 4096)] == [1, 1, 2, 8, 16]


def test_operands_stay_inside_their_arenas() -> None:
    for program in (plain_network(), branched_network()):
        plan = planned(program)
        state = new_state(program)
        sizes = {
            Space.SCRATCH: plan.scratch,
            Space.BATCH: plan.batch,
            Space.SHARED: plan.shared,
            Space.PARTIAL: plan.partial,
            Space.PARAMETERS: state.parameters.size,
            Space.SLOTS: state.slots.size,
            Space.CONSTANTS: len(plan.constants),
            Space.NONE: 1,
        }
        for phase in plan.phases:
            for instruction in phase.instructions:
                for operand in instruction.operands:
                    assert 0 <= operand.offset < sizes[operand.space]


@pytest.mark.parametrize("training", [False, True])
def test_threads_that_share_a_sample_meet_behind_every_step_with_pieces(training: bool) -> None:
    program = plain_network() if training else prediction_program(lenet5().graph)
    storage = SingleSamples(program, TARGET.lanes, spread=True)
    plan = make_plan(program, 1, new_state(program).offsets, TARGET, storage, 2)
    whole = [step for phase in kernels(plan, PhaseKind.BLOCKS) for step in phase]
    pieces = kernels(plan, PhaseKind.PIECES)
    assert all(len(phase) == 1 for phase in pieces)
    if training:  # a thread would take all samples of a group
        assert whole == []
    else:
        assert whole == ["dense_single", "softmax_single", "unpack_single"]
        assert len(kernels(plan, PhaseKind.BLOCKS)) == 1
        assert ["max_pool_single"] in pieces
