"""One use of a layer as the operations it lowers to."""

from __future__ import annotations

import msgspec

from kernelet.model.graph import Graph
from kernelet.program import Node, ProgramBuilder, Value


class LoweredCall(msgspec.Struct, frozen=True):
    """A call by itself, as it runs outside training.

    Every layer lowers to a chain: besides what the call reads and its weights, an operation reads
    the result of the one before it alone.

    Attributes
    ----------
    inputs : tuple of Value
        What it reads, one a call that it reads.
    nodes : tuple of Node
        The chain; empty where the call returns its input.
    output : Value
    weights : dict of Value to str
        Names of the weights and statistics that the nodes read.
    """

    inputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    output: Value
    weights: dict[Value, str]


def lower_call(graph: Graph, number: int) -> LoweredCall:
    """Lower one call of a graph by itself.

    Parameters
    ----------
    graph : Graph
    number : int
        Of the call.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((6, 6, 1)), Conv2D(4, 3, activation="relu", name="edges")])
    >>> call = lower_call(model.graph, 1)
    >>> [node.op.name for node in call.nodes], list(call.weights.values())
    (['convolution', 'bias_add', 'activate'], ['edges/kernel', 'edges/bias'])
    """
    call = graph.calls[number]
    build = ProgramBuilder()
    shapes = graph.input_shapes(call) or [call.shape]
    inputs = [build.input(f"input{k}", shape) for k, shape in enumerate(shapes)]
    build.layer = call.name
    output = call.layer.lower(build, inputs, training=False)
    names = {parameter.value: parameter.name for parameter in build.parameters}
    return LoweredCall(tuple(inputs), tuple(build.nodes), output, names)
