"""Small programs that tests of the planner and of the executors share."""

from __future__ import annotations

import numpy as np

from kernelet.executors.base import State
from kernelet.geometry import sliding_window
from kernelet.ops.activation import Activate
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.losses import OneHot, SoftmaxCrossEntropy
from kernelet.ops.normalization import ChannelMean, ChannelVariance, MovingAverage, Normalize
from kernelet.ops.pooling import MaxPool
from kernelet.ops.reduction import BatchMean, RequireFinite, SampleShare
from kernelet.ops.shape import Reshape
from kernelet.ops.updates import AdamUpdate
from kernelet.plan.gradients import differentiate
from kernelet.program import Program, ProgramBuilder, Value

ALIGNMENT = 16
CLASSES = 3


def convolution(
    build: ProgramBuilder, x: Value, name: str, filters: int, kernel: int, activation: str = "relu"
) -> Value:
    """Append a convolution with `same` padding, bias and activation, over one to three axes."""
    *size, channels = x.shape
    window = sliding_window(size, [kernel] * len(size), "same")
    w = build.parameter(f"{name}/kernel", (*window.kernel, channels, filters))
    b = build.parameter(f"{name}/bias", (filters,))
    maps = build.add(Convolution(window, channels, filters), x, w)
    return build.add(Activate(activation), build.add(BiasAdd(), maps, b))


def enlarged(build: ProgramBuilder, x: Value, name: str, filters: int) -> Value:
    """Append a transposed convolution that doubles every axis, with bias and ReLU."""
    *size, channels = x.shape
    doubled = [2 * length for length in size]
    window = sliding_window(doubled, [3] * len(size), "same", [2] * len(size))
    w = build.parameter(f"{name}/kernel", (*window.kernel, filters, channels))
    b = build.parameter(f"{name}/bias", (filters,))
    maps = build.add(ConvolutionInputGradient(window, filters, channels), x, w)
    return build.add(Activate("relu"), build.add(BiasAdd(), maps, b))


def pooled(build: ProgramBuilder, x: Value) -> Value:
    """Append max pooling by 2 along every axis."""
    *size, channels = x.shape
    window = sliding_window(size, [2] * len(size), "valid", strides=[2] * len(size))
    return build.add(MaxPool(window, channels), x)


def normalized(build: ProgramBuilder, x: Value, name: str) -> Value:
    """Append batch normalisation by the statistics of the batch, with moving averages."""
    size = x.shape[-1:]
    gamma, beta = build.parameter(f"{name}/gamma", size), build.parameter(f"{name}/beta", size)
    mean = build.add(ChannelMean(), x)
    variance = build.add(ChannelVariance(), x, mean)
    for kind, current in (("mean", mean), ("variance", variance)):
        running = build.parameter(f"{name}/moving_{kind}", size, "statistic", trainable=False)
        build.updates[running] = build.add(MovingAverage(0.9), running, current)
    normalize = Normalize(1e-3, scale=True, center=True, batch_statistics=True)
    return build.add(normalize, x, mean, variance, gamma, beta)


def dense(build: ProgramBuilder, x: Value, name: str, units: int) -> Value:
    """Append a dense layer on whatever shape comes in."""
    flat = build.add(Reshape((x.size,)), x)
    w = build.parameter(f"{name}/kernel", (x.size, units))
    b = build.parameter(f"{name}/bias", (units,))
    return build.add(BiasAdd(), build.add(MatrixProduct(), flat, w), b)


def with_training(build: ProgramBuilder, logits: Value) -> Program:
    """Finish a network as one Adam step of a classifier."""
    labels, weight = build.input("y", ()), build.input("weight", ())
    targets = build.add(OneHot(CLASSES), labels)
    losses = build.add(SoftmaxCrossEntropy(), logits, targets)
    seed = build.add(SampleShare(), weight)
    build.outputs["loss"] = build.add(RequireFinite(), build.add(BatchMean(), losses, weight))
    weights = [p.value for p in build.parameters if p.trainable]
    names = {p.value: p.name for p in build.parameters}
    gradients = differentiate(build, losses, seed, weights)
    slots = [
        [build.parameter(f"{names[w]}/{slot}", w.shape, "slot", trainable=False) for w in weights]
        for slot in ("m", "v")
    ]
    update = AdamUpdate(beta_1=0.9, beta_2=0.999, epsilon=1e-7, weight_decay=0.01)
    for w, gradient, m, v in zip(weights, gradients, *slots, strict=True):
        new = build.apply(update, w, gradient, m, v)
        build.updates.update(zip((w, m, v), new, strict=True))
    return build.finish()


def plain_network() -> Program:
    """Return a training step of convolution, pooling, convolution, two dense layers."""
    build = ProgramBuilder()
    x = build.add(Rescale((1 / 255,), (-0.5,)), build.input("x", (8, 10, 2)))
    x = pooled(build, convolution(build, x, "conv1", 5, 3))
    x = pooled(build, convolution(build, x, "conv2", 7, 3, "gelu"))
    x = build.add(Activate("tanh"), dense(build, x, "dense1", 11))
    return with_training(build, dense(build, x, "dense2", CLASSES))


def wide_network() -> Program:
    """Return a training step of dense layers with more weights than a block has numbers."""
    build = ProgramBuilder()
    x = build.add(Rescale((1 / 255,), (-0.5,)), build.input("x", (6, 7, 4)))
    x = build.add(Activate("relu"), dense(build, x, "dense1", 300))
    x = build.add(Activate("tanh"), dense(build, x, "dense2", 130))
    return with_training(build, dense(build, x, "dense3", CLASSES))


def branched_network() -> Program:
    """Return a training step with batch normalisation and a branch that is added back."""
    build = ProgramBuilder()
    x = convolution(build, build.input("x", (6, 6, 3)), "stem", 8, 3)
    branch = convolution(build, normalized(build, x, "norm1"), "branch", 8, 3, "silu")
    x = build.add(Add(), x, normalized(build, branch, "norm2"))
    return with_training(build, dense(build, pooled(build, x), "dense", CLASSES))


def enlarging_network(*size: int) -> Program:
    """Return a training step of pooling and transposed convolution over one to three axes."""
    build = ProgramBuilder()
    x = pooled(build, convolution(build, build.input("x", (*size, 2)), "conv1", 5, 3))
    x = convolution(build, enlarged(build, x, "enlarge", 4), "conv2", 3, 2, "tanh")
    return with_training(build, dense(build, x, "dense", CLASSES))


def new_state(program: Program, dtype: type = np.float32) -> State:
    """Return a state with random weights, unit variances and empty slots."""
    generator = np.random.default_rng(5)
    offsets: dict[str, int] = {}
    sizes = {"parameters": 0, "slots": 0}
    ordered = sorted(program.parameters, key=lambda p: (p.role == "slot", not p.trainable))
    slots = [p for p in program.parameters if p.role == "slot"]
    for parameter in [p for p in ordered if p.role != "slot"] + slots:
        kind = "slots" if parameter.role == "slot" else "parameters"
        offsets[parameter.name] = sizes[kind]
        sizes[kind] += -(-parameter.value.size // ALIGNMENT) * ALIGNMENT
    state = State(np.zeros(sizes["parameters"], dtype), np.zeros(sizes["slots"], dtype), offsets)
    for parameter in program.parameters:
        if parameter.role == "weight":
            fan_in = max(1, parameter.value.size // parameter.value.shape[-1])
            values = generator.standard_normal(parameter.value.shape) / np.sqrt(fan_in)
            state.view(parameter)[...] = values.astype(np.float32)
    return state


def batch(program: Program, rows: int) -> dict[str, np.ndarray]:
    """Return random inputs for a training program."""
    generator = np.random.default_rng(6)
    shape = program.inputs["x"].shape
    return {
        "x": generator.integers(0, 256, (rows, *shape), np.uint8),
        "y": generator.integers(0, CLASSES, rows, np.int32),
        "weight": generator.uniform(0.5, 1.5, rows).astype(np.float32),
    }
