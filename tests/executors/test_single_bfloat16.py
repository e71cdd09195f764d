"""Whole networks in bfloat16, samples one by one: the same bits however threads share the work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import replace

import kernelet as kl
from executors.test_single_samples import NETWORKS, predicted, with_random_weights
from kernelet.executors.base import Run
from kernelet.executors.native import TARGET, bfloat16, planned
from kernelet.executors.reference import ReferenceExecutor
from kernelet.model import Model
from kernelet.plan.single import SingleSamples
from kernelet.program import Program
from kernelet.training.programs import prediction_program
from levels import BFLOAT16_LEVELS

KERNELS = {"convolution_single_bfloat16", "dense_single_bfloat16"}


def stored(
    program: Program, isa: str, samples: int, threads: int, *, spread: bool
) -> SingleSamples:
    """Return the storage that multiplies in bfloat16 wherever there is a kernel for it."""
    way = bfloat16("bfloat16", isa)
    assert way is not None
    everywhere = replace(way, everywhere=True)
    return SingleSamples(
        program,
        TARGET.lanes,
        spread=spread,
        batch_size=samples,
        threads=threads,
        bfloat16=everywhere,
    )


@NETWORKS
@BFLOAT16_LEVELS
def test_bits_do_not_depend_on_threads(network: Callable[[], Model], isa: str) -> None:
    model = with_random_weights(network())
    program = prediction_program(model.graph)
    x = np.random.default_rng(1).random((3, *model.inputs[0].sample_shape), np.float32)
    wanted = predicted(program, model, x, stored(program, isa, 3, 1, spread=False), isa, 1)
    for spread in (False, True):
        for threads in (2, 4):
            storage = stored(program, isa, 3, threads, spread=spread)
            got = predicted(program, model, x, storage, isa, threads)
            for have, want in zip(got, wanted, strict=True):
                np.testing.assert_array_equal(have, want)


@NETWORKS
@BFLOAT16_LEVELS
def test_predictions_are_near_those_in_float64(network: Callable[[], Model], isa: str) -> None:
    model = with_random_weights(network())
    program = prediction_program(model.graph)
    x = np.random.default_rng(0).random((2, *model.inputs[0].sample_shape), np.float32)
    exact = {
        name: np.zeros((2, *value.shape), np.float32) for name, value in program.outputs.items()
    }
    run = Run(dict.fromkeys(program.inputs, x), np.arange(2)[::-1], exact)
    ReferenceExecutor(program, 2, model.weights.state()).run(run)
    got = predicted(program, model, x, stored(program, isa, 2, 2, spread=True), isa, 2)
    # A few products, one behind the other, of factors that are off by 2⁻⁸ of themselves.
    for have, want in zip(got, exact.values(), strict=True):
        assert np.linalg.norm(have - want) <= 8 * 2**-8 * np.linalg.norm(want)


def kernels(model: Model, precision: str, isa: str, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the kernels that predict one picture."""
    monkeypatch.setenv("KERNELET_ISA", isa)
    offsets = model.weights.state().offsets
    plan = planned(prediction_program(model.graph), 1, offsets, 2, precision)
    return {step.kernel for phase in plan.phases for step in phase.instructions}


def test_only_tiles_take_single_samples_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    model = kl.Sequential(
        [kl.Input((16, 16, 8)), kl.Conv2D(32, 3), kl.MaxPooling2D(), kl.Flatten(), kl.Dense(64)]
    )
    assert kernels(model, "bfloat16", "amx_emulated", monkeypatch) >= KERNELS
    assert not kernels(model, "bfloat16", "scalar", monkeypatch) & KERNELS
    assert not kernels(model, "float32", "amx_emulated", monkeypatch) & KERNELS


def test_small_layers_stay_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    model = kl.Sequential([kl.Input((6, 6, 1)), kl.Conv2D(4, 3), kl.Flatten(), kl.Dense(10)])
    assert not kernels(model, "bfloat16", "amx_emulated", monkeypatch) & KERNELS


def test_rows_that_are_long_when_gathered_stay_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    model = kl.Sequential([kl.Input((1 << 19, 4)), kl.Conv1D(32, 9)])
    assert not kernels(model, "bfloat16", "amx_emulated", monkeypatch) & KERNELS


@pytest.mark.parametrize(
    ("samples", "kernel"), [(1, "dense_single_bfloat16"), (4, "dense_single_batch")]
)
def test_several_samples_meet_many_weights_at_once(samples: int, kernel: str) -> None:
    program = prediction_program(kl.Sequential([kl.Input((4096,)), kl.Dense(300)]).graph)
    way = bfloat16("bfloat16", "amx_emulated")
    storage = SingleSamples(
        program, TARGET.lanes, spread=True, batch_size=samples, threads=2, bfloat16=way
    )
    (product, *_) = program.nodes
    assert storage.candidate(product).kernel == kernel
