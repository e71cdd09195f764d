"""Dropout: zeroing random elements while training."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kernelet import random
from kernelet.errors import ConfigurationError, ShapeError
from kernelet.program import Array, Cost, Node, Op, ProgramBuilder, StepContext, Type, Value


class Dropout(Op, frozen=True):
    """Each element becomes zero with probability ``rate``, otherwise ``x / (1 − rate)``.

    An element is kept where its fraction (`kernelet.random.fractions`) is at least ``rate``. The
    gradient drops the same elements: it is the same operation with the same stream.

    Attributes
    ----------
    rate : float
        At least 0 and below 1.
    stream : int
        Stream of random numbers, one for each dropout of a network.
    """

    rate: float
    stream: int
    name = "dropout"

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise ConfigurationError(
                f"the rate of dropout must be at least 0 and below 1, not {self.rate}."
            )

    @property
    def threshold(self) -> int:
        """Elements whose word, shifted right by 8 bits, is at least this are kept."""
        return math.ceil(self.rate * 2**24)

    @property
    def scale(self) -> float:
        """Factor of the elements that are kept."""
        return 1 / (1 - self.rate)

    def types(self, *inputs: Type) -> tuple[Type, ...]:
        (x,) = inputs
        if not x.batched:
            raise ShapeError("dropout needs a value of which every sample has its own.")
        return (x,)

    def cost(self, *inputs: Type) -> Cost:
        return Cost(other=inputs[0].size)

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        return (build.add(self, upstream),)

    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        (x,) = inputs
        count = math.prod(x.shape[1:])
        words = random.words(context.seed, self.stream, context.epoch, context.samples, count)
        kept = random.fractions(words) >= self.rate
        return (np.where(kept.reshape(x.shape), x * self.scale, 0.0),)
