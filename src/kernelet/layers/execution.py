"""Run part of a network on arrays at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet import initializers
from kernelet.errors import ShapeError
from kernelet.layers.naming import snake_case
from kernelet.layers.numeric import numeric
from kernelet.layers.problems import repair_line
from kernelet.program import ProgramBuilder, Shape, Value
from kernelet.weights import Weights

if TYPE_CHECKING:
    from kernelet.layers.base import Layer

# Samples a step: enough to fill the engine's blocks, few enough to stay small in memory.
BATCH = 128

Lowering = Callable[[ProgramBuilder, list[Value]], Sequence[Value]]


def sample_shape(array: NDArray[Any], noun: str) -> Shape:
    """Return the shape without the batch.

    Raises
    ------
    ShapeError
        If there is no batch axis, or no sample.
    """
    if array.ndim < 2:
        raise ShapeError(
            f"{noun} works on a batch of samples, whose first axis counts them; got an array of"
            f" shape {array.shape}. Try x[numpy.newaxis] for a single sample."
        )
    if not len(array):
        raise ShapeError(f"{noun} got no samples: an array of shape {array.shape}.")
    return tuple(array.shape[1:])


def run_forward(
    lowering: Lowering,
    arrays: Mapping[str, NDArray[Any]],
    weights: Weights,
    seed: int = 0,
) -> list[NDArray[np.float32]]:
    """Lower, plan and run a forward pass on the native engine.

    Parameters
    ----------
    lowering : callable
        Appends the operations and returns the outputs.
    arrays : mapping of str to ndarray, shape (samples, ...)
        By input name; float32, uint8 or int32.
    weights : Weights
        Values of the parameters by name.
    seed : int
        Key of the random numbers, where the pass has any.

    Returns
    -------
    list of ndarray of float32, shape (samples, ...)
    """
    from kernelet.executors.base import Run
    from kernelet.executors.native import NativeExecutor

    build = ProgramBuilder()
    values = [build.input(name, tuple(array.shape[1:])) for name, array in arrays.items()]
    for number, value in enumerate(lowering(build, values)):
        build.outputs[f"output{number}"] = value
    weights.require(build.parameters)
    program = build.finish()
    samples = len(next(iter(arrays.values())))
    results = {
        name: np.empty((samples, *value.shape), np.float32)
        for name, value in program.outputs.items()
    }
    executor = NativeExecutor(program, min(BATCH, samples), weights.state())
    order = np.arange(samples, dtype=np.int64)
    executor.run(Run(inputs=arrays, order=order, outputs=results, seed=seed))
    return list(results.values())


def run_layer(layer: Layer, inputs: Sequence[ArrayLike], training: bool) -> NDArray[np.float32]:
    """Run one layer; a layer without weights makes its own at the first call.

    Parameters
    ----------
    layer : Layer
    inputs : sequence of array_like, each of shape (samples, ...)
    training : bool
        Whether dropout, augmentation and batch statistics are on.
    """
    from kernelet.layers.base import RANKS, initialize
    from kernelet.layers.input import Input
    from kernelet.layers.symbolic import SymbolicTensor

    noun = type(layer).__name__
    arrays = {f"input{k}": numeric("x", array) for k, array in enumerate(inputs)}
    symbols: list[SymbolicTensor] = [Input(sample_shape(a, noun)) for a in arrays.values()]
    for array in arrays.values():
        if layer.rank is not None and array.ndim == layer.rank:
            raise ShapeError(
                f"{noun} needs {RANKS[layer.rank]}, behind an axis that counts them; got an array"
                f" of shape {array.shape}."
                + repair_line(
                    [
                        "x[numpy.newaxis] for a single sample",
                        "x[..., numpy.newaxis] where channels are missing",
                    ]
                )
            )
    name = layer.name or snake_case(noun)
    layer.output_shape(symbols)

    def lowering(build: ProgramBuilder, values: list[Value]) -> list[Value]:
        build.layer = name
        return [layer.lower(build, values, training)]

    if layer.bound_weights is None:
        build = ProgramBuilder()
        lowering(build, [build.input(key, tuple(a.shape[1:])) for key, a in arrays.items()])
        weights = Weights(build.parameters)
        initialize(weights, [(name, layer)], initializers.default_seed())
        layer.bind(weights, name)
    assert layer.bound_weights is not None
    return run_forward(lowering, arrays, layer.bound_weights)[0]
