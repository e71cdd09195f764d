"""In bfloat16, pooling and the gradients around a convolution are parts of its step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from executors import gradient_programs
from executors.gradient_programs import draws, results_of
from kernelet.executors.base import State
from kernelet.geometry import Padding, sliding_window
from kernelet.ops.activation import Activate
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution
from kernelet.ops.pooling import MaxPool
from kernelet.plan.gradients import differentiate
from kernelet.program import Array, Program, ProgramBuilder, Value
from levels import BFLOAT16_LEVELS
from ops.execution import COPY, Gradient, Numbers, declare
from programs import new_state

CHANNELS, HIDDEN, MAPS = 2, 3, 5
SEPARATE = {"max_pool", "max_pool_gradient", "max_unpool", "activate_gradient", "channel_sum"}


@dataclass(frozen=True)
class Network:
    """Two convolutions with bias and activation, and maximum pooling."""

    size: tuple[int, ...]
    pool: tuple[int, ...]
    padding: Padding = "valid"
    strides: tuple[int, ...] = ()
    activation: str = "relu"


FUSED = {
    "even": Network((6, 8), (2, 2)),
    "rest": Network((7, 9), (2, 2)),
    "rest of several cells": Network((11, 8), (4, 3)),
    "shorter last windows": Network((7, 5), (2, 2), "same"),
    "longer than the picture": Network((3, 3), (4, 4), "same"),
    "rows": Network((5, 6), (1, 3)),
    "columns": Network((6, 5), (3, 1)),
    "1-D": Network((9,), (2,)),
    "planes": Network((3, 5, 4), (1, 2, 2)),
    "linear": Network((6, 7), (2, 2), activation="linear"),
}
APART = {
    "overlapping": Network((7, 8), (3, 3), strides=(2, 2)),
    "with gaps": Network((7, 8), (2, 2), strides=(3, 3)),
    "padding before": Network((7, 7), (3, 3), "same"),
    "3-D": Network((4, 5, 4), (2, 2, 2)),
    "leaky": Network((6, 6), (2, 2), activation="leaky_relu"),
    "tanh": Network((6, 6), (2, 2), activation="tanh"),
}


def layer(build: ProgramBuilder, x: Value, name: str, filters: int, activation: str) -> Value:
    *size, channels = x.shape
    window = sliding_window(size, [3] * len(size), "same")
    w = build.parameter(f"{name}/kernel", (*window.kernel, channels, filters))
    b = build.parameter(f"{name}/bias", (filters,))
    maps = build.add(BiasAdd(), build.add(Convolution(window, channels, filters), x, w), b)
    if activation == "linear":
        return maps
    return build.add(Activate(activation, 0.5 if activation == "leaky_relu" else 0.0), maps)


def training(network: Network, *, apart: bool = False) -> Program:
    """Return a program of the gradients by everything, and of what is pooled.

    Where it returns the maps as well, nothing that reads them can be fused.
    """
    build = ProgramBuilder()
    x = build.input("x", (*network.size, CHANNELS))
    maps = layer(
        build, layer(build, x, "first", HIDDEN, "relu"), "second", MAPS, network.activation
    )
    window = sliding_window(
        network.size, network.pool, network.padding, network.strides or network.pool
    )
    pooled = build.add(MaxPool(window, MAPS), maps)
    upstream = declare(build, 0, Gradient(np.zeros((1, *pooled.shape), np.float32)))
    weights = [parameter.value for parameter in build.parameters]
    gradient, *gradients = differentiate(build, pooled, upstream, [x, *weights])
    build.outputs |= {"pooled": pooled, "gradient": gradient}
    if apart:
        build.outputs["maps"] = maps
    for k, value in enumerate(gradients):
        target = build.parameter(f"gradient{k}", value.shape, "statistic", trainable=False)
        build.updates[target] = build.add(COPY, target, value)
    return build.finish()


def state_of(program: Program, *, whole: bool) -> State:
    state = new_state(program)
    generator = np.random.default_rng(9)
    for parameter in program.parameters:
        if parameter.role == "weight" and whole:
            state.view(parameter)[...] = generator.integers(-1, 2, parameter.value.shape)
    return state


def run(
    program: Program,
    inputs: Mapping[str, Numbers],
    isa: str,
    threads: int = 1,
    *,
    whole: bool = False,
    spread: bool = False,
) -> tuple[dict[str, Numbers], set[str]]:
    """Return the results of a program, and the kernels that it took."""
    results, plan = gradient_programs.run(
        program, inputs, state_of(program, whole=whole), isa, threads, spread=spread
    )
    return results, {one.kernel for phase in plan.phases for one in phase.instructions}


def defined(program: Program, inputs: Mapping[str, Numbers]) -> dict[str, Array]:
    """Return the results of a program in float64."""
    values = gradient_programs.defined(program, inputs, state_of(program, whole=True))
    return results_of(program, values)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("name", [*FUSED, *(name for name in APART if name != "tanh")])
def test_whole_numbers_are_exact(name: str, isa: str) -> None:
    network = (FUSED | APART)[name]
    program = training(network)
    for samples in (5, 33):
        inputs = draws(program, samples, whole=True)
        got, kernels = run(program, inputs, isa, whole=True)
        for result, want in defined(program, inputs).items():
            np.testing.assert_array_equal(got[result], want, err_msg=result)
        if name in FUSED:
            assert not kernels & SEPARATE


@pytest.mark.parametrize("network", APART.values(), ids=APART)
def test_other_poolings_are_steps_of_their_own(network: Network) -> None:
    program = training(network)
    _, kernels = run(program, draws(program, 5, whole=False), "amx_emulated")
    assert {"max_pool", "max_pool_gradient"} <= kernels


@BFLOAT16_LEVELS
@pytest.mark.parametrize("network", FUSED.values(), ids=FUSED)
def test_the_bits_are_those_of_separate_steps(network: Network, isa: str) -> None:
    fused, apart = training(network), training(network, apart=True)
    inputs = draws(fused, 20, whole=False)
    # One that is not a number spreads over whole windows.
    inputs["x"][3].flat[4] = np.nan
    inputs["x"][7].flat[5] = -np.inf
    got, _ = run(fused, inputs, isa)
    want, kernels = run(apart, inputs, isa)
    assert {"max_pool", "max_pool_gradient"} <= kernels
    for name in ("pooled", "gradient"):
        np.testing.assert_array_equal(got[name], want[name], err_msg=name)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("network", FUSED.values(), ids=FUSED)
def test_threads_do_not_change_bits(network: Network, isa: str) -> None:
    program = training(network)
    inputs = draws(program, 70, whole=False)
    alone, _ = run(program, inputs, isa)
    for threads, spread in ((2, False), (4, False), (3, True)):
        got, _ = run(program, inputs, isa, threads, spread=spread)
        for name, want in alone.items():
            np.testing.assert_array_equal(got[name], want, err_msg=name)


@BFLOAT16_LEVELS
def test_predictions_pool_without_indices(isa: str) -> None:
    build = ProgramBuilder()
    maps = layer(build, build.input("x", (7, 6, CHANNELS)), "conv", MAPS, "gelu")
    window = sliding_window((7, 6), (2, 2), "valid", (2, 2))
    build.outputs["pooled"] = build.add(MaxPool(window, MAPS), maps)
    fused = build.finish()
    build.outputs["maps"] = maps
    inputs = {"x": np.random.default_rng(4).standard_normal((21, 7, 6, CHANNELS))}
    got, kernels = run(fused, inputs, isa)
    want, separate = run(build.finish(), inputs, isa)
    assert "max_pool" in separate - kernels
    np.testing.assert_array_equal(got["pooled"], want["pooled"])


def test_a_gradient_is_stored_for_those_that_cannot_read_indices() -> None:
    build = ProgramBuilder()
    x = build.input("x", (6, 6, CHANNELS))
    window = sliding_window((6, 6), (2, 2), "valid", (2, 2))
    maps = layer(build, x, "conv", MAPS, "linear")
    pooled = build.add(MaxPool(window, MAPS), maps)
    upstream = declare(build, 0, Gradient(np.zeros((1, *pooled.shape), np.float32)))
    build.outputs["gradient"], build.outputs["by x"] = differentiate(
        build, pooled, upstream, [maps, x]
    )
    program = build.finish()
    inputs = draws(program, 18, whole=True)
    got, kernels = run(program, inputs, "amx_emulated", whole=True)
    assert kernels & SEPARATE == {"max_unpool"}
    for name, want in defined(program, inputs).items():
        np.testing.assert_array_equal(got[name], want)
