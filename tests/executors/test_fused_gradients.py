"""The gradient of a pooling goes on to that of the relu before it, in one pass."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.executors.base import Run, State
from kernelet.executors.native import NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.geometry import sliding_window
from kernelet.ops.activation import Activate
from kernelet.ops.pooling import MaxPool
from kernelet.plan.gradients import differentiate
from kernelet.program import Program, ProgramBuilder
from ops.execution import LEVELS

CASES = pytest.mark.parametrize(
    ("size", "kernel", "strides"),
    [
        ((6, 8), (2, 2), (2, 2)),
        ((7, 5), (2, 2), (2, 2)),
        ((7, 9), (3, 3), (2, 2)),
        ((6, 6), (3, 2), (3, 2)),
        ((5, 5), (2, 2), (3, 3)),
    ],
)


def program(
    size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], kind: str = "relu"
) -> Program:
    """Return the gradient by x of max pooling behind an activation, and its maps."""
    build = ProgramBuilder()
    x = build.input("x", (*size, 3))
    window = sliding_window(size, kernel, "valid", strides)
    y = build.add(MaxPool(window, 3), build.add(Activate(kind), x))
    seed = build.input("seed", y.shape)
    (gradient,) = differentiate(build, y, seed, [x])
    build.outputs.update({"gradient": gradient, "maps": y})
    return build.finish()


def kernels(executor: NativeExecutor) -> list[str]:
    return [i.kernel for phase in executor.plan.phases for i in phase.instructions]


@LEVELS
@CASES
def test_the_bits_are_those_of_two_passes(
    size: tuple[int, int], kernel: tuple[int, int], strides: tuple[int, int], isa: str
) -> None:
    step = program(size, kernel, strides)
    generator = np.random.default_rng(3)
    x = generator.integers(-2, 3, (19, *size, 3)).astype(np.float32)
    maps = step.inputs["seed"].shape
    seed = generator.integers(-9, 10, (19, *maps)).astype(np.float32)
    empty = np.zeros(0, np.float32)
    found = []
    native = NativeExecutor(step, 19, State(empty, empty, {}), isa=isa)
    for executor in (native, ReferenceExecutor(step, 19, State(empty, empty, {}))):
        outputs = {
            "gradient": np.empty((19, *size, 3), np.float32),
            "maps": np.empty((19, *maps), np.float32),
        }
        executor.run(Run({"x": x, "seed": seed}, np.arange(19), outputs))
        found.append(outputs["gradient"])
    np.testing.assert_array_equal(found[0], found[1])
    assert "activate_gradient" not in kernels(native)


def test_other_activations_keep_a_pass_of_their_own() -> None:
    empty = np.zeros(0, np.float32)
    for kind in ("leaky_relu", "tanh", "gelu"):
        step = program((6, 8), (2, 2), (2, 2), kind)
        assert "activate_gradient" in kernels(NativeExecutor(step, 4, State(empty, empty, {})))
