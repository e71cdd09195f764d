"""What every executor offers: a program run over batches of a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.program import Parameter, Program

FloatArray = NDArray[np.floating[Any]]


class ParameterOwner(Protocol):
    """Who knows whether parameters may have changed."""

    def version(self) -> int | None:
        """Return a number that is another one wherever they may have, None where nobody knows."""

    def changed(self) -> None:
        """Note that they have."""


class State(msgspec.Struct):
    """Flat arrays that hold the parameters of a program; an executor updates them in place.

    Attributes
    ----------
    parameters, slots : ndarray, one-dimensional
        Weights with statistics, and the optimizer's state.
    offsets : mapping of str to int
        Where each parameter, of either kind, begins.
    owner : ParameterOwner, optional
        Told by executors that update parameters; without one they may change at any time.
    """

    parameters: FloatArray
    slots: FloatArray
    offsets: Mapping[str, int]
    owner: ParameterOwner | None = None

    def version(self) -> int | None:
        """Return the version of the parameters, None where nobody knows it."""
        return None if self.owner is None else self.owner.version()

    def changed(self) -> None:
        """Note that an executor updated parameters."""
        if self.owner is not None:
            self.owner.changed()

    def view(self, parameter: Parameter) -> FloatArray:
        """Return a parameter as a view of its shape."""
        buffer = self.slots if parameter.role == "slot" else self.parameters
        begin = self.offsets[parameter.name]
        value = parameter.value
        return buffer[begin : begin + value.size].reshape(value.shape)


class Run(msgspec.Struct):
    """Some steps: which samples, in which order, keyed how.

    Attributes
    ----------
    inputs : mapping of str to ndarray, shape (rows, ...)
        A row a sample of the data set for every input of the program; float32, uint8 or int32.
    order : ndarray of int64
        Row of each sample in the order of visiting; every ``batch_size`` of them are one step.
    outputs : mapping of str to ndarray of float32, shape (rows, ...)
        Arrays to fill for the program's batched outputs, one row a visited sample.
    learning_rates : ndarray of float32
        One a step.
    first_step : int
        Optimizer steps taken before.
    position : int
        Row of ``outputs`` where the first visited sample goes.
    seed, epoch : int
        Keys of the random numbers.
    """

    inputs: Mapping[str, NDArray[Any]]
    order: NDArray[np.int64]
    outputs: Mapping[str, NDArray[np.float32]] = msgspec.field(default_factory=dict)
    learning_rates: NDArray[np.float32] | None = None
    first_step: int = 0
    position: int = 0
    seed: int = 0
    epoch: int = 0


class Results(msgspec.Struct, frozen=True):
    """What the steps of a run reported.

    Attributes
    ----------
    steps : int
        Steps done; fewer than asked for where a loss was not finite.
    values : dict of str to ndarray, shape (steps,)
        The program's shared outputs (single numbers) after each step done or tried.
    """

    steps: int
    values: dict[str, NDArray[np.float32]]


OneStep = Callable[[Sequence[NDArray[Any]]], list[NDArray[np.float32]]]


class Executor(ABC):
    """Runs one program for one batch size on one state."""

    program: Program
    batch_size: int

    @abstractmethod
    def run(self, run: Run) -> Results:
        """Run one step for every ``batch_size`` samples of the order; the last may be smaller."""

    @abstractmethod
    def memory(self) -> int:
        """Return the bytes that the executor holds besides the state and the data."""

    def steps(self, run: Run) -> int:
        """Return how many steps a run asks for."""
        return -(-len(run.order) // self.batch_size)

    def one_step(self, samples: int) -> OneStep:
        """Return a function that runs a step over so many samples, as often as it is called.

        Parameters
        ----------
        samples : int
            Rows of the arrays that it is given, no more than ``batch_size``.

        Returns
        -------
        callable
            From the arrays of the program's inputs, contiguous, to those of its batched outputs,
            both in the program's order.
        """
        order = np.arange(samples, dtype=np.int64)
        shapes = self._output_shapes(samples)

        def run(arrays: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
            outputs = {name: np.empty(shape, np.float32) for name, shape in shapes.items()}
            self.run(Run(dict(zip(self.program.inputs, arrays, strict=True)), order, outputs))
            return list(outputs.values())

        return run

    def _output_shapes(self, samples: int) -> dict[str, tuple[int, ...]]:
        outputs = self.program.outputs.items()
        return {name: (samples, *value.shape) for name, value in outputs if value.batched}
