"""The dense layer: σ(Wᵀx + b)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

from kernelet import activations, initializers
from kernelet.initializers import AnyInitializer
from kernelet.layers.arguments import require_positive
from kernelet.layers.base import Layer
from kernelet.ops.bias import BiasAdd
from kernelet.ops.dense import MatrixProduct
from kernelet.program import ProgramBuilder, Value


@final
@dataclass(eq=False, repr=False)
class Dense(Layer):
    """Every output a weighted sum of every input.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str or ActivationFunction, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Input (numbers,); output (units,). Weights: ``kernel`` of (numbers, units), ``bias`` of
    (units,).

    Examples
    --------
    >>> from kernelet.layers import Input
    >>> Dense(10)(Input((84,))).shape
    (None, 10)
    """

    units: int
    activation: str | activations.ActivationFunction | None = None
    use_bias: bool = True
    kernel_initializer: str | AnyInitializer = "glorot_uniform"
    bias_initializer: str | AnyInitializer = "zeros"

    rank: ClassVar[int | None] = 1

    def validate(self) -> None:
        require_positive("units", self.units)
        self.activation = activations.configured(self.activation)
        initializers.get(self.kernel_initializer)
        initializers.get(self.bias_initializer)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        kernel = self.weight(build, "kernel", (x.shape[0], self.units))
        product = build.add(MatrixProduct(), x, kernel)
        if self.use_bias:
            product = build.add(BiasAdd(), product, self.weight(build, "bias", (self.units,)))
        return activations.get(self.activation).lower(build, product)
