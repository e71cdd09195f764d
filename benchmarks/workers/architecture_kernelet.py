"""kernelet: training steps and predictions of networks of many kinds."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import kernelet as kl
from kernelet.executors.native import NativeExecutor
from kernelet.layers import Layer
from kernelet.training.programs import Objective, training_program
from workers.architectures import ARCHITECTURES, Architecture, Tensor
from workers.kernelet_worker import LEARNING_RATE, state_of, train
from workers.protocol import Numbers, Trainer, Work, answer


class Layers:
    """A builder that keeps the layers with weights in the order in which they were asked for."""

    def __init__(self, axes: int) -> None:
        self.axes = axes
        self.weighted: list[Layer] = []

    def _layer(self, kind: str, *arguments: Any, **keywords: Any) -> Layer:
        name = kind.format(self.axes)
        layer: Layer = getattr(kl.layers, name)(*arguments, **keywords)
        if name.startswith(("Conv", "Dense", "Batch")):
            self.weighted.append(layer)
        return layer

    def convolution(
        self,
        x: Tensor,
        filters: int,
        kernel: int,
        *,
        strides: int = 1,
        dilation: int = 1,
        groups: int = 1,
        valid: bool = False,
    ) -> Tensor:
        return self._layer(
            "Conv{}D",
            filters,
            kernel,
            strides=strides,
            padding=0 if valid else (kernel - 1) * dilation // 2,
            dilation_rate=dilation,
            groups=groups,
        )(x)

    def transposed(self, x: Tensor, filters: int, size: int) -> Tensor:
        return self._layer("Conv{}DTranspose", filters, size, strides=size)(x)

    def normalization(self, x: Tensor) -> Tensor:
        return self._layer("BatchNormalization")(x)

    def activation(self, x: Tensor, kind: str) -> Tensor:
        return self._layer("Activation", kind)(x)

    def maximum(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        return self._layer("MaxPooling{}D", size, strides=strides)(x)

    def average(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        return self._layer("AveragePooling{}D", size, strides=strides)(x)

    def global_average(self, x: Tensor) -> Tensor:
        return self._layer("GlobalAveragePooling{}D")(x)

    def add(self, *tensors: Tensor) -> Tensor:
        return self._layer("Add")(list(tensors))

    def concatenate(self, *tensors: Tensor) -> Tensor:
        return self._layer("Concatenate")(list(tensors))

    def flatten(self, x: Tensor) -> Tensor:
        return self._layer("Flatten")(x)

    def dense(self, x: Tensor, units: int) -> Tensor:
        return self._layer("Dense", units)(x)


def build(architecture: Architecture) -> tuple[kl.Model, list[Layer]]:
    """Return a network, and its layers with weights in the order in which they were built."""
    layers = Layers(len(architecture.shape) - 1)
    x = kl.Input(architecture.shape)
    y = architecture.build(layers, x)
    if not architecture.pictures:
        y = kl.Activation("softmax")(y)
    return kl.Model(x, y, seed=1), layers.weighted


def initial_weights(architecture: Architecture) -> list[list[Numbers]]:
    """Return the first weights of each layer, which all contenders get."""
    return [layer.get_weights() for layer in build(architecture)[1]]


class Training(Trainer):
    """Adam steps."""

    def __init__(
        self, architecture: Architecture, x: Numbers, y: Any, batch: int, threads: int, low: bool
    ) -> None:
        self.model, _ = build(architecture)
        self.first = self.model.get_weights()
        loss: kl.losses.Loss = kl.losses.MeanSquaredError()
        if not architecture.pictures:
            loss = kl.losses.SparseCategoricalCrossentropy()
        adam = kl.optimizers.Adam(LEARNING_RATE)
        program = training_program(self.model.graph, Objective(loss), adam)
        self.state = state_of(self.model, program)
        precision = "bfloat16" if low else "float32"
        self.executor = NativeExecutor(
            program, batch, self.state, threads=threads, precision=precision
        )
        self.x, self.y, self.done = x, y, 0

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        losses = train(self.executor, self.x, self.y, self.done, times)
        self.done += times
        return time.perf_counter() - start, losses

    def restart(self) -> None:
        self.model.set_weights(self.first)
        self.state.slots[:] = 0
        self.done = 0

    def weights(self) -> list[Numbers]:
        return self.model.get_weights()


class Prediction(Work):
    """`Model.predict`."""

    def __init__(
        self, architecture: Architecture, x: Numbers, y: Any, batch: int, threads: int, low: bool
    ) -> None:
        del y
        model, _ = build(architecture)
        precision = "bfloat16" if low else "float32"
        self.predict = partial(
            model.predict, x, batch_size=max(32, batch), precision=precision, threads=threads
        )

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        for _ in range(times):
            result = self.predict()
        return time.perf_counter() - start, np.ravel(result[0])[:10].tolist()


def load(task: dict[str, Any]) -> Work:
    """Return the work of a task."""
    work = Training if task["training"] else Prediction
    with np.load(task["data"], allow_pickle=False) as data:
        return work(
            ARCHITECTURES[task["architecture"]],
            data["x"],
            data["y"],
            task["batch_size"],
            task["threads"],
            task["setting"] == "bfloat16",
        )


if __name__ == "__main__":
    answer(load)
