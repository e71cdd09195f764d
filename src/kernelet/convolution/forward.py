"""One convolution or pooling on arrays: by the engine in float32, by its definition in float64."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet import activations
from kernelet.convolution.choice import best_way
from kernelet.convolution.operation import AnyConvolution, Operation, input_shape, output_shape
from kernelet.errors import UsageError
from kernelet.ops.bias import BiasAdd
from kernelet.program import Program, ProgramBuilder, StepContext

# Bytes of the plans that are kept for further calls: packed filters, a block a thread, and what a
# plan itself takes.
KEPT_BYTES = 1 << 28
PLAN_BYTES = 1 << 14
# Samples of one step of a plan. Steps follow each other with a barrier in between.
STEP_SAMPLES = 1 << 16

Numbers = NDArray[np.floating[Any]]
Floats = NDArray[np.float32]


def result_type(*types: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 where it holds every number of arrays' types, otherwise float64.

    Raises
    ------
    UsageError
        If neither holds them.
    """
    for one in types:
        if one.kind not in "biuf":
            raise UsageError(f"expected arrays of real numbers, got one of {one}.")
    dtype = np.result_type(np.float32, *types)
    if dtype not in (np.float32, np.float64):
        raise UsageError(
            f"convolutions are computed in float32 or float64, not in {dtype};"
            " convert the arrays with x.astype(numpy.float64)."
        )
    return dtype


class Expression(msgspec.Struct, frozen=True):
    """An operation, and a bias and an activation behind it."""

    op: Operation
    biased: bool = False
    activation: str | None = None

    def program(self) -> Program:
        """Return the program that computes it."""
        build = ProgramBuilder()
        inputs = [build.input("x", input_shape(self.op))]
        if isinstance(self.op, AnyConvolution):
            inputs.append(build.parameter("filters", self.op.weights.shape))
        y = build.add(self.op, *inputs)
        if self.biased:
            # The caller's two arrays are the two that hold parameters.
            y = build.add(BiasAdd(), y, build.parameter("bias", y.shape[-1:], role="slot"))
        build.outputs["y"] = activations.get(self.activation).lower(build, y)
        return build.finish()


class _Key:
    """What a plan depends on; hashed once.

    Attributes
    ----------
    expression : Expression
    samples : int
        Of one step, at most.
    threads : int
    in_place : bool
        Whether pictures are taken one by one, where they lie.
    """

    __slots__ = ("_hash", "expression", "in_place", "samples", "threads")

    def __init__(
        self, expression: Expression, samples: int, threads: int, *, in_place: bool
    ) -> None:
        self.expression = expression
        self.samples = samples
        self.threads = threads
        self.in_place = in_place
        self._hash = hash((expression, samples, threads, in_place))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, _Key)
            and (self.samples, self.threads, self.in_place)
            == (other.samples, other.threads, other.in_place)
            and self.expression == other.expression
        )


class _Runner:
    """A planned expression; its buffers serve one caller at a time."""

    def __init__(self, key: _Key) -> None:
        from kernelet.executors.native_function import NativeFunction

        self._function = NativeFunction(
            key.expression.program(), key.samples, key.threads, in_place=key.in_place
        )
        self._lock = threading.Lock()
        self.memory = self._function.memory() + PLAN_BYTES

    def run(self, x: NDArray[Any], filters: Floats, bias: Floats) -> Floats:
        with self._lock:
            return self._function(x, filters, bias)


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


Solver = Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Numbers]

NOTHING = np.zeros(0, np.float32)


class OneByOne:
    """Pictures one after the other, where they lie."""

    def __init__(self, expression: Expression, pictures: int, threads: int) -> None:
        self._key = _Key(expression, pictures, threads, in_place=True)

    def __call__(self, x: NDArray[Any], filters: NDArray[Any], bias: NDArray[Any]) -> Numbers:
        return plans.runner(self._key).run(
            np.ascontiguousarray(x, np.float32),
            np.ascontiguousarray(filters, np.float32),
            np.ascontiguousarray(bias, np.float32),
        )


class SideBySide:
    """Pictures brought side by side, sixteen a block."""

    def __init__(self, expression: Expression, threads: int) -> None:
        self._key = _Key(expression, STEP_SAMPLES, threads, in_place=False)

    def __call__(self, x: NDArray[Any], filters: NDArray[Any], bias: NDArray[Any]) -> Numbers:
        if x.dtype != np.uint8:
            x = x.astype(np.float32, copy=False)
        return plans.runner(self._key).run(
            np.ascontiguousarray(x),
            np.ascontiguousarray(filters, np.float32),
            np.ascontiguousarray(bias, np.float32),
        )


class _ByDefinition:
    """What float32 cannot hold."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def __call__(self, x: NDArray[Any], filters: NDArray[Any], bias: NDArray[Any]) -> Numbers:
        from kernelet.executors.reference import evaluate

        program = self._expression.program()
        weights = {"filters": filters, "bias": bias}
        known = {p.value: weights[p.name].astype(np.float64) for p in program.parameters}
        known[program.inputs["x"]] = x.astype(np.float64)
        return evaluate(program, known, StepContext(np.arange(len(x))))[program.outputs["y"]]


class _Empty:
    """Of no pictures."""

    def __init__(self, expression: Expression, dtype: np.dtype[Any]) -> None:
        self._result = (0, *output_shape(expression.op)), dtype

    def __call__(self, x: NDArray[Any], filters: NDArray[Any], bias: NDArray[Any]) -> Numbers:
        del x, filters, bias
        return np.empty(*self._result)


def prepare(expression: Expression, pictures: int, dtype: np.dtype[Any]) -> Solver:
    """Return how an expression is computed, but for the numbers.

    Parameters
    ----------
    expression : Expression
    pictures : int
        Of the batch.
    dtype : dtype
        Of the result; see `result_type`.

    Returns
    -------
    callable
        From a batch, filters and a bias, empty ones where there are none, to the results.
    """
    if not pictures:
        return _Empty(expression, dtype)
    if dtype == np.float64:
        return _ByDefinition(expression)
    way = best_way(expression.op, pictures)
    if way.one_by_one:
        return OneByOne(expression, pictures, way.threads)
    return SideBySide(expression, way.threads)
