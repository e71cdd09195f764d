"""Activation functions as layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet import activations
from kernelet.errors import ConfigurationError
from kernelet.layers.arguments import require_finite
from kernelet.layers.base import Layer
from kernelet.ops.activation import Activate
from kernelet.ops.softmax import Softmax as SoftmaxOp
from kernelet.program import ProgramBuilder, Value


@final
@dataclass(eq=False, repr=False)
class Activation(Layer):
    """An activation function by name.

    Parameters
    ----------
    activation : str or ActivationFunction
        "linear", "relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu" or "softmax".

    Examples
    --------
    >>> Activation("relu")([[-1.0, 2.0]]).tolist()
    [[0.0, 2.0]]
    """

    activation: str | activations.ActivationFunction

    def validate(self) -> None:
        self.activation = activations.get(self.activation).name

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        return activations.get(self.activation).lower(build, inputs[0])


@final
@dataclass(eq=False, repr=False)
class ReLU(Layer):
    """max(x, 0), or ``negative_slope`` · x below zero.

    Parameters
    ----------
    negative_slope : float
    """

    negative_slope: float = 0.0

    def validate(self) -> None:
        require_finite("negative_slope", self.negative_slope)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        slope = float(self.negative_slope)
        op = Activate("leaky_relu", slope) if slope else Activate("relu")
        return build.add(op, inputs[0])


@final
@dataclass(eq=False, repr=False)
class LeakyReLU(Layer):
    """x above zero, ``negative_slope`` · x below.

    Parameters
    ----------
    negative_slope : float
    """

    negative_slope: float = 0.3

    def validate(self) -> None:
        require_finite("negative_slope", self.negative_slope)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        return build.add(Activate("leaky_relu", float(self.negative_slope)), inputs[0])


@final
@dataclass(eq=False, repr=False)
class Softmax(Layer):
    """Positive numbers of sum 1 along the last axis: exp(x) / Σ exp(x).

    Parameters
    ----------
    axis : int
        −1, the last axis.
    """

    axis: int = -1

    def validate(self) -> None:
        if self.axis != -1:
            raise ConfigurationError(f"Softmax works along the last axis, -1, not {self.axis!r}.")

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        return build.add(SoftmaxOp(), inputs[0])
