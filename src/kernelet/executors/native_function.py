"""A program of one input and one output as a function on arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet import _engine
from kernelet.executors.aligned import result_array
from kernelet.executors.native import TARGET, engine_plan
from kernelet.plan.planner import make_plan
from kernelet.plan.single import SingleSamples
from kernelet.plan.storage import SampleBlocks, Storage
from kernelet.program import Program

Floats = NDArray[np.float32]


class NativeFunction:
    """A planned program, whose parameters are arrays of the caller's.

    Parameters
    ----------
    program : Program
        Of one input and one output; without updates, and with at most one parameter of the role
        "weight" and one of the role "slot".
    samples : int
        Of one step, at most.
    threads : int
        That are worth waking.
    in_place : bool
        Whether samples are read one by one where they lie, as float32, and results written where
        they go; otherwise they are brought side by side.
    """

    def __init__(self, program: Program, samples: int, threads: int, *, in_place: bool) -> None:
        offsets = {parameter.name: 0 for parameter in program.parameters}
        storage: Storage
        if in_place:
            storage = SingleSamples(program, TARGET.lanes, spread=True, in_place=True)
        else:
            storage = SampleBlocks(TARGET, alone=True)
        plan = make_plan(program, samples, offsets, TARGET, storage, threads)
        (output,) = program.outputs.values()
        self._shape = output.shape
        self._samples = samples
        self._threads = threads
        self._engine = engine_plan(plan, _engine.resolve_isa(None))
        self._orders: dict[int, tuple[NDArray[np.int64], Floats, Floats]] = {}

    def __call__(self, x: NDArray[Any], weights: Floats, others: Floats) -> Floats:
        """Return the results of a batch.

        Parameters
        ----------
        x : ndarray, shape (n, ...)
            Contiguous, of float32 or, if not in place, of uint8.
        weights, others : ndarray of float32
            The parameters, contiguous; empty ones where there are none.
        """
        count = len(x)
        y = result_array((count, *self._shape))
        order, rates, results = self._order(count)
        self._engine.run(
            weights, others, [x], [y], order, rates, results, 0, 0, 0, 0, self._threads
        )
        return y

    def _order(self, count: int) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return the order of a batch, and what each of its steps is given and reports: nothing."""
        found = self._orders.get(count)
        if found is None:
            steps = -(-count // self._samples)
            self._orders = {count: _order_of(count, steps)}
            found = self._orders[count]
        return found

    def memory(self) -> int:
        """Return the bytes that it holds."""
        return self._engine.memory(self._threads)


def _order_of(count: int, steps: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    return (
        np.arange(count, dtype=np.int64),
        np.zeros(steps, np.float32),
        np.zeros((steps, 0), np.float32),
    )
