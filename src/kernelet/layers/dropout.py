"""Dropout: training without a random part of the activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from kernelet.layers.arguments import require_fraction
from kernelet.layers.base import Layer
from kernelet.layers.streams import next_stream
from kernelet.ops.dropout import Dropout as DropoutOp
from kernelet.program import ProgramBuilder, Value


@final
@dataclass(eq=False, repr=False)
class Dropout(Layer):
    """Set a random part of the inputs to zero while training (Srivastava et al. 2014).

    The rest is divided by 1 − rate, so that nothing needs to change outside training.

    Parameters
    ----------
    rate : float
        Part to drop, at least 0 and below 1.
    """

    rate: float

    def validate(self) -> None:
        require_fraction("rate", self.rate)

    def lower(self, build: ProgramBuilder, inputs: Sequence[Value], training: bool) -> Value:
        (x,) = inputs
        if not training or self.rate == 0:
            return x
        return build.add(DropoutOp(float(self.rate), next_stream(build)), x)
