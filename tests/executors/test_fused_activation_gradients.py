"""In bfloat16, the gradient of an activation is a part of the convolution that comes before it."""

from __future__ import annotations

import numpy as np
import pytest

from executors.gradient_programs import draws, steps_of
from executors.test_fused_pooling import defined, layer, run, state_of
from kernelet.executors.native import NativeExecutor
from kernelet.geometry import sliding_window
from kernelet.ops.activation import KINDS
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.pooling import MaxPool
from kernelet.ops.shape import Reshape
from kernelet.plan.gradients import differentiate
from kernelet.program import Program, ProgramBuilder
from levels import BFLOAT16_LEVELS
from ops.execution import Gradient, declare
from ops.test_bfloat16 import everywhere


def training(kind: str, *, apart: bool) -> Program:
    """Return the gradient by x of two convolutions with an activation between.

    With that by the activation's output, where nothing can be fused.
    """
    build = ProgramBuilder()
    x = build.input("x", (7, 5, 2))
    activated = layer(build, x, "first", 4, kind)
    y = layer(build, activated, "second", 3, "linear")
    upstream = declare(build, 0, Gradient(np.zeros((1, *y.shape), np.float32)))
    between, build.outputs["gradient"] = differentiate(build, y, upstream, [activated, x])
    if apart:
        build.outputs["between"] = between
    return build.finish()


@BFLOAT16_LEVELS
@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_are_those_of_separate_steps(kind: str, isa: str) -> None:
    fused, apart = (training(kind, apart=apart) for apart in (False, True))
    inputs = draws(fused, 21, whole=False)
    got, kernels = run(fused, inputs, isa)
    want, separate = run(apart, inputs, isa)
    assert "activate_gradient" in separate - kernels
    np.testing.assert_array_equal(got["gradient"], want["gradient"])


@BFLOAT16_LEVELS
@pytest.mark.parametrize("pooled", [False, True], ids=["activation", "pooling"])
def test_a_reshape_may_come_between(pooled: bool, isa: str) -> None:
    build = ProgramBuilder()
    x = build.input("x", (6, 4, 2))
    maps = layer(build, x, "conv", 3, "relu")
    if pooled:
        maps = build.add(MaxPool(sliding_window((6, 4), (2, 2), "valid", (2, 2)), 3), maps)
    flat = build.add(Reshape((maps.size,)), maps)
    w = build.parameter("dense/kernel", (flat.size, 5))
    y = build.add(MatrixProduct(), flat, w)
    upstream = declare(build, 0, Gradient(np.zeros((1, *y.shape), np.float32)))
    (build.outputs["gradient"],) = differentiate(build, y, upstream, [x])
    program = build.finish()
    inputs = draws(program, 21, whole=True)
    got, _ = run(program, inputs, isa, whole=True)
    np.testing.assert_array_equal(got["gradient"], defined(program, inputs)["gradient"])


@pytest.mark.parametrize("apart", [False, True])
def test_values_that_only_rounding_kernels_read_are_stored_rounded(apart: bool) -> None:
    program = training("relu", apart=apart)
    state = state_of(program, whole=False)
    storage = everywhere("amx_emulated")
    plan = NativeExecutor(program, 16, state, isa="amx_emulated", storage=storage).plan
    rounded = [
        name
        for step in steps_of(plan)
        for name in ("rounded_input", "rounded_output")
        if step.arguments.get(name)
    ]
    # The activation, of which nothing but signs is read, and the gradient by its input. What a step
    # of its own reads stays float32.
    assert rounded == ([] if apart else ["rounded_output", "rounded_output", "rounded_input"])
