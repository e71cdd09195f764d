"""Keras on TensorFlow: a training step as one graph, through XLA or not."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
import keras
import tensorflow as tf

from workers.networks import Convolution, Network
from workers.protocol import Numbers, Trainer, serve


def _depthwise(channels: int, c: Convolution) -> bool:
    return c.groups > 1 and c.groups == channels == c.filters


def _stage(channels: int, c: Convolution) -> list[Any]:
    layers = [] if c.mode else [keras.layers.ZeroPadding2D(c.sides(c.padding, 0))]
    common = {
        "strides": c.sides(c.strides),
        "padding": c.mode or "valid",
        "dilation_rate": c.sides(c.dilation),
        "use_bias": not c.normalized,
    }
    if _depthwise(channels, c):
        layers.append(keras.layers.DepthwiseConv2D(c.sides(c.kernel), **common))
    else:
        kernel = c.sides(c.kernel)
        layers.append(keras.layers.Conv2D(c.filters, kernel, groups=c.groups, **common))
    if c.normalized:
        layers.append(keras.layers.BatchNormalization())
    layers.append(keras.layers.ReLU())
    return layers + ([keras.layers.MaxPooling2D(c.sides(c.pool))] if c.pool > 1 else [])


def build(network: Network) -> Any:
    """Return the network; it ends in scores."""
    layers = [keras.Input((network.height, network.width, network.channels))]
    for (_, _, channels), c in network.inputs():
        layers += _stage(channels, c)
    last = keras.layers.GlobalAveragePooling2D if network.averaged else keras.layers.Flatten
    layers.append(last())
    layers += [keras.layers.Dense(units, activation="relu") for units in network.dense]
    layers.append(keras.layers.Dense(network.classes, dtype="float32"))
    return keras.Sequential(layers)


class Keras(Trainer):
    """Keras on TensorFlow.

    Parameters
    ----------
    policy : {"float32", "mixed_bfloat16"}
        Of all layers but the last.
    jit : bool
        Whether XLA compiles the step.
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
        policy: str = "float32",
        jit: bool = False,
    ) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        keras.mixed_precision.set_global_policy(policy)
        self.model = build(network)
        shapes = [w.shape for w in self.model.get_weights()]
        self.first = [_swapped(w, s) for w, s in zip(weights, shapes, strict=True)]
        self.model.set_weights(self.first)
        self.shapes = [w.shape for w in weights]
        self.optimizer = keras.optimizers.Adam(1e-3, epsilon=1e-7)
        self.optimizer.build(self.model.trainable_variables)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.step = tf.function(self._step, jit_compile=jit)
        self.batches = [
            (tf.constant(x[k : k + batch_size]), tf.constant(y[k : k + batch_size]))
            for k in range(0, len(x), batch_size)
        ]

    def _step(self, x: Any, y: Any) -> Any:
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.loss(y, self.model(x, training=True))
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        losses = [self.step(*self.batches[k % len(self.batches)]) for k in range(times)]
        numbers = [float(loss) for loss in losses]
        return time.perf_counter() - start, numbers

    def restart(self) -> None:
        self.model.set_weights(self.first)
        for variable in self.optimizer.variables:
            if variable is not self.optimizer.learning_rate:
                variable.assign(tf.zeros_like(variable.value))

    def weights(self) -> list[Numbers]:
        values = self.model.get_weights()
        return [_swapped(w, s) for w, s in zip(values, self.shapes, strict=True)]


def _swapped(values: Numbers, shape: tuple[int, ...]) -> Numbers:
    """Return weights, those of a depthwise convolution between (k, k, 1, C) and (k, k, C, 1)."""
    return values if values.shape == shape else values.swapaxes(2, 3)


if __name__ == "__main__":
    serve(
        {
            "float32": Keras,
            "float32-jit": partial(Keras, jit=True),
            "bfloat16": partial(Keras, policy="mixed_bfloat16"),
            "bfloat16-jit": partial(Keras, policy="mixed_bfloat16", jit=True),
        }
    )
