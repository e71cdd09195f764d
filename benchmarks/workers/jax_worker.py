"""JAX: a training step as one jitted function on NHWC pictures, with an Adam of its own."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import Convolution, Network
from workers.protocol import Numbers, Trainer, serve

RATE, BETA_1, BETA_2, EPSILON = 1e-3, 0.9, 0.999, 1e-7
# Keras' defaults, which the other contenders have.
MOMENTUM, NORMALIZATION_EPSILON = 0.99, 1e-3


def _convolve(c: Convolution, x: jax.Array, kernel: jax.Array) -> jax.Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        c.sides(c.strides),
        [(padding, padding) for padding in c.sides(c.padding, 0)],
        rhs_dilation=c.sides(c.dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=c.groups,
    )


def _pool(x: jax.Array, sides: tuple[int, int]) -> jax.Array:
    window = (1, *sides, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


def _normalize(x: jax.Array, weights: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
    """Return what a batch normalization makes of a batch, and its new running averages."""
    gamma, beta, running_mean, running_variance = weights
    numbers = x.astype(jnp.float32)
    mean, variance = numbers.mean((0, 1, 2)), numbers.var((0, 1, 2))
    scaled = (numbers - mean) * lax.rsqrt(variance + NORMALIZATION_EPSILON)
    averages = [
        MOMENTUM * old + (1 - MOMENTUM) * new
        for old, new in ((running_mean, mean), (running_variance, variance))
    ]
    return (scaled * gamma + beta).astype(x.dtype), averages


def forward(
    network: Network, dtype: Any, weights: list[jax.Array], x: jax.Array
) -> tuple[jax.Array, list[jax.Array]]:
    """Return scores, and the weights with new running averages."""
    remaining, kept = iter(weights), list[jax.Array]()

    def take(count: int) -> list[jax.Array]:
        taken = [next(remaining) for _ in range(count)]
        kept.extend(taken)
        return taken

    def product(count: int) -> list[jax.Array]:
        return [w.astype(dtype) for w in take(count)]

    x = x.astype(dtype)
    for c in network.convolutions:
        x = _convolve(c, x, *product(1))
        if c.normalized:
            x, averages = _normalize(x, take(4))
            kept[-2:] = averages
        else:
            x += product(1)[0]
        x = jax.nn.relu(x)
        x = _pool(x, c.sides(c.pool)) if c.pool > 1 else x
    x = x.mean((1, 2)) if network.averaged else x.reshape(len(x), -1)
    for _ in network.dense:
        kernel, bias = product(2)
        x = jax.nn.relu(x @ kernel + bias)
    kernel, bias = product(2)
    return (x @ kernel + bias).astype(jnp.float32), kept


class Jax(Trainer):
    """JAX; with bfloat16, products are computed in it and weights are kept in float32."""

    def __init__(
        self,
        network: Network,
        weights: list[Numbers],
        x: Numbers,
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
        *,
        dtype: Any = jnp.float32,
    ) -> None:
        del threads  # XLA takes as many as there are processors for this process.
        self.first = weights
        self.restart()
        self.step = jax.jit(partial(_step, network, dtype), donate_argnums=0)
        self.batches = [
            (jnp.asarray(x[k : k + batch_size]), jnp.asarray(y[k : k + batch_size]))
            for k in range(0, len(x), batch_size)
        ]

    def restart(self) -> None:
        first, second = ([jnp.zeros(w.shape, jnp.float32) for w in self.first] for _ in range(2))
        # Copied: a step gives the memory of its arguments to its results.
        weights = [jnp.array(w, copy=True) for w in self.first]
        self.state = (weights, first, second, jnp.zeros((), jnp.int32))

    def run(self, times: int) -> tuple[float, list[float]]:
        losses = []
        start = time.perf_counter()
        for k in range(times):
            self.state, loss = self.step(self.state, *self.batches[k % len(self.batches)])
            losses.append(loss)
        numbers = [float(loss) for loss in losses]
        jax.block_until_ready(self.state)
        return time.perf_counter() - start, numbers

    def weights(self) -> list[Numbers]:
        return [np.asarray(w) for w in self.state[0]]


def _step(
    network: Network, dtype: Any, state: Any, x: jax.Array, y: jax.Array
) -> tuple[Any, jax.Array]:
    """Return the state after an Adam step, and the loss before it."""

    def loss_of(weights: list[jax.Array]) -> tuple[jax.Array, list[jax.Array]]:
        scores, kept = forward(network, dtype, weights, x)
        logarithms = jax.nn.log_softmax(scores)
        return -jnp.take_along_axis(logarithms, y[:, None], 1).mean(), kept

    weights, first, second, steps = state
    (loss, kept), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
    steps += 1
    rate = RATE * jnp.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
    first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, gradients, strict=True)]
    second = [BETA_2 * v + (1 - BETA_2) * g * g for v, g in zip(second, gradients, strict=True)]
    # The gradient by a running average is zero, so that it is only carried along.
    weights = [
        w - rate * m / (jnp.sqrt(v) + EPSILON) for w, m, v in zip(kept, first, second, strict=True)
    ]
    return (weights, first, second, steps), loss


if __name__ == "__main__":
    serve({"float32": Jax, "bfloat16": partial(Jax, dtype=jnp.bfloat16)})
