"""What optimizers do to gradients and parameters, by the formulas of Keras.

Weight decay is decoupled from the gradient (Loshchilov and Hutter, "Decoupled Weight Decay
Regularization", 2019): a parameter w first becomes w · (1 − learning rate · decay). The learning
rate and the number of the step come with the step.
"""

from __future__ import annotations

import numpy as np

from kernelet.errors import ShapeError
from kernelet.ops.checks import describe, require
from kernelet.ops.reduction import BATCH_NUMBER
from kernelet.program import Array, Cost, Op, StepContext, Type


def _shared(value: Type) -> Type:
    return Type(value.shape, batched=False)


class SGDUpdate(Op, frozen=True):
    """Gradient descent: ``(parameter, gradient[, velocity]) → (parameter[, velocity])``.

    With momentum μ, learning rate η and gradient g, the velocity becomes v = μ · v − η · g and
    the parameter w + v, or with Nesterov's momentum w + μ · v − η · g. Without momentum there is
    no velocity and the parameter becomes w − η · g.

    Attributes
    ----------
    momentum : float
        Share of the velocity that stays; 0 for none.
    nesterov : bool
        Whether the parameter moves ahead along the new velocity.
    weight_decay : float
        Share of the parameter, times the learning rate, that is lost a step.
    """

    momentum: float
    nesterov: bool
    weight_decay: float
    name = "sgd_update"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        parameter = _shared(inputs[0])
        values = 3 if self.momentum else 2
        require(self.name, (parameter,) * values, inputs)
        return (parameter,) * (values - 1)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=(3 if self.momentum else 2) * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        parameter, gradient = inputs[:2]
        decayed = parameter * (1 - context.learning_rate * self.weight_decay)
        step = -context.learning_rate * gradient
        if not self.momentum:
            return (decayed + step,)
        velocity = self.momentum * inputs[2] + step
        moved = self.momentum * velocity + step if self.nesterov else velocity
        return (decayed + moved, velocity)


class AdamUpdate(Op, frozen=True):
    """Adam: ``(parameter, gradient, m, v) → (parameter, m, v)``.

    At step t with gradient g, m moves by (1 − β₁) · (g − m), v by (1 − β₂) · (g² − v), and the
    parameter by −η · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε) (Kingma and Ba, "Adam", 2015, with
    the bias correction folded into the learning rate as at the end of its section 2).

    Attributes
    ----------
    beta_1, beta_2 : float
        Share of the running mean of the gradient and of its square that stays.
    epsilon : float
        Added to the root; positive.
    weight_decay : float
        Share of the parameter, times the learning rate, that is lost a step.
    """

    beta_1: float
    beta_2: float
    epsilon: float
    weight_decay: float
    name = "adam_update"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        parameter = _shared(inputs[0])
        require(self.name, (parameter,) * 4, inputs)
        return (parameter,) * 3

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=4 * inputs[0].size, other=5 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        parameter, gradient, m, v = inputs
        correction = np.sqrt(1 - self.beta_2**context.step) / (1 - self.beta_1**context.step)
        m = m + (1 - self.beta_1) * (gradient - m)
        v = v + (1 - self.beta_2) * (np.square(gradient) - v)
        decayed = parameter * (1 - context.learning_rate * self.weight_decay)
        move = context.learning_rate * correction * m / (np.sqrt(v) + self.epsilon)
        return (decayed - move, m, v)


class GlobalNorm(Op, frozen=True):
    """Length of all gradients as one vector: ``(gradient, …) → √ Σ gradient²``."""

    name = "global_norm"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        if not inputs or any(value.batched for value in inputs):
            raise ShapeError(f"{self.name} expects gradients, got {describe(*inputs) or 'none'}.")
        return (BATCH_NUMBER,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(multiply_adds=sum(value.size for value in inputs))

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (np.sqrt(sum(np.square(gradient).sum() for gradient in inputs)),)


class ClipByNorm(Op, frozen=True):
    """Gradient scaled so that the norm is at most a limit: ``(gradient, norm) → gradient``.

    Attributes
    ----------
    limit : float
        Largest norm that is left alone; positive.
    """

    limit: float
    name = "clip_by_norm"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        gradient = _shared(inputs[0])
        require(self.name, (gradient, BATCH_NUMBER), inputs)
        return (gradient,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        gradient, norm = inputs
        return (gradient * (self.limit / np.maximum(norm, self.limit)),)


class ClipByValue(Op, frozen=True):
    """Gradient with every number brought into ``[−limit, limit]``.

    Attributes
    ----------
    limit : float
        Largest magnitude; positive.
    """

    limit: float
    name = "clip_by_value"
    differentiable = False

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        gradient = _shared(inputs[0])
        require(self.name, (gradient,), inputs)
        return (gradient,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=2 * inputs[0].size)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        return (np.clip(inputs[0], -self.limit, self.limit),)
