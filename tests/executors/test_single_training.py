"""Training steps on samples stored one by one: close to float64, the same bits on all threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import kernelet as kl
from kernelet.executors.base import Results, Run, State
from kernelet.executors.native import TARGET, NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.plan.planner import make_plan
from kernelet.plan.single import SingleSamples
from kernelet.program import Program
from kernelet.training.losses import CategoricalCrossentropy, MeanSquaredError
from kernelet.training.metrics import CategoricalAccuracy, MeanAbsoluteError
from kernelet.training.optimizers import SGD, Adam
from kernelet.training.programs import Objective, evaluation_program, training_program
from levels import LEVELS
from programs import branched_network, enlarging_network, new_state, plain_network


def everything() -> Program:
    """Augmentation, branches, groups, statistics, dropout, and reshapes that move padding."""
    x = kl.Input((9, 8, 3))
    moved = kl.RandomTranslation(0.2, 0.3, fill_mode="constant")(kl.RandomFlip()(x))
    wide = kl.BatchNormalization()(kl.Conv2D(18, 3, padding="same", use_bias=False)(moved))
    wide = kl.Dropout(0.3)(kl.Activation("silu")(wide))
    narrow = kl.Conv2D(6, 3, groups=3, padding="same", activation="tanh")(wide)
    joined = kl.Concatenate()([wide, kl.AveragePooling2D(3, strides=1, padding="same")(narrow)])
    cells = kl.Softmax()(kl.Reshape((9, 16, 12))(joined))
    pooled = kl.MaxPooling2D(3, strides=2)(cells)
    dense = kl.Dense(33, activation="leaky_relu")(kl.Flatten()(pooled))
    model = kl.Model(x, kl.Dense(5, activation="softmax")(dense))
    objective = Objective(CategoricalCrossentropy(), (CategoricalAccuracy(),))
    return training_program(model.graph, objective, SGD(0.1, momentum=0.9))


def pictures_of_pictures() -> Program:
    """A picture for every picture, with a number for each of its cells to be measured by."""
    model = kl.Sequential(
        [
            kl.Input((6, 5, 3)),
            kl.Conv2D(8, 3, padding="same", activation="relu"),
            kl.Conv2DTranspose(3, 3, strides=1, padding="same"),
        ]
    )
    objective = Objective(MeanSquaredError(), (MeanAbsoluteError(),))
    return training_program(model.graph, objective, Adam(0.01))


def many_weights() -> Program:
    """Dense layers whose weights all samples of a batch meet at once."""
    model = kl.Sequential(
        [
            kl.Input((9, 8, 3)),
            kl.Conv2D(10, 3, padding="same", activation="relu"),
            kl.Flatten(),
            kl.Dense(300, activation="tanh"),
            kl.Dense(500, use_bias=False),
            kl.BatchNormalization(),
            kl.Dense(5, activation="softmax"),
        ]
    )
    objective = Objective(CategoricalCrossentropy(), (CategoricalAccuracy(),))
    return training_program(model.graph, objective, Adam(0.01))


def few_groups() -> Program:
    """So many sums that seven samples keep theirs apart in four groups only."""
    model = kl.Sequential(
        [
            kl.Input((9, 8, 3)),
            kl.Conv2D(20, 3, padding="same", activation="relu"),
            kl.Flatten(),
            kl.Dense(70, activation="tanh"),
            kl.Dense(1400, activation="tanh"),
            kl.Dense(5, activation="softmax"),
        ]
    )
    objective = Objective(CategoricalCrossentropy(), (CategoricalAccuracy(),))
    return training_program(model.graph, objective, SGD(0.1))


NETWORKS = pytest.mark.parametrize(
    "network",
    [
        plain_network,
        branched_network,
        partial(enlarging_network, 20),
        partial(enlarging_network, 6, 8),
        partial(enlarging_network, 4, 6, 4),
        everything,
        pictures_of_pictures,
        many_weights,
        few_groups,
    ],
    ids=["plain", "branched", "1-D", "2-D", "3-D", "everything", "pictures", "weights", "groups"],
)


def run_of(program: Program, rows: int, batch_size: int) -> Run:
    generator = np.random.default_rng(6)
    inputs: dict[str, np.ndarray] = {}
    for name, value in program.inputs.items():
        if name == "y" and not value.shape:
            inputs[name] = generator.integers(0, 3, rows, np.int32)
        elif name == "weight":
            inputs[name] = generator.uniform(0.5, 1.5, rows).astype(np.float32)
        else:
            numbers = generator.uniform(0.1, 1, (rows, *value.shape)).astype(np.float32)
            inputs[name] = numbers / numbers.sum(-1, keepdims=True)
    rates = np.linspace(1e-3, 2e-3, -(-rows // batch_size), dtype=np.float32)
    order = generator.permutation(rows)
    return Run(inputs, order, learning_rates=rates, seed=3, epoch=1)


def trained(
    program: Program, rows: int, batch_size: int, isa: str, threads: int, spread: bool
) -> tuple[State, Results]:
    state = new_state(program)
    storage = SingleSamples(
        program, TARGET.lanes, spread=spread, batch_size=batch_size, threads=threads
    )
    executor = NativeExecutor(program, batch_size, state, isa=isa, threads=threads, storage=storage)
    return state, executor.run(run_of(program, rows, batch_size))


@NETWORKS
@LEVELS
@pytest.mark.parametrize(("rows", "batch_size"), [(2, 1), (8, 3), (17, 7)])
def test_steps_follow_the_reference_with_the_same_bits_on_all_threads(
    network: Callable[[], Program], isa: str, rows: int, batch_size: int
) -> None:
    program = network()
    exact = new_state(program, np.float64)
    expected = ReferenceExecutor(program, batch_size, exact).run(run_of(program, rows, batch_size))
    state, results = trained(program, rows, batch_size, isa, 1, spread=False)
    for name, wanted in expected.values.items():
        np.testing.assert_allclose(results.values[name], wanted, rtol=1e-3, err_msg=name)
    for parameter in program.parameters:
        got, want = state.view(parameter), exact.view(parameter)
        error = np.linalg.norm(got - want) / np.maximum(np.linalg.norm(want), 1e-6)
        assert error < 2e-3, parameter.name
    for threads, spread in ((3, False), (1, True), (2, True), (4, True)):
        other, others = trained(program, rows, batch_size, isa, threads, spread)
        np.testing.assert_array_equal(other.parameters, state.parameters)
        np.testing.assert_array_equal(other.slots, state.slots)
        for name, wanted in results.values.items():
            np.testing.assert_array_equal(others.values[name], wanted)


def test_sums_of_few_groups_hold_several_samples() -> None:
    program = few_groups()
    storage = SingleSamples(program, TARGET.lanes, spread=False, batch_size=7)
    assert make_plan(program, 7, new_state(program).offsets, TARGET, storage).groups == 4


def test_many_weights_meet_all_samples_at_once() -> None:
    program = many_weights()

    def kernels(batch_size: int) -> list[str]:
        storage = SingleSamples(program, TARGET.lanes, spread=False, batch_size=batch_size)
        plan = make_plan(program, batch_size, new_state(program).offsets, TARGET, storage)
        names = [i.kernel for phase in plan.phases for i in phase.instructions]
        return sorted(name for name in names if name.endswith("single_batch"))

    each = ["dense_input_gradient_single_batch", "dense_single_batch", "outer_product_single_batch"]
    assert kernels(7) == sorted(2 * each)
    assert not kernels(1)


@LEVELS
def test_evaluation_is_that_of_the_reference(isa: str) -> None:
    model = kl.networks.lenet5()
    objective = Objective(CategoricalCrossentropy(), (CategoricalAccuracy(),))
    program = evaluation_program(model.graph, objective)
    run = run_of(program, 11, 4)
    expected = ReferenceExecutor(program, 4, new_state(program, np.float64)).run(run)
    for threads, spread in ((1, False), (3, True)):
        storage = SingleSamples(program, TARGET.lanes, spread=spread)
        state = new_state(program)
        executor = NativeExecutor(program, 4, state, isa=isa, threads=threads, storage=storage)
        results = executor.run(run)
        for name, wanted in expected.values.items():
            np.testing.assert_allclose(results.values[name], wanted, rtol=1e-5, err_msg=name)
