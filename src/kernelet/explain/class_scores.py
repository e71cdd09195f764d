"""The classes that a network tells apart, and their scores before the last activation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.model.base import Model
from kernelet.ops.activation import Activate
from kernelet.ops.softmax import Softmax
from kernelet.program import ProgramBuilder, Value
from kernelet.training.losses import before_activation


def scores(build: ProgramBuilder, output: Value) -> Value:
    """Return what a final softmax or sigmoid was applied to, else the output itself."""
    for activation in (Softmax(), Activate("sigmoid")):
        before = before_activation(build, output, activation)
        if before is not None:
            return before
    return output


def require_classes(model: Model) -> int:
    """Return how many classes a network tells apart; a single output stands for two.

    Raises
    ------
    UsageError
        If its output is not one row of numbers.
    """
    shapes = [tensor.sample_shape for tensor in model.outputs]
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise UsageError(
            f"a network with one row of outputs, a class each, is needed; this one has {shapes}."
        )
    return max(2, shapes[0][0])


def score_direction(target: int, outputs: int) -> NDArray[np.float32]:
    """Return the gradient of a class's score by all scores, shape (outputs,).

    Examples
    --------
    >>> score_direction(2, 4).tolist(), score_direction(0, 1).tolist()
    ([0.0, 0.0, 1.0, 0.0], [-1.0])
    """
    if outputs == 1:
        return np.array([1 if target else -1], np.float32)
    direction = np.zeros(outputs, np.float32)
    direction[target] = 1
    return direction


def require_target(target: int, classes: int) -> int:
    """Return the number of a class.

    Raises
    ------
    UsageError
        If there is no such class.
    """
    if not 0 <= target < classes:
        raise UsageError(f"target is {target}; expected the number of a class, 0 to {classes - 1}.")
    return int(target)
