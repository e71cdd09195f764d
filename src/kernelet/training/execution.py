"""Executors of a model's programs, made once and kept while they fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kernelet.errors import ConfigurationError
from kernelet.executors.base import Executor, State
from kernelet.executors.native import NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.program import Program
from kernelet.weights import Weights

if TYPE_CHECKING:
    from kernelet.model import Model

PRECISIONS = ("auto", "float32", "bfloat16")
DEVICES = ("cpu", "reference")
DEFAULT_BATCH_SIZE = 32
# Each holds arenas of its own; batches of ever new sizes must not fill the memory.
_MOST_EXECUTORS = 8


class Machine(msgspec.Struct, frozen=True):
    """Where programs run, and how many samples at a time.

    Attributes
    ----------
    batch_size : int
        Most samples a step.
    threads : int or None
        None for as many as the process may use.
    device : {"cpu", "reference"}
        The engine, or the float64 definition of every operation.
    precision : {"auto", "float32", "bfloat16"}
        Of what the engine multiplies.
    """

    batch_size: int
    threads: int | None = None
    device: str = "cpu"
    precision: str = "float32"

    @classmethod
    def checked(
        cls,
        batch_size: int | None = None,
        threads: int | None = None,
        device: str = "cpu",
        precision: str = "float32",
    ) -> Machine:
        """Return a machine from a user's arguments.

        Raises
        ------
        ConfigurationError
            If one of them cannot be had.
        """
        if device not in DEVICES:
            raise ConfigurationError(
                f'device {device!r} is not available: kernelet computes on the processor ("cpu"), '
                'or with its float64 definition of every operation ("reference", slow).'
            )
        if precision not in PRECISIONS:
            raise ConfigurationError(
                f'precision {precision!r} is not available: the engine multiplies in "float32" or '
                '"bfloat16"; "auto" takes bfloat16 where the processor has instructions for it.'
            )
        size = DEFAULT_BATCH_SIZE if batch_size is None else batch_size
        for name, value in (("batch_size", size), ("threads", threads)):
            if value is not None and not _is_count(value):
                raise ConfigurationError(f"{name} must be an integer of at least 1, not {value!r}.")
        return cls(int(size), threads, device, precision)

    def at_most(self, samples: int) -> Machine:
        """Return the machine with a batch no larger than a data set."""
        return msgspec.structs.replace(self, batch_size=min(self.batch_size, samples))

    def executor(self, program: Program, state: State) -> Executor:
        """Return an executor of a program."""
        if self.device == "reference":
            return ReferenceExecutor(program, self.batch_size, state)
        return NativeExecutor(
            program, self.batch_size, state, threads=self.threads, precision=self.precision
        )


def _is_count(value: object) -> bool:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return whole and value >= 1  # type: ignore[operator]


class Executors:
    """Executors of one model, by purpose, batch size, threads and device.

    Parameters
    ----------
    model : Model
        Its weights are read and updated in place.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[tuple[str, Machine], Executor] = {}
        self._graph = model.graph
        self._weights = model.weights

    def get(
        self,
        purpose: str,
        program: Callable[[], Program],
        machine: Machine,
        slots: Weights | None = None,
    ) -> Executor:
        """Return an executor, making program and plan only where there is none yet.

        Parameters
        ----------
        purpose : str
            Which program it is.
        program : callable
            Makes it.
        machine : Machine
            Where it runs.
        slots : Weights, optional
            State of the optimizer.
        """
        if self.model.graph is not self._graph or self.model.weights is not self._weights:
            self._known.clear()
            self._graph, self._weights = self.model.graph, self.model.weights
        key = (purpose, machine)
        if key not in self._known:
            if len(self._known) == _MOST_EXECUTORS:
                del self._known[next(iter(self._known))]
            state = self.model.weights.state(slots)
            self._known[key] = machine.executor(program(), state)
        return self._known[key]
