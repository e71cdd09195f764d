"""The program: a network lowered to primitive operations with every shape resolved.

Layers emit operations through a `ProgramBuilder`; planners, executors, exporters, the summary and
the cost ledger read the finished, immutable `Program`. A value is either *batched* (one array a
sample; its ``shape`` leaves the batch out) or shared by all samples (a weight, its gradient, a
mean over the batch). Programs are therefore independent of the batch size.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = tuple[int, ...]
Role = Literal["weight", "statistic", "slot"]


class Type(msgspec.Struct, frozen=True):
    """Shape of a value (without the batch) and whether every sample has one of its own."""

    shape: Shape
    batched: bool = True

    @property
    def size(self) -> int:
        """Number of elements, for one sample where batched."""
        return math.prod(self.shape)


class Value(msgspec.Struct, frozen=True):
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


class Parameter(msgspec.Struct, frozen=True):
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


class Cost(msgspec.Struct, frozen=True):
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


class StepContext(msgspec.Struct, frozen=True):
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
    """

    samples: NDArray[np.int64]
    seed: int = 0
    epoch: int = 0
    step: int = 1
    learning_rate: float = 0.0


class Op(msgspec.Struct, frozen=True):
    """A primitive operation: what it does to shapes, what it costs, its gradient, its definition.

    Attributes are integers, floats, strings and tuples of them, resolved at lowering; two
    operations with equal attributes are equal.
    """

    name: ClassVar[str]
    differentiable: ClassVar[bool] = True

    @abstractmethod
    def types(self, *inputs: Type) -> tuple[Type, ...]:
        """Return the types of the outputs.

        Raises
        ------
        ShapeError
            If the inputs do not fit.
        """

    @abstractmethod
    def cost(self, *inputs: Type) -> Cost:
        """Return the arithmetic, for one sample where the first output is batched."""

    def gradient(
        self, build: ProgramBuilder, node: Node, upstream: Value, needed: Sequence[bool]
    ) -> Sequence[Value | None]:
        """Emit the operations that compute the gradient by each input.

        Parameters
        ----------
        build : ProgramBuilder
            Takes the operations.
        node : Node
            The application of this operation.
        upstream : Value
            Gradient of the objective by the node's output.
        needed : sequence of bool
            For each input, whether its gradient will be read.

        Returns
        -------
        sequence of Value or None
            One entry an input; None where it is not needed or zero.
        """
        raise NotImplementedError(f"{self.name} has no gradient")

    @abstractmethod
    def reference(self, context: StepContext, *inputs: Array) -> tuple[Array, ...]:
        """Compute the outputs in float64; batched arrays have the batch as their first axis."""


class Node(msgspec.Struct, frozen=True):
    """One application of an operation.

    Attributes
    ----------
    op : Op
        What is done.
    inputs, outputs : tuple of Value
        Values read and made.
    layer : str
        Name of the layer that asked for it; empty for none.
    """

    op: Op
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    layer: str = ""

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]

    @property
    def cost(self) -> Cost:
        """Arithmetic, for one sample where the output is batched."""
        return self.op.cost(*(value.type for value in self.inputs))


class Program(msgspec.Struct, frozen=True):
    """An immutable list of operations in an order in which they can run.

    Attributes
    ----------
    inputs, outputs : dict of str to Value
        What a caller gives and gets, by name.
    parameters : tuple of Parameter
        What outlives a step.
    nodes : tuple of Node
        The operations.
    updates : dict of Value to Value
        For the value of a parameter, the value that replaces it at the end of the step.
    """

    inputs: dict[str, Value]
    outputs: dict[str, Value]
    parameters: tuple[Parameter, ...]
    nodes: tuple[Node, ...]
    updates: dict[Value, Value]

    def __hash__(self) -> int:
        return hash(self.nodes)

    def consumers(self) -> dict[Value, list[Node]]:
        """Return, for every value that is read, the nodes that read it."""
        readers: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                readers.setdefault(value, []).append(node)
        return readers


class ProgramBuilder(msgspec.Struct):
    """A program under construction.

    Attributes
    ----------
    inputs, outputs, parameters, nodes, updates
        As in `Program`; a caller fills ``outputs`` and ``updates``.
    layer : str
        Name of the layer whose operations are being added.

    Examples
    --------
    >>> from kernelet.ops.dense import MatrixProduct
    >>> build = ProgramBuilder()
    >>> x = build.input("x", (3,))
    >>> kernel = build.parameter("dense/kernel", (3, 2))
    >>> build.outputs["y"] = build.add(MatrixProduct(), x, kernel)
    >>> build.finish().outputs["y"].shape
    (2,)
    """

    inputs: dict[str, Value] = msgspec.field(default_factory=dict)
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    parameters: list[Parameter] = msgspec.field(default_factory=list)
    nodes: list[Node] = msgspec.field(default_factory=list)
    updates: dict[Value, Value] = msgspec.field(default_factory=dict)
    layer: str = ""
    _values: int = 0

    def _value(self, kind: Type, name: str) -> Value:
        self._values += 1
        return Value(self._values - 1, kind, name)

    def input(self, name: str, shape: Shape) -> Value:
        """Declare an array that the caller gives for every sample."""
        self.inputs[name] = self._value(Type(shape), name)
        return self.inputs[name]

    def parameter(
        self, name: str, shape: Shape, role: Role = "weight", trainable: bool = True
    ) -> Value:
        """Declare a parameter; a name that is known already gives the same value again."""
        for known in self.parameters:
            if known.name == name:
                return known.value
        value = self._value(Type(shape, batched=False), name)
        self.parameters.append(Parameter(value, name, role, trainable))
        return value

    def apply(self, op: Op, *inputs: Value) -> tuple[Value, ...]:
        """Add an operation and return all its outputs."""
        types = op.types(*(value.type for value in inputs))
        prefix = f"{self.layer}/" if self.layer else ""
        outputs = tuple(self._value(kind, f"{prefix}{op.name}") for kind in types)
        self.nodes.append(Node(op, inputs, outputs, self.layer))
        return outputs

    def add(self, op: Op, *inputs: Value) -> Value:
        """Add an operation and return its first output."""
        return self.apply(op, *inputs)[0]

    def finish(self) -> Program:
        """Return the program, without what no output and no update depends on."""
        wanted = set(self.outputs.values()) | set(self.updates.values())
        nodes: list[Node] = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.outputs):
                nodes.append(node)
                wanted.update(node.inputs)
        return Program(
            inputs={name: value for name, value in self.inputs.items() if value in wanted},
            outputs=dict(self.outputs),
            parameters=tuple(p for p in self.parameters if p.value in wanted),
            nodes=tuple(reversed(nodes)),
            updates=dict(self.updates),
        )
