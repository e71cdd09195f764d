"""One convolution or pooling on arrays: by the engine in float32, by its definition in float64."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet import activations
from kernelet.convolution.bands import (
    Operation,
    divide,
    input_shape,
    joined,
    output_shape,
    split,
)
from kernelet.convolution.choice import one_by_one_pays
from kernelet.errors import UsageError
from kernelet.executors.base import Run
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.program import Program, ProgramBuilder, StepContext
from kernelet.weights import Weights

# Bytes of the plans that are kept for further calls; each holds a block a thread.
KEPT_BYTES = 1 << 28
# Samples of one step of a plan. Steps follow each other with a barrier in between.
STEP_SAMPLES = 1 << 16

Numbers = NDArray[np.floating[Any]]


def result_type(*arrays: NDArray[Any]) -> np.dtype[Any]:
    """Return float32 where it holds every number of the arrays' types, otherwise float64.

    Raises
    ------
    UsageError
        If neither holds them.
    """
    for array in arrays:
        if array.dtype.kind not in "biuf":
            raise UsageError(f"expected arrays of real numbers, got one of {array.dtype}.")
    dtype = np.result_type(np.float32, *(array.dtype for array in arrays))
    if dtype not in (np.float32, np.float64):
        raise UsageError(
            f"convolutions are computed in float32 or float64, not in {dtype};"
            " convert the arrays with x.astype(numpy.float64)."
        )
    return dtype


@dataclass(frozen=True)
class _Key:
    """What a plan depends on."""

    op: Operation
    biased: bool
    activation: str | None
    samples: int = STEP_SAMPLES


def _program(key: _Key) -> Program:
    build = ProgramBuilder()
    inputs = [build.input("x", input_shape(key.op))]
    if isinstance(key.op, Convolution | ConvolutionInputGradient):
        inputs.append(build.parameter("filters", key.op.weights.shape))
    y = build.add(key.op, *inputs)
    if key.biased:
        y = build.add(BiasAdd(), y, build.parameter("bias", y.shape[-1:]))
    build.outputs["y"] = activations.get(key.activation).lower(build, y)
    return build.finish()


class _Runner:
    """A planned operation; its buffers serve one caller at a time."""

    def __init__(self, key: _Key) -> None:
        from kernelet.executors.native import NativeExecutor

        program = _program(key)
        self._shape = output_shape(key.op)
        self._weights = Weights(program.parameters)
        self._executor = NativeExecutor(program, key.samples, self._weights.state())
        self._lock = threading.Lock()
        self.memory = self._executor.memory() + self._weights.buffer.nbytes

    def run(self, x: NDArray[Any], weights: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        y = np.empty((len(x), *self._shape), np.float32)
        order = np.arange(len(x), dtype=np.int64)
        with self._lock:
            for name, values in weights.items():
                self._weights.assign(name, values)
            self._executor.run(Run({"x": x}, order, {"y": y}))
        return y


class _Kept:
    """The plans used last, as many as `KEPT_BYTES` hold."""

    def __init__(self) -> None:
        self._runners: OrderedDict[_Key, _Runner] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def runner(self, key: _Key) -> _Runner:
        with self._lock:
            if key in self._runners:
                self._runners.move_to_end(key)
                return self._runners[key]
            runner = self._runners[key] = _Runner(key)
            self._bytes += runner.memory
            while self._bytes > KEPT_BYTES and len(self._runners) > 1:
                _, oldest = self._runners.popitem(last=False)
                self._bytes -= oldest.memory
            return runner

    def count(self) -> int:
        """Return how many plans are kept."""
        return len(self._runners)

    def clear(self) -> None:
        """Forget all plans."""
        with self._lock:
            self._runners.clear()
            self._bytes = 0


plans = _Kept()


def _native(key: _Key, x: NDArray[Any], weights: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    if x.dtype != np.uint8:
        x = x.astype(np.float32, copy=False)
    if one_by_one_pays(key.op, len(x)):
        return plans.runner(replace(key, samples=len(x))).run(x, weights)
    op, bands = divide(key.op, len(x))
    for division in bands:
        x = split(x, division)
    y = plans.runner(replace(key, op=op)).run(x, weights)
    for division in reversed(bands):
        y = joined(y, division)
    return np.ascontiguousarray(y)


def _by_definition(
    key: _Key, x: NDArray[Any], weights: dict[str, NDArray[Any]]
) -> NDArray[np.float64]:
    from kernelet.executors.reference import evaluate

    program = _program(key)
    known = {p.value: weights[p.name].astype(np.float64) for p in program.parameters}
    known[program.inputs["x"]] = x.astype(np.float64)
    return evaluate(program, known, StepContext(np.arange(len(x))))[program.outputs["y"]]


def apply(
    op: Operation,
    x: NDArray[Any],
    weights: dict[str, NDArray[Any]],
    activation: str | None = None,
) -> Numbers:
    """Apply an operation, and a bias and an activation behind it, to a batch.

    Parameters
    ----------
    op : Operation
    x : ndarray, shape (n, ...)
    weights : dict of str to ndarray
        ``filters`` of a convolution, and ``bias``, if any.
    activation : str, optional

    Returns
    -------
    ndarray, shape (n, ...)
        float32, or float64 where float32 cannot hold the numbers of every array's type.

    Raises
    ------
    UsageError
        If an array does not hold real numbers.
    """
    dtype = result_type(x, *weights.values())
    if not len(x):
        return np.empty((0, *output_shape(op)), dtype)
    run = _native if dtype == np.float32 else _by_definition
    return run(_Key(op, "bias" in weights, activation), x, weights)
