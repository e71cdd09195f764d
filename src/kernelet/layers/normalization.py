"""Batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet import initializers
from kernelet.errors import ConfigurationError
from kernelet.initializers import AnyInitializer
from kernelet.layers.arguments import require_finite
from kernelet.layers.base import Layer
from kernelet.layers.problems import require_last_axis
from kernelet.ops.normalization import ChannelMean, ChannelVariance, MovingAverage, Normalize
from kernelet.program import ProgramBuilder, Value


@final
@dataclass(eq=False, repr=False)
class BatchNormalization(Layer):
    """Bring each channel to mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015).

    While training, mean and variance are those of the batch, and running averages of them are
    kept; outside training, and where ``trainable`` is False, the running averages are used.

    Parameters
    ----------
    axis : int
        −1, the channels, or their number counted with the batch: 3 for pictures.
    momentum : float
        Part of the running averages that a step keeps; from 0 to 1.
    epsilon : float
        Added to the variance.
    center, scale : bool
        Whether to add a learned ``beta``, and to multiply by a learned ``gamma``.
    beta_initializer, gamma_initializer : str or Initializer
    moving_mean_initializer, moving_variance_initializer : str or Initializer

    Notes
    -----
    Weights, all of (channels,): ``gamma``, ``beta``, ``moving_mean``, ``moving_variance``.
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: str | AnyInitializer = "zeros"
    gamma_initializer: str | AnyInitializer = "ones"
    moving_mean_initializer: str | AnyInitializer = "zeros"
    moving_variance_initializer: str | AnyInitializer = "ones"

    def validate(self) -> None:
        require_finite("momentum", self.momentum)
        require_finite("epsilon", self.epsilon)
        if not 0 <= self.momentum <= 1:
            raise ConfigurationError(f"momentum must be from 0 to 1, not {self.momentum!r}.")
        if self.epsilon <= 0:
            raise ConfigurationError(f"epsilon must be above 0, not {self.epsilon!r}.")
        for name in ("beta", "gamma", "moving_mean", "moving_variance"):
            initializers.get(getattr(self, f"{name}_initializer"))

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        require_last_axis(self.axis, x.shape)
        shape = x.shape[-1:]
        learned = []
        if self.scale:
            learned.append(self.weight(build, "gamma", shape))
        if self.center:
            learned.append(self.weight(build, "beta", shape))
        running_mean = self.weight(build, "moving_mean", shape, "statistic")
        running_variance = self.weight(build, "moving_variance", shape, "statistic")
        mean, variance = running_mean, running_variance
        of_batch = training and self.trainable
        if of_batch:
            mean = build.add(ChannelMean(), x)
            variance = build.add(ChannelVariance(), x, mean)
            self._average(build, running_mean, mean)
            self._average(build, running_variance, variance)
        op = Normalize(float(self.epsilon), self.scale, self.center, of_batch)
        return build.add(op, x, mean, variance, *learned)

    def _average(self, build: ProgramBuilder, running: Value, current: Value) -> None:
        # A shared layer averages once for each of its calls.
        so_far = build.updates.get(running, running)
        build.updates[running] = build.add(MovingAverage(float(self.momentum)), so_far, current)
