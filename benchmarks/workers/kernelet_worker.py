"""kernelet: the training program of a model, many steps in one call of the engine."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import kernelet as kl
from kernelet.executors.base import Executor, Run, State
from kernelet.executors.native import NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.program import Program
from kernelet.training.execution import parameter_state
from kernelet.training.programs import Objective, training_program
from kernelet.weights import Weights
from workers.networks import Network
from workers.protocol import Contender, serve

LEARNING_RATE = 1e-3


def build(network: Network) -> kl.Sequential:
    """Return the network."""
    layers: list[kl.layers.Layer] = []
    for c in network.convolutions:
        layers.append(kl.Conv2D(c.filters, c.kernel, padding=c.padding, activation="relu"))
        if c.pool > 1:
            layers.append(kl.MaxPooling2D(c.pool))
    layers.append(kl.Flatten())
    layers += [kl.Dense(units, activation="relu") for units in network.dense]
    layers.append(kl.Dense(network.classes, activation="softmax"))
    shape = (network.height, network.height, network.channels)
    return kl.Sequential([kl.Input(shape), *layers])


def adam_step(model: kl.Sequential) -> Program:
    """Return one Adam step of a classifier."""
    objective = Objective(kl.losses.SparseCategoricalCrossentropy())
    return training_program(model.graph, objective, kl.optimizers.Adam(LEARNING_RATE))


def state_of(model: kl.Sequential, program: Program) -> State:
    """Return the model's weights with empty optimizer slots."""
    slots = Weights(p for p in program.parameters if p.role == "slot")
    return parameter_state(model.weights, slots)


def train(
    executor: Executor, x: NDArray[np.float32], y: NDArray[np.int32], first_step: int, steps: int
) -> list[float]:
    """Do some steps over the data in order, again from the start where it ends."""
    order = np.resize(np.arange(len(x)), steps * executor.batch_size)
    rates = np.full(steps, LEARNING_RATE, np.float32)
    inputs = {"x0": x, "y": y, "weight": np.ones(len(x), np.float32)}
    run = Run(inputs, order, learning_rates=rates, first_step=first_step)
    return [float(loss) for loss in executor.run(run).values["loss"]]


def initial_weights(network: Network) -> list[NDArray[np.float32]]:
    """Return the weights that every contender starts from, in Keras' order and layout."""
    return build(network).get_weights()


def reference_losses(
    network: Network,
    weights: list[NDArray[np.float32]],
    x: NDArray[np.float32],
    y: NDArray[np.int32],
    batch_size: int,
    steps: int,
) -> list[float]:
    """Return the losses of the first steps, computed in float64."""
    model = build(network)
    model.set_weights(weights)
    program = adam_step(model)
    single = state_of(model, program)
    state = State(
        single.parameters.astype(np.float64), single.slots.astype(np.float64), single.offsets
    )
    return train(ReferenceExecutor(program, batch_size, state), x, y, 0, steps)


class Native(Contender):
    """The native engine, in float32."""

    def __init__(
        self,
        network: Network,
        weights: list[NDArray[np.float32]],
        x: NDArray[np.float32],
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
    ) -> None:
        model = build(network)
        model.set_weights(weights)
        program = adam_step(model)
        self.executor = NativeExecutor(
            program, batch_size, state_of(model, program), threads=threads
        )
        self.x, self.y = x, y
        self.steps = 0

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        losses = train(self.executor, self.x, self.y, self.steps, times)
        seconds = time.perf_counter() - start
        self.steps += times
        return seconds, losses


if __name__ == "__main__":
    serve({"float32": Native})
