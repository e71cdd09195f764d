"""Activations: functions of one number, applied to every element."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from kernelet.errors import ConfigurationError
from kernelet.ops.checks import require
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value

KINDS = ("relu", "leaky_relu", "sigmoid", "tanh", "gelu", "silu")

# Monotonic and with a derivative that the output tells: the input need not be kept, and a
# convolution may apply them to its sums.
_FROM_OUTPUT = ("relu", "leaky_relu", "sigmoid", "tanh")

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Array) -> Array:
    # 1 / (1 + exp(-x)), for negative x as exp(x) / (exp(x) + 1): neither overflows.
    power = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, power, 1.0) / (1 + power), np.float64)


def _normal_distribution(x: Array) -> Array:
    return np.asarray(0.5 + 0.5 * _erf(x / math.sqrt(2)), np.float64)


def _normal_density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


_FUNCTIONS: dict[str, Callable[[Array, float], Array]] = {
    "relu": lambda x, _: np.maximum(x, 0),
    "leaky_relu": lambda x, slope: np.where(x < 0, slope * x, x),
    "sigmoid": lambda x, _: _sigmoid(x),
    "tanh": lambda x, _: np.tanh(x),
    "gelu": lambda x, _: x * _normal_distribution(x),
    "silu": lambda x, _: x * _sigmoid(x),
}

# Of the output for the kinds in _FROM_OUTPUT, of the input for the others.
_DERIVATIVES: dict[str, Callable[[Array, float], Array]] = {
    "relu": lambda y, _: np.where(y <= 0, 0.0, 1.0),
    "leaky_relu": lambda y, slope: np.where(y <= 0, slope, 1.0),
    "sigmoid": lambda y, _: y * (1 - y),
    "tanh": lambda y, _: 1 - y * y,
    "gelu": lambda x, _: _normal_distribution(x) + x * _normal_density(x),
    "silu": lambda x, _: _sigmoid(x) * (1 + x * (1 - _sigmoid(x))),
}


class _Activation(Op, frozen=True):
    """Attributes that an activation and its gradient share.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    slope : float
        Of ``leaky_relu`` below zero; at least 0, so that the sign of the output is the input's.
    """

    kind: str
    slope: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigurationError(
                f"an activation must be one of {', '.join(KINDS)}, not {self.kind!r}."
            )
        if self.kind == "leaky_relu":
            if not 0 <= self.slope < math.inf:
                raise ConfigurationError(
                    f"the slope of leaky_relu must be at least 0, not {self.slope}."
                )
        elif self.slope != 0:
            raise ConfigurationError(f"only leaky_relu has a slope, not {self.kind}.")

    @property
    def from_output(self) -> bool:
        """Whether the gradient is computed from the output instead of the input."""
        return self.kind in _FROM_OUTPUT

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)


class Activate(_Activation, frozen=True):
    """Activation: ``x → σ(x)``. ``gelu`` is the exact one, ``x · Φ(x)``."""

    name = "activate"

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        return (x,)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        saved = node.output if self.from_output else node.inputs[0]
        return (build.add(ActivateGradient(self.kind, self.slope), upstream, saved),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (_FUNCTIONS[self.kind](inputs[0], self.slope),)


class ActivateGradient(_Activation, frozen=True):
    """Gradient by the input: ``(upstream, saved) → upstream · σ'``.

    ``saved`` is the output of the activation for relu, leaky_relu, sigmoid and tanh, and its
    input for gelu and silu. At zero, relu and leaky_relu have the derivative of the negative side.
    """

    name = "activate_gradient"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        _, saved = inputs
        require(self.name, (saved, saved), inputs)
        return (saved,)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        upstream, saved = inputs
        return (upstream * _DERIVATIVES[self.kind](saved, self.slope),)
