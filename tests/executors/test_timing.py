"""Timed runs: the same results, and times that add up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelet import _engine
from kernelet.executors.base import Run
from kernelet.executors.native import NativeExecutor
from kernelet.plan.single import SingleSamples
from kernelet.program import Program, ProgramBuilder
from programs import batch, branched_network, convolution, new_state, plain_network


def run_of(program: Program, rows: int, batch_size: int) -> Run:
    rates = np.full(-(-rows // batch_size), 1e-3, np.float32)
    return Run(batch(program, rows), np.arange(rows), learning_rates=rates)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("network", [plain_network, branched_network])
def test_a_timed_run_gives_the_same_bits(network: Callable[[], Program], threads: int) -> None:
    program = network()
    run = run_of(program, 100, 40)
    plain, timed = new_state(program), new_state(program)
    NativeExecutor(program, 40, plain, threads=threads).run(run)
    timing = NativeExecutor(program, 40, timed, threads=threads).timed(run)
    assert timing.steps == 3
    assert np.array_equal(plain.parameters, timed.parameters)
    assert np.array_equal(plain.slots, timed.slots)


@pytest.mark.parametrize("threads", [1, 2])
def test_every_instruction_takes_time_and_no_thread_more_than_there_is(threads: int) -> None:
    program = plain_network()
    executor = NativeExecutor(program, 64, new_state(program), threads=threads)
    timing = executor.timed(run_of(program, 640, 64))
    instructions = sum(len(phase.instructions) for phase in executor.plan.phases)
    assert timing.instructions.shape == (threads, instructions)
    assert timing.waiting.shape == (threads, len(executor.plan.phases))
    assert (timing.instructions.sum(axis=0) > 0).all()
    inside = timing.instructions.sum(axis=1) + timing.waiting.sum(axis=1)
    assert (inside <= timing.elapsed).all()
    assert timing.outside == pytest.approx(timing.elapsed - inside.mean())


def test_pieces_of_single_samples_are_timed() -> None:
    build = ProgramBuilder()
    build.outputs["maps"] = convolution(build, build.input("x", (12, 12, 3)), "conv", 20, 3)
    program = build.finish()
    storage = SingleSamples(program, _engine.LANES, spread=True)
    executor = NativeExecutor(program, 2, new_state(program), threads=2, storage=storage)
    outputs = {"maps": np.empty((2, 12, 12, 20), np.float32)}
    timing = executor.timed(Run(batch(program, 2), np.arange(2), outputs))
    assert (timing.instructions.sum(axis=0) > 0).all()


def test_times_of_another_shape_are_refused() -> None:
    program = plain_network()
    executor = NativeExecutor(program, 32, new_state(program), threads=2)
    run = run_of(program, 32, 32)
    entries = executor._engine.time_count
    for shape in ((1, entries), (2, entries - 1)):
        with pytest.raises(ValueError, match="a row a thread"):
            executor._run(run, np.zeros(shape, np.int64))
