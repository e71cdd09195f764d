"""The native executor against the reference executor, step by step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from kernelet import _engine
from kernelet.errors import ConfigurationError
from kernelet.executors import aligned
from kernelet.executors.base import Results, Run, State
from kernelet.executors.native import TARGET, NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.plan.storage import SampleBlocks, arrange
from kernelet.program import Program, ProgramBuilder
from levels import LEVELS
from programs import (
    CLASSES,
    batch,
    branched_network,
    convolution,
    dense,
    enlarging_network,
    new_state,
    plain_network,
    wide_network,
    with_training,
)

NETWORKS = pytest.mark.parametrize(
    "network",
    [
        plain_network,
        wide_network,
        branched_network,
        partial(enlarging_network, 20),
        partial(enlarging_network, 6, 8),
        partial(enlarging_network, 4, 6, 4),
    ],
    ids=["plain", "wide", "branched", "1-D", "2-D", "3-D"],
)


def run_of(program: Program, rows: int, batch_size: int) -> Run:
    steps = -(-rows // batch_size)
    order = np.random.default_rng(7).permutation(rows)
    rates = np.linspace(1e-3, 2e-3, steps, dtype=np.float32)
    return Run(batch(program, rows), order, learning_rates=rates, seed=3, epoch=1)


def trained(
    program: Program, rows: int, batch_size: int, isa: str | None = None, threads: int = 2
) -> tuple[State, Results]:
    state = new_state(program)
    executor = NativeExecutor(program, batch_size, state, isa=isa, threads=threads)
    return state, executor.run(run_of(program, rows, batch_size))


@NETWORKS
@LEVELS
@pytest.mark.parametrize(("rows", "batch_size"), [(37, 37), (64, 16), (70, 32)])
def test_training_steps_follow_the_reference(
    network: Callable[[], Program], isa: str, rows: int, batch_size: int
) -> None:
    program = network()
    state, results = trained(program, rows, batch_size, isa)
    expected_state = new_state(program, np.float64)
    reference = ReferenceExecutor(program, batch_size, expected_state)
    expected = reference.run(run_of(program, rows, batch_size))
    assert results.steps == expected.steps
    np.testing.assert_allclose(results.values["loss"], expected.values["loss"], rtol=1e-4)
    for parameter in program.parameters:
        want = expected_state.view(parameter)
        got = state.view(parameter)
        # Adam divides by the root of the squared gradient, so a gradient near zero may move a
        # weight either way by up to one learning rate.
        error = np.linalg.norm(got - want) / np.maximum(np.linalg.norm(want), 1e-6)
        assert error < (2e-3 if parameter.role == "slot" else 1e-3), parameter.name


@NETWORKS
@LEVELS
def test_any_number_of_threads_gives_the_same_bits(
    network: Callable[[], Program], isa: str
) -> None:
    program = network()
    digests = set()
    for threads in (1, 2, 3, 4, 8):
        state, results = trained(program, 200, 96, isa, threads)
        content = state.parameters.tobytes() + state.slots.tobytes()
        digests.add(hashlib.sha256(content + results.values["loss"].tobytes()).hexdigest())
    assert len(digests) == 1


@NETWORKS
@LEVELS
@pytest.mark.parametrize("rows", [5, 16, 48])
def test_threads_that_share_blocks_give_the_same_bits(
    network: Callable[[], Program], isa: str, rows: int
) -> None:
    program = network()
    digests = set()
    for spread, threads in ((False, 1), (True, 1), (True, 2), (True, 4)):
        state = new_state(program)
        storage = SampleBlocks(TARGET, spread=spread)
        executor = NativeExecutor(program, rows, state, isa=isa, threads=threads, storage=storage)
        executor.run(run_of(program, 3 * rows - 1, rows))
        digests.add(hashlib.sha256(state.parameters.tobytes() + state.slots.tobytes()).hexdigest())
    assert len(digests) == 1


def test_threads_share_blocks_where_some_would_have_none() -> None:
    build = ProgramBuilder()
    x = convolution(build, build.input("x", (32, 32, 16)), "conv", 10, 7)
    large, small = with_training(build, dense(build, x, "dense", CLASSES)), plain_network()

    def spread(program: Program, batch_size: int, threads: int) -> bool:
        return arrange(program, batch_size, threads, TARGET).storage.spread

    assert [spread(large, size, 2) for size in (1, 16, 48)] == [True] * 3
    assert [spread(large, size, 2) for size in (31, 32, 128)] == [False] * 3
    assert not spread(large, 16, 1)
    assert not spread(small, 16, 2)
    # What is too small to share is left to as many threads as there are blocks.
    assert [arrange(small, size, 4, TARGET).threads for size in (16, 48, 128)] == [1, 3, 4]


@NETWORKS
def test_an_epoch_in_pieces_gives_the_same_bits(network: Callable[[], Program]) -> None:
    program = network()
    whole, _ = trained(program, 96, 16)
    state = new_state(program)
    executor = NativeExecutor(program, 16, state)
    run = run_of(program, 96, 16)
    assert run.learning_rates is not None
    for begin in (0, 32, 80):
        end = {0: 32, 32: 80, 80: 96}[begin]
        piece = Run(
            run.inputs,
            run.order[begin:end],
            learning_rates=run.learning_rates[begin // 16 :],
            first_step=begin // 16,
            seed=run.seed,
            epoch=run.epoch,
        )
        executor.run(piece)
    np.testing.assert_array_equal(state.parameters, whole.parameters)


def test_a_loss_that_is_not_finite_stops_before_the_update() -> None:
    program = plain_network()
    state = new_state(program)
    before = state.parameters.copy()
    inputs = batch(program, 32)
    inputs["weight"][20] = np.nan
    results = NativeExecutor(program, 16, state).run(
        Run(inputs, np.arange(32), learning_rates=np.ones(2, np.float32))
    )
    assert results.steps == 1
    middle = state.parameters.copy()
    assert np.any(middle != before)
    results = NativeExecutor(program, 16, state).run(
        Run(inputs, np.arange(16, 32), learning_rates=np.ones(1, np.float32))
    )
    assert results.steps == 0
    np.testing.assert_array_equal(state.parameters, middle)


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="avx1024"):
        NativeExecutor(plain_network(), 16, new_state(plain_network()), isa="avx1024")


def test_python_and_the_engine_align_alike() -> None:
    assert aligned.ALIGNMENT == _engine.ALIGNMENT
