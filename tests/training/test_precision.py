"""Training and prediction in bfloat16."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import kernelet as kl
from kernelet.data import load_dataset
from kernelet.errors import ConfigurationError
from kernelet.executors.base import Run
from kernelet.executors.native import NativeExecutor, bfloat16
from kernelet.networks import lenet5
from kernelet.program import Program
from levels import BFLOAT16_LEVELS
from programs import batch, branched_network, new_state, plain_network
from small_networks import digest, full_network, pictures

IMAGES, LABELS = pictures()
PRECISIONS = ("float32", "bfloat16")


def trained(program: Program, isa: str, threads: int) -> bytes:
    """Return the weights, slots and losses of some steps in bfloat16."""
    state = new_state(program)
    executor = NativeExecutor(program, 96, state, isa=isa, threads=threads, precision="bfloat16")
    kernels = {step.kernel for phase in executor.plan.phases for step in phase.instructions}
    assert "convolution_bfloat16" in kernels
    rates = np.full(3, 1e-3, np.float32)
    order = np.random.default_rng(7).permutation(200)
    results = executor.run(Run(batch(program, 200), order, learning_rates=rates, seed=3))
    return state.parameters.tobytes() + state.slots.tobytes() + results.values["loss"].tobytes()


@BFLOAT16_LEVELS
@pytest.mark.parametrize("network", [plain_network, branched_network])
def test_any_number_of_threads_gives_the_same_bits(
    network: Callable[[], Program], isa: str
) -> None:
    program = network()
    digests = {hashlib.sha256(trained(program, isa, n)).hexdigest() for n in (1, 2, 4)}
    assert len(digests) == 1


def test_lenet_learns_as_well_as_in_float32() -> None:
    data = load_dataset("sample")
    train, test = data.train, data.test
    assert train is not None
    assert test is not None
    accuracies = {}
    for precision in PRECISIONS:
        model = lenet5()
        model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
        model.fit(train.images, train.labels, 64, epochs=4, verbose=0, precision=precision)
        figures = model.evaluate(
            test.images, test.labels, verbose=0, return_dict=True, precision=precision
        )
        assert isinstance(figures, dict)
        accuracies[precision] = figures["accuracy"]
    # Half of the test pictures' standard error at 80 % would be 0.6 points; trainings of other
    # seeds differ by two.
    assert accuracies["float32"] > 0.7
    assert abs(accuracies["bfloat16"] - accuracies["float32"]) < 0.04


def test_predictions_differ_by_rounding_only() -> None:
    model = full_network()
    exact = model.predict(IMAGES, batch_size=64)
    rounded = model.predict(IMAGES, batch_size=64, precision="bfloat16")
    assert np.any(exact != rounded)
    # Two products, one behind the other, of factors that are off by 2⁻⁸ of themselves.
    assert np.abs(exact - rounded).max() < 4 * 2**-8


def test_float32_is_strict() -> None:
    assert bfloat16("float32", "amx") is None
    model = full_network()
    same = model.predict(IMAGES, precision="float32")
    np.testing.assert_array_equal(model.predict(IMAGES), same)


def test_auto_takes_bfloat16_where_there_are_instructions_for_it() -> None:
    for isa, tiles in {"avx512_bf16": False, "amx": True}.items():
        way = bfloat16("auto", isa)
        assert way is not None
        assert way.tiles == tiles
    for isa in ("scalar", "neon", "avx2", "avx512"):
        assert bfloat16("auto", isa) is None
        assert bfloat16("bfloat16", isa) is not None


def test_a_run_goes_on_in_its_own_precision_only(tmp_path: Path) -> None:
    def fit(model: kl.Sequential, precision: str, epochs: int) -> None:
        model.fit(
            IMAGES,
            LABELS,
            40,
            epochs,
            verbose=0,
            precision=precision,
            checkpoint=kl.callbacks.Checkpointer(tmp_path / "last", every_seconds=0),
            resume=True,
        )

    def compiled() -> kl.Sequential:
        model = full_network()
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    first = compiled()
    fit(first, "bfloat16", 1)
    with pytest.raises(ConfigurationError, match="precision"):
        fit(compiled(), "float32", 2)
    second, whole = compiled(), compiled()
    fit(second, "bfloat16", 2)
    whole.fit(IMAGES, LABELS, 40, 2, verbose=0, precision="bfloat16")
    assert digest(second) == digest(whole)
