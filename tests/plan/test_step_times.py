"""What steps are predicted to take in a storage."""

from __future__ import annotations

import pytest

import kernelet as kl
from kernelet.executors.native import TARGET
from kernelet.plan.single import SingleSamples
from kernelet.plan.step_times import StepTimes
from kernelet.plan.storage import SampleBlocks, arrange
from kernelet.program import Program
from kernelet.training.programs import prediction_program
from programs import branched_network, plain_network


def prediction(shape: tuple[int, ...], *layers: kl.layers.Layer) -> Program:
    return prediction_program(kl.Sequential([kl.Input(shape), *layers]).graph)


def in_blocks(program: Program, batch_size: int, *, training: bool) -> StepTimes:
    return StepTimes(program, SampleBlocks(TARGET), TARGET, batch_size, training=training)


def seconds_of(times: StepTimes, kernel: str) -> float:
    (seconds,) = [one.seconds for one in times.steps if one.step.kernel == kernel]
    return seconds


def test_blocks_cost_alike_and_threads_take_whole_ones() -> None:
    program = prediction((8, 8, 3), kl.Conv2D(16, 3), kl.Flatten(), kl.Dense(5))
    one, three = (in_blocks(program, size, training=False) for size in (16, 48))
    assert three.seconds == pytest.approx(3 * one.seconds)
    assert three.shared_by(2) == pytest.approx(2 * one.seconds)


def test_samples_that_meet_weights_together_read_them_once() -> None:
    program = prediction((2000,), kl.Dense(500))
    together, apart = (
        StepTimes(
            program,
            SingleSamples(program, TARGET.lanes, spread=False, batch_size=size),
            TARGET,
            8,
            training=False,
        )
        for size in (8, 1)
    )
    read_once = seconds_of(together, "dense_single_batch")
    assert read_once < seconds_of(apart, "dense_single") / 2


def test_samples_that_wait_for_statistics_find_nothing_in_the_cache() -> None:
    plain, normalized = (
        [in_blocks(network(), 16 * n, training=True).seconds for n in (1, 2000)]
        for network in (plain_network, branched_network)
    )
    assert plain[1] == pytest.approx(2000 * plain[0])
    assert normalized[1] > 2100 * normalized[0]


def test_few_large_pictures_with_few_channels_go_one_by_one() -> None:
    program = prediction(
        (320, 320, 1),
        kl.Conv2D(11, 3, strides=2, activation="relu"),
        kl.Conv2D(9, 1, strides=2, activation="relu"),
        kl.GlobalAveragePooling2D(),
    )
    assert arrange(program, 10, 2, TARGET).storage.block == 1
