"""The program: a network lowered to primitive operations with every shape resolved.

Layers emit operations through a `ProgramBuilder`; planners, executors, exporters, the summary and
the cost ledger read the finished, immutable `Program`. A value is either *batched* (one array a
sample; its ``shape`` leaves the batch out) or shared by all samples (a weight, its gradient, a
mean over the batch). Programs are therefore independent of the batch size.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Role = Literal["weight", "statistic", "slot"]


@dataclass(frozen=True, slots=True)
class Type:
    """Shape of a value (without the batch) and whether every sample has one of its own."""

    shape: Shape
    batched: bool = True

    @property
    def size(self) -> int:
        """Number of elements, for one sample where batched."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Value:
    """One array of a program.

    Attributes
    ----------
    index : int
        Position among all values of the program; identity and order.
    type : Type
        Shape and batching.
    name : str
        For messages and `describe`.
    """

    index: int
    type: Type
    name: str

    @property
    def shape(self) -> Shape:
        """Shape, without the batch."""
        return self.type.shape

    @property
    def batched(self) -> bool:
        """Whether every sample has an array of its own."""
        return self.type.batched

    @property
    def size(self) -> int:
        """Number of elements, for one sample where batched."""
        return self.type.size


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that outlives a step.

    Attributes
    ----------
    value : Value
        Shared by all samples.
    name : str
        ``<layer>/<weight>``, unique in the program.
    role : {"weight", "statistic", "slot"}
        Learned by gradient descent, measured from the data (running means), or kept by the
        optimizer.
    trainable : bool
        Whether gradient descent may change it.
    """

    value: Value
    name: str
    role: Role = "weight"
    trainable: bool = True


@dataclass(frozen=True, slots=True)
class Cost:
    """Arithmetic of one operation, for one sample where its output is batched.

    Attributes
    ----------
    multiply_adds : int
        Multiplications followed by an addition, each pair counted once; bias apart.
    other : int
        Every other arithmetic operation on an element.
    """

    multiply_adds: int = 0
    other: int = 0


@dataclass(frozen=True)
class StepContext:
    """What an operation may know about the step it runs in.

    Attributes
    ----------
    samples : ndarray of int64, shape (n,)
        Row of each sample of the batch in its data set; keys its random numbers.
    seed, epoch : int
        Keys of the random numbers.
    step : int
        Number of this optimizer step, from 1.
    learning_rate : float
        Of this step.
