"""What each layer adds to the time of a forward pass, measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.executors.base import Run
from kernelet.executors.native import NativeExecutor
from kernelet.program import Program, ProgramBuilder

if TYPE_CHECKING:
    from kernelet.model import Model

# A measurement takes about so long, in seconds: starting and ending it do not count much then.
_MEASURED = 0.003
_MOST_STEPS = 8
_LEAST_ROUNDS = 2
# Pieces that take more together are made anew for each round.
_KEPT_BYTES = 32 << 20


class LayerTimes(msgspec.Struct, frozen=True):
    """Times of a forward pass, see `layer_times`.

    Attributes
    ----------
    seconds : tuple of float
        What each call of the graph adds, for one picture, in the order of ``graph.calls``.
    batch_size, threads : int
        Pictures a step, and threads that shared them.
    """

    seconds: tuple[float, ...]
    batch_size: int
    threads: int

    @property
    def total(self) -> float:
        """Time of the whole pass, for one picture, in seconds."""
        return sum(self.seconds)


def layer_times(
    model: Model,
    images: NDArray[Any],
    *,
    batch_size: int = 64,
    threads: int | None = None,
    budget: float = 0.4,
) -> LayerTimes:
    """Measure what each layer adds to the time of a forward pass.

    The network is cut behind each layer in turn, and the pieces run by turns, several times; a
    layer's time is the difference between the fastest run that ends with it and the one that ends
    before it. An activation that the engine applies inside the layer before it takes next to
    nothing.

    Parameters
    ----------
    model : Model
        With one input.
    images : ndarray, shape (pictures, ...)
        At least one.
    batch_size : int
        Pictures a step.
    threads : int, optional
        By default as many as the process may use.
    budget : float
        Seconds after which no further round begins, once there are two.

    Returns
    -------
    LayerTimes

    Raises
    ------
    ShapeError
        If the pictures do not fit the model.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((8, 8, 1)), Conv2D(4, 3)])
    >>> times = layer_times(model, np.zeros((16, 8, 8, 1), np.uint8), batch_size=16, budget=0)
    >>> len(times.seconds), times.total > 0
    (2, True)
    """
    (images,) = model.named_inputs(images).values()
    pieces = _pieces(model)
    whole = _executor(pieces[-1], model, batch_size, threads)
    step = _seconds(whole, np.resize(images, (batch_size, *images.shape[1:])))
    steps = min(_MOST_STEPS, max(1, round(_MEASURED / step)))
    samples = np.resize(images, (steps * batch_size, *images.shape[1:]))
    keeps = whole.memory() * len(pieces) <= _KEPT_BYTES
    kept = {len(pieces) - 1: whole} if keeps else {}
    fastest = np.full(len(pieces), np.inf)
    began, rounds = time.perf_counter(), 0
    while rounds < _LEAST_ROUNDS or time.perf_counter() - began < budget:
        for number, piece in enumerate(pieces):
            executor = kept.get(number) or _executor(piece, model, batch_size, threads)
            if keeps:
                kept[number] = executor
            # The first run of the two brings memory and caches up.
            found = (_seconds(executor, samples), _seconds(executor, samples))
            fastest[number] = min(fastest[number], *found)
        rounds += 1
    # A longer piece that was faster says that its last layer costs less than can be measured.
    reached = np.maximum.accumulate(fastest) / len(samples)
    seconds = np.diff(reached, prepend=0.0)
    return LayerTimes(tuple(seconds.tolist()), batch_size, whole.threads)


def _pieces(model: Model) -> list[Program]:
    """Return a program for each call that ends with it; it gives nothing out."""
    graph, build = model.graph, ProgramBuilder()
    names = graph.input_names
    inputs = {
        name: build.input(name, graph.calls[k].shape)
        for name, k in zip(names, graph.inputs, strict=True)
    }
    values = graph.lower_calls(build, inputs, training=False)
    made_by = {value: number for number, node in enumerate(build.nodes) for value in node.outputs}
    # A call that changes nothing returns what another one made.
    ends = np.maximum.accumulate([made_by.get(value, -1) + 1 for value in values]).tolist()
    return [
        Program(build.inputs, {}, tuple(build.parameters), tuple(build.nodes[:end]), {})
        for end in ends
    ]


def _executor(
    program: Program, model: Model, batch_size: int, threads: int | None
) -> NativeExecutor:
    return NativeExecutor(program, batch_size, model.weights.state(), threads=threads)


def _seconds(executor: NativeExecutor, samples: NDArray[Any]) -> float:
    order = np.arange(len(samples), dtype=np.int64)
    (name,) = executor.program.inputs
    run = Run(inputs={name: samples}, order=order)
    began = time.perf_counter()
    executor.run(run)
    return time.perf_counter() - began
