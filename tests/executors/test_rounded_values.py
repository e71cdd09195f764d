"""In bfloat16, values that only rounding kernels read are stored as pairs of channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from executors import gradient_programs
from executors.gradient_programs import draws, results_of, steps_of
from kernelet.executors.base import State
from kernelet.geometry import sliding_window
from kernelet.ops.activation import Activate
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.pooling import MaxPool
from kernelet.ops.shape import Reshape
from kernelet.plan.gradients import differentiate
from kernelet.program import Array, Program, ProgramBuilder, Value
from levels import BFLOAT16_LEVELS
from ops.execution import COPY, Gradient, Numbers, declare
from programs import new_state

CHANNELS = 3


@dataclass(frozen=True)
class Network:
    """Two convolutions with bias and relu, perhaps a pooling, and a convolution or dense layer."""

    size: tuple[int, ...]
    maps: int = 16
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    groups: int = 1
    pool: int = 2
    relu: bool = True
    dense: bool = False


NETWORKS = {
    "tiles of channels": Network((8, 8)),
    "two tiles of channels and filters": Network((6, 9), maps=32),
    "half a tile": Network((8, 10), maps=8),
    "runs that end within a tile": Network((7, 12), maps=20),
    "two maps": Network((6, 6), maps=2),
    "odd maps stay numbers": Network((6, 6), maps=5),
    "two taps": Network((7, 9), kernel=2),
    "four taps": Network((9, 8), kernel=4),
    "five taps": Network((8, 11), kernel=5),
    "seven taps": Network((9, 9), kernel=7),
    "one tap": Network((5, 6), kernel=1),
    "strides": Network((9, 12), stride=2, pool=1),
    "strides and pooling": Network((13, 12), stride=2),
    "dilation": Network((10, 9), dilation=2),
    "groups": Network((8, 8), groups=4),
    "all groups": Network((6, 8), groups=16),
    "one column": Network((9, 1), pool=1),
    "narrower than the filter": Network((6, 2), kernel=5, pool=1),
    "windows of three": Network((9, 7), pool=3),
    "wide": Network((4, 40)),
    "1-D": Network((21,)),
    "3-D": Network((3, 6, 4), pool=1),
    "linear": Network((8, 6), relu=False),
    "dense layer": Network((8, 9), dense=True),
    "dense layer of less than whole chunks": Network((6, 6), maps=6, dense=True),
    "dense layer behind odd maps": Network((8, 8), maps=5, dense=True),
    "dense layer without pooling": Network((4, 6), pool=1, dense=True),
}


def layer(build: ProgramBuilder, x: Value, name: str, filters: int, network: Network) -> Value:
    *size, channels = x.shape
    middle = name == "second"
    rank = len(size)
    kernel = [network.kernel if middle else 3] * rank
    strides = [network.stride if middle else 1] * rank
    dilation = [network.dilation if middle else 1] * rank
    window = sliding_window(size, kernel, "same", strides, dilation)
    groups = network.groups if middle else 1
    w = build.parameter(f"{name}/kernel", (*window.kernel, channels // groups, filters))
    b = build.parameter(f"{name}/bias", (filters,))
    product = build.add(Convolution(window, channels, filters, groups), x, w)
    return build.add(BiasAdd(), product, b)


def training(network: Network, *, apart: bool = False) -> Program:
    """Return a program of a forward pass and all gradients.

    Where it returns all values between, none of them can be stored in another way.
    """
    build = ProgramBuilder()
    x = build.input("x", (*network.size, CHANNELS))
    first = layer(build, x, "first", network.maps, network)
    hidden = build.add(Activate("relu", 0.0), first)
    second = layer(build, hidden, "second", network.maps, network)
    maps = build.add(Activate("relu", 0.0), second) if network.relu else second
    pooled = maps
    if network.pool > 1:
        sides = [network.pool] * (len(maps.shape) - 1)
        window = sliding_window(maps.shape[:-1], sides, "valid", sides)
        pooled = build.add(MaxPool(window, network.maps), maps)
    if network.dense:
        flat = build.add(Reshape((pooled.size,)), pooled)
        w = build.parameter("third/kernel", (flat.size, 6))
        y = build.add(MatrixProduct(), flat, w)
    else:
        y = layer(build, pooled, "third", 6, network)
    upstream = declare(build, 0, Gradient(np.zeros((1, *y.shape), np.float32)))
    weights = [parameter.value for parameter in build.parameters]
    between = list({id(value): value for value in (hidden, maps, pooled)}.values())
    by_x, *gradients = differentiate(build, y, upstream, [x, *weights, *between])
    build.outputs |= {"y": y, "by x": by_x}
    if apart:
        values = [*between, *gradients[len(weights) :]]
        build.outputs |= {f"between {k}": value for k, value in enumerate(values)}
    for k, value in enumerate(gradients[: len(weights)]):
        target = build.parameter(f"gradient{k}", value.shape, "statistic", trainable=False)
        build.updates[target] = build.add(COPY, target, value)
    return build.finish()


def state_of(program: Program, *, whole: bool) -> State:
    """Return drawn weights; whole ones are few enough for all values to be exact in bfloat16."""
    state = new_state(program)
    generator = np.random.default_rng(9)
    for parameter in program.parameters:
        shape = parameter.value.shape
        if parameter.role == "weight" and whole:
            numbers = generator.integers(-1, 2, shape)
            share = min(1.0, 3 / math.prod(shape[:-1]))
            state.view(parameter)[...] = np.where(generator.random(shape) < share, numbers, 0)
    return state


def run(
    program: Program,
    inputs: dict[str, Numbers],
    isa: str,
    threads: int = 1,
    *,
    whole: bool,
    spread: bool = False,
) -> tuple[dict[str, Numbers], set[str]]:
    """Return the results of a program, and the arguments by which steps know rounded values."""
    results, plan = gradient_programs.run(
        program, inputs, state_of(program, whole=whole), isa, threads, spread=spread
    )
    names = ("rounded_input", "rounded_output", "rounded_upstream")
    return results, {n for step in steps_of(plan) for n in names if step.arguments.get(n)}


def defined(program: Program, inputs: dict[str, Numbers]) -> dict[str, Array]:
    """Return the results of a program in float64."""
    values = gradient_programs.defined(program, inputs, state_of(program, whole=True))
    # Whole numbers up to this one are exact in bfloat16.
    between = [value for node in program.nodes for value in node.outputs if value.batched]
    assert max(np.abs(values[value]).max() for value in between) <= 256
    return results_of(program, values)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("name", NETWORKS)
def test_whole_numbers_are_exact(name: str, isa: str) -> None:
    program = training(NETWORKS[name])
    for samples in (5, 33):
        inputs = draws(program, samples, whole=True)
        got, rounded = run(program, inputs, isa, whole=True)
        for result, want in defined(program, inputs).items():
            np.testing.assert_array_equal(got[result], want, err_msg=result)
        all_names = {"rounded_input", "rounded_output", "rounded_upstream"}
        assert rounded == (set() if NETWORKS[name].maps % 2 else all_names)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_bits_are_those_of_stored_numbers(network: Network, isa: str) -> None:
    program, apart = training(network), training(network, apart=True)
    inputs = draws(program, 20, whole=False)
    got, _ = run(program, inputs, isa, whole=False)
    want, rounded = run(apart, inputs, isa, whole=False)
    assert not rounded
    weights = [p.name for p in program.parameters if p.role == "weight"]
    biases = {f"gradient{k}" for k, name in enumerate(weights) if name.endswith("/bias")}
    # Sums of a gradient for a bias are of rounded numbers.
    for name in got.keys() - biases:
        np.testing.assert_array_equal(got[name], want[name], err_msg=name)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_threads_do_not_change_bits(network: Network, isa: str) -> None:
    program = training(network)
    inputs = draws(program, 70, whole=False)
    alone, _ = run(program, inputs, isa, whole=False)
    for threads, spread in ((2, False), (4, False), (3, True)):
        got, _ = run(program, inputs, isa, threads, whole=False, spread=spread)
        for name, want in alone.items():
            np.testing.assert_array_equal(got[name], want, err_msg=name)


@BFLOAT16_LEVELS
@pytest.mark.parametrize("name", ["tiles of channels", "runs that end within a tile", "wide"])
def test_nan_stays_in_its_sample(name: str, isa: str) -> None:
    program = training(NETWORKS[name])
    inputs = draws(program, 20, whole=False)
    want, _ = run(program, inputs, isa, whole=False)
    inputs["x"][3].flat[4] = np.nan
    got, _ = run(program, inputs, isa, whole=False)
    others = np.arange(20) != 3
    for result in ("y", "by x"):
        np.testing.assert_array_equal(got[result][others], want[result][others], err_msg=result)
    assert np.isnan(got["y"][3]).any()
