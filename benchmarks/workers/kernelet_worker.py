"""kernelet: the training program of a model, many steps in one call of the engine."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import kernelet as kl
from kernelet.executors.base import Executor, Run, State
from kernelet.executors.native import NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.program import Program
from kernelet.training.programs import Objective, training_program
from kernelet.weights import Weights
from workers.networks import Convolution, Network
from workers.protocol import Numbers, Trainer, serve

LEARNING_RATE = 1e-3


def _stage(c: Convolution) -> list[kl.layers.Layer]:
    layers: list[kl.layers.Layer] = [
        kl.Conv2D(
            c.filters,
            c.sides(c.kernel),
            strides=c.sides(c.strides),
            padding=c.sides(c.padding, 0),
            dilation_rate=c.sides(c.dilation),
            groups=c.groups,
            activation=None if c.normalized else "relu",
            use_bias=not c.normalized,
        )
    ]
    if c.normalized:
        layers += [kl.BatchNormalization(), kl.Activation("relu")]
    return layers + ([kl.MaxPooling2D(c.sides(c.pool))] if c.pool > 1 else [])


def build(network: Network, seed: int = 1) -> kl.Sequential:
    """Return the network."""
    layers = [layer for c in network.convolutions for layer in _stage(c)]
    layers.append(kl.GlobalAveragePooling2D() if network.averaged else kl.Flatten())
    layers += [kl.Dense(units, activation="relu") for units in network.dense]
    layers.append(kl.Dense(network.classes, activation="softmax"))
    shape = (network.height, network.width, network.channels)
    return kl.Sequential([kl.Input(shape), *layers], seed=seed)


def adam_step(model: kl.Sequential) -> Program:
    """Return one Adam step of a classifier."""
    objective = Objective(kl.losses.SparseCategoricalCrossentropy())
    return training_program(model.graph, objective, kl.optimizers.Adam(LEARNING_RATE))


def state_of(model: kl.Model, program: Program) -> State:
    """Return the model's weights with empty optimizer slots."""
    slots = Weights(p for p in program.parameters if p.role == "slot")
    return model.weights.state(slots)


def train(
    executor: Executor, x: Numbers, y: NDArray[np.int32], first_step: int, steps: int
) -> list[float]:
    """Do some steps over the data in order, again from the start where it ends."""
    order = np.resize(np.arange(len(x)), steps * executor.batch_size)
    rates = np.full(steps, LEARNING_RATE, np.float32)
    inputs = {"x0": x, "y": y, "weight": np.ones(len(x), np.float32)}
    run = Run(inputs, order, learning_rates=rates, first_step=first_step)
    return [float(loss) for loss in executor.run(run).values["loss"]]


def initial_weights(network: Network) -> list[Numbers]:
    """Return the weights that every contender starts from, in Keras' order and layout."""
    return build(network).get_weights()


@dataclass(frozen=True)
class Expected:
    """What float64 makes of the first steps: their losses, and the weights afterwards."""

    losses: list[float]
    weights: list[Numbers]


def reference(
    network: Network,
    weights: list[Numbers],
    x: Numbers,
    y: NDArray[np.int32],
    batch_size: int,
    steps: int,
) -> Expected:
    """Do the first steps in float64."""
    model = build(network)
    model.set_weights(weights)
    program = adam_step(model)
    single = state_of(model, program)
    state = State(
        single.parameters.astype(np.float64), single.slots.astype(np.float64), single.offsets
    )
    losses = train(ReferenceExecutor(program, batch_size, state), x, y, 0, steps)
    single.parameters[:] = state.parameters
    return Expected(losses, model.get_weights())


class Native(Trainer):
    """The native engine.

    Parameters
    ----------
    precision : {"float32", "bfloat16"}
        Of products.
    """

    def __init__(
        self,
        network: Network,
        weights: list[Numbers],
        x: Numbers,
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
        *,
        precision: str = "float32",
    ) -> None:
        self.model = build(network)
        self.model.set_weights(weights)
        program = adam_step(self.model)
        self.state = state_of(self.model, program)
        self.executor = NativeExecutor(
            program, batch_size, self.state, threads=threads, precision=precision
        )
        self.first, self.x, self.y = weights, x, y
        self.steps = 0

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        losses = train(self.executor, self.x, self.y, self.steps, times)
        seconds = time.perf_counter() - start
        self.steps += times
        return seconds, losses

    def restart(self) -> None:
        self.model.set_weights(self.first)
        self.state.slots[:] = 0
        self.steps = 0

    def weights(self) -> list[Numbers]:
        return self.model.get_weights()


if __name__ == "__main__":
    serve({"float32": Native, "bfloat16": partial(Native, precision="bfloat16")})
