"""What a plan says of its steps: work, bytes, places, predicted times."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kernelet as kl
from kernelet import _engine
from kernelet.executors.native import TARGET, planned
from kernelet.geometry import sliding_window
from kernelet.ops.convolution import taps
from kernelet.plan.accounts import _REACHED, ACCOUNTS, connected, reached
from kernelet.plan.candidates_convolution import window_arguments
from kernelet.plan.description import (
    FORWARD,
    GRADIENTS,
    PARTS,
    UPDATE,
    PlanDescription,
    StepDescription,
)
from kernelet.plan.description_text import shortened_name
from kernelet.plan.planner import make_plan
from kernelet.plan.rates import Level, Rates, built_in_rates
from kernelet.plan.single import SingleSamples
from kernelet.program import Program, ProgramBuilder
from programs import branched_network, convolution, new_state, plain_network


def described(program: Program, batch_size: int = 64, threads: int = 2) -> PlanDescription:
    return planned(program, batch_size, new_state(program).offsets, threads).describe()


def one_convolution(kernel: int = 3) -> Program:
    return one_convolution_of(5, (8, 6, 2), kernel)


def one_convolution_of(filters: int, shape: tuple[int, ...], kernel: int = 3) -> Program:
    build = ProgramBuilder()
    build.outputs["maps"] = convolution(build, build.input("x", shape), "c", filters, kernel)
    return build.finish()


def test_every_kernel_has_an_account() -> None:
    assert set(ACCOUNTS) == set(_engine.kernel_names())


def test_every_account_counts_by_numbers_with_a_rate() -> None:
    known = built_in_rates(1).multiply_adds
    assert {account.numbers for account in ACCOUNTS.values()} <= set(known)


def test_kernels_reach_a_share_of_their_limit() -> None:
    assert set(_REACHED) <= set(ACCOUNTS)
    assert all(0 < reached(kernel) <= 1 for kernel in ACCOUNTS)


WINDOWS = st.tuples(
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from(["valid", "same", "full"]),
    st.integers(1, 3),
    st.integers(1, 2),
).filter(lambda w: w[2] != "valid" or w[4] * (w[1] - 1) < w[0])


@given(st.lists(WINDOWS, min_size=1, max_size=3))
def test_connected_cells_are_those_that_the_definition_visits(
    axes: list[tuple[int, int, str, int, int]],
) -> None:
    mode = axes[0][2]
    lengths, kernels, _, strides, dilations = (list(column) for column in zip(*axes, strict=True))
    if mode == "valid" and any(
        d * (k - 1) >= n for n, k, d in zip(lengths, kernels, dilations, strict=True)
    ):
        return
    window = sliding_window(lengths, kernels, mode, strides, dilations)
    arguments = {
        **window_arguments(window),
        **{
            f"dilation_{axis}": one.dilation
            for axis, one in zip(("depth", "height", "width"), window.volume, strict=True)
        },
    }
    visited = sum(
        math.prod(len(range(s.start, s.stop)) for s in tap.target) for tap in taps(window)
    )
    assert connected(arguments) == visited


@pytest.mark.parametrize("network", [plain_network, branched_network])
def test_multiply_adds_are_those_of_the_program(network: Callable[[], Program]) -> None:
    program = network()
    plan = described(program, 48)
    batched = {v for node in program.nodes for v in (*node.inputs, *node.outputs) if v.batched}
    expected = sum(
        node.cost.multiply_adds * (48 if batched.intersection((*node.inputs, *node.outputs)) else 1)
        for node in program.nodes
    )
    assert sum(step.multiply_adds for step in plan.steps) == expected
    assert plan.multiply_adds == expected  # what trains packs nothing once a run


def test_kernels_multiply_for_idle_lanes_but_not_beyond_the_border() -> None:
    whole, _ = (described(one_convolution(), n, 1) for n in (64, 48))
    (step,) = [s for s in whole.steps if s.kernel == "convolution"]
    # 3 taps on each axis, but 2 at either end: 3·8 − 2 and 3·6 − 2 of 3·8 and 3·6.
    assert step.multiply_adds == 64 * 8 * 6 * 9 * 2 * 5
    assert step.multiplications == 64 * 22 * 16 * 2 * 5
    program = one_convolution(kernel=1)
    state = new_state(program)
    plan = make_plan(program, 17, state.offsets, TARGET).describe()
    (step,) = [s for s in plan.steps if s.kernel == "convolution"]
    assert step.multiplications * 17 == step.multiply_adds * 32


def single_step(program: Program, kernel: str) -> tuple[PlanDescription, StepDescription]:
    storage = SingleSamples(program, TARGET.lanes, spread=False)
    plan = make_plan(program, 3, new_state(program).offsets, TARGET, storage).describe()
    (step,) = [s for s in plan.steps if s.kernel == kernel]
    return plan, step


def test_single_samples_multiply_for_the_lanes_of_missing_filters() -> None:
    plan, step = single_step(one_convolution_of(11, (8, 6, 2), kernel=1), "convolution_single")
    assert step.multiplications * 11 == step.multiply_adds * 16
    assert (plan.storage, plan.block, plan.blocks) == ("single samples", 1, 3)
    assert step.written == 3 * 8 * 6 * 16 * 4  # eleven maps in sixteen lanes


def test_few_maps_of_single_samples_lie_without_padding() -> None:
    _, step = single_step(one_convolution(), "convolution_single_cells")
    assert step.written == 3 * 8 * 6 * 5 * 4


def test_bytes_are_those_of_the_operands() -> None:
    program = one_convolution()
    plan = described(program, 32, 1)
    loading, step, storing = [s for s in plan.steps if not s.once]
    picture, maps = 4 * 32 * 8 * 6 * 2, 4 * 32 * 8 * 6 * 5
    filters, bias = 4 * 9 * 2 * 5, 4 * 5
    assert (loading.read, loading.written) == (picture, picture)
    assert loading.reads == ("outside",)
    assert step.read == picture + 2 * (filters + bias)  # both blocks read them
    assert step.written == maps
    assert (storing.read, storing.written, storing.writes) == (maps, maps, ("outside",))
    (packing,) = [s for s in plan.steps if s.once]
    assert (packing.read, packing.written) == (filters, filters)


def test_sums_over_the_batch_are_read_and_written() -> None:
    plan = described(plain_network(), 64)
    (step, *_) = [s for s in plan.steps if s.kernel.startswith("convolution_filter_gradient")]
    weights = 4 * math.prod(step.shape)
    assert step.written == 4 * weights  # four blocks
    assert "partial" in step.reads
    assert step.writes == ("partial",)
    sums = [s for s in plan.steps if s.kernel == "sum_partials"]
    trained = sum(p.value.size for p in plain_network().parameters if p.role == "weight")
    assert sum(s.written for s in sums) >= 4 * trained


def test_steps_fall_into_forward_gradients_and_update() -> None:
    plan = described(plain_network())
    parts: dict[str, list[str]] = {}
    for step in plan.steps:
        parts.setdefault(step.part, []).append(step.kernel)
    assert set(parts) == set(PARTS)
    assert {"convolution", "max_pool", "softmax_cross_entropy"} <= set(parts[FORWARD])
    assert "convolution_input_gradient" in parts[GRADIENTS]
    assert "sum_partials" in parts[GRADIENTS]
    assert "pack_filters" in parts[FORWARD]
    assert "pack_filters" in parts[GRADIENTS]  # transposed, for the gradient by the input
    assert set(parts[UPDATE]) == {"adam_update"}
    assert {step.part for step in described(one_convolution()).steps} == {FORWARD}


def test_averages_of_batch_statistics_belong_to_the_update() -> None:
    plan = described(branched_network())
    assert {s.part for s in plan.steps if s.kernel == "moving_average"} == {UPDATE}
    assert {s.part for s in plan.steps if s.kernel == "channel_mean"} == {FORWARD}


def test_fused_operations_are_named() -> None:
    plan = kl.networks.lenet5().plan(32, threads=1).describe()
    work = {step.layer: step.work for step in plan.steps if step.kernel in ("convolution", "dense")}
    assert work["conv1"] == "convolution + bias + relu"
    assert work["classes"] == "dense + bias"
    assert plan.steps[-1].work == "unpack_samples"


def test_predicted_times_follow_the_slower_of_arithmetic_and_memory() -> None:
    program = one_convolution()
    plan = planned(program, 32, new_state(program).offsets, 1)
    slow_memory = Rates(1, {"float32": 1e12}, (Level("memory", math.inf, 1e6),), 0.0, 0.0)
    slow_arithmetic = Rates(1, {"float32": 1e6}, (Level("memory", math.inf, 1e12),), 0.0, 0.0)
    for rates, limit in ((slow_memory, "memory"), (slow_arithmetic, "compute")):
        (step,) = [s for s in plan.describe(rates).steps if s.kernel == "convolution"]
        assert step.limit == limit
        assert step.bound == max(step.compute_bound, step.memory_bound)
        usual = step.bound / reached("convolution")
        assert usual <= step.predicted < usual * 1.01
    (step,) = [s for s in plan.describe(slow_memory).steps if s.kernel == "convolution"]
    assert step.memory_bound == pytest.approx((step.read + step.written) / 1e6)
    (step,) = [s for s in plan.describe(slow_arithmetic).steps if s.kernel == "convolution"]
    assert step.compute_bound == pytest.approx((step.multiplications + step.other) / 1e6)


def test_predictions_add_up_and_wait_where_threads_have_less_to_do() -> None:
    program = plain_network()
    plan = planned(program, 48, new_state(program).offsets, 2)
    together = plan.describe(built_in_rates(2))
    assert together.predicted == sum(s.predicted for s in together.steps) + together.waiting
    blocks = sum(s.predicted for s in together.steps if s.division == "blocks")
    # One of two threads takes two of three blocks.
    assert together.waiting > blocks / 3
    assert plan.describe(built_in_rates(1)).waiting == 0


def test_the_table_is_no_wider_than_a_hundred_columns() -> None:
    for name in kl.networks.NETWORKS:
        model = kl.networks.NETWORKS[name]()
        model.compile()
        text = str(model.plan(128, training=True, threads=2).describe())
        assert max(map(len, text.split("\n"))) <= 100
        assert "filter_gradi" in text
        assert "classes" in text


def test_a_plan_for_training_needs_a_compiled_model() -> None:
    with pytest.raises(kl.KerneletError, match="no optimizer and loss"):
        kl.networks.lenet5().plan(training=True)
    with pytest.raises(kl.KerneletError, match="batch_size must be an integer"):
        kl.networks.lenet5().plan(0)


def levels_of(network: Program, batch_size: int, sizes: tuple[float, float]) -> dict[str, float]:
    """Return the bytes a second at which each convolution moves, with two caches."""
    levels = (
        Level("L1", sizes[0], 8.0),
        Level("L2", sizes[1], 4.0),
        Level("memory", math.inf, 1.0),
    )
    rates = Rates(1, {"float32": 1e30}, levels, 0.0, 0.0)
    plan = planned(network, batch_size, new_state(network).offsets, 1).describe(rates)
    return {s.kernel: (s.read + s.written) / s.memory_bound for s in plan.steps if s.memory_bound}


def test_what_was_used_a_moment_ago_comes_from_the_nearest_cache() -> None:
    program = one_convolution()
    picture, maps = 4 * 16 * 8 * 6 * 2, 4 * 16 * 8 * 6 * 5
    everything = levels_of(program, 64, (1e9, 1e9))
    assert everything["convolution"] == 8.0
    # A block's picture was written by the kernel before, the place of its maps is as near as all of
    # the scratch memory, and its filters served the block before.
    near = levels_of(program, 64, (2 * picture, 1.1 * (picture + maps)))
    weights = 4 * (9 * 2 * 5 + 5)
    expected = (picture + maps + weights) / (picture / 8.0 + maps / 4.0 + weights / 1.0)
    assert near["convolution"] == pytest.approx(expected)
    nothing = levels_of(program, 64, (1.0, 2.0))
    assert nothing["convolution"] == 1.0
    # What comes from outside and goes there does not fit any cache.
    assert 1.0 < everything["pack_samples"] < 8.0


def test_names_keep_their_numbers_where_they_are_cut() -> None:
    assert shortened_name("batch_normalization_12", 13) == "batch_nor…_12"
    assert shortened_name("conv1", 13) == "conv1"


def test_pairs_of_bfloat16_count_their_missing_partners() -> None:
    model = kl.networks.small_vgg()
    model.compile()
    plan = model.plan(32, training=True, precision="bfloat16", threads=1).describe()
    paired = [step for step in plan.steps if step.kernel.endswith("_bfloat16")]
    products = [step for step in paired if step.multiply_adds]
    assert {step.kernel for step in products} == {
        "convolution_bfloat16",
        "convolution_filter_gradient_bfloat16",
    }
    for step in products:
        # Taps beyond the border are left out, odd channels and cells get a zero for a partner.
        assert 0.8 < step.multiplications / step.multiply_adds < 1.4
    rates = built_in_rates(1).multiply_adds
    assert rates["bfloat16"] > rates["float32"]
    for step in products:
        seconds = step.multiplications / rates["bfloat16"] + step.other / rates["float32"]
        assert step.compute_bound == pytest.approx(seconds)


def test_winograds_algorithm_multiplies_less_and_transforms() -> None:
    program = one_convolution_of(32, (16, 16, 32))
    plan = described(program, 32, 1)
    (step,) = [s for s in plan.steps if s.kernel == "winograd_convolution"]
    tiles = 4 * 4  # of 4×4 cells each
    assert step.multiplications == 32 * tiles * 36 * 32 * 32
    assert step.multiply_adds == 32 * 16 * 16 * 9 * 32 * 32
    usual = 2 * step.written // 4  # bias and activation
    assert step.other == 32 * tiles * (144 + 120) * 32 + usual


def test_what_a_convolution_in_bfloat16_does_besides_is_named_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Without tiles, float32 multiplies less by Winograd's algorithm.
    monkeypatch.setenv("KERNELET_ISA", "amx_emulated")
    layers = [
        kl.layers.Conv2D(32, 3, padding="same", activation="relu"),
        kl.layers.Conv2D(32, 3, padding="same", activation="relu"),
        kl.layers.MaxPooling2D(),
        kl.layers.Flatten(),
        kl.layers.Dense(10, activation="softmax"),
    ]
    model = kl.Sequential([kl.Input((32, 32, 3)), *layers])
    model.compile(loss="sparse_categorical_crossentropy")
    plan = model.plan(32, training=True, precision="bfloat16", threads=1).describe()
    paired = [step for step in plan.steps if step.kernel.endswith("_bfloat16")]
    works = {step.work for step in paired}
    assert "convolution_bfloat16 + bias + relu + max pool" in works
    assert any(work.endswith("+ max pool gradient + activate gradient") for work in works)
    assert any("filter_gradient" in work and "channel sum" in work for work in works)
    assert not {"max_pool", "max_pool_gradient", "max_unpool"} & {s.kernel for s in plan.steps}
    (pooling, *_) = [step for step in paired if step.work.endswith("max pool")]
    pooled = 32 * math.prod(pooling.shape)
    # Dense layers read it rounded; a byte for each maximum.
    assert pooling.written == 2 * pooled + pooled
