"""The graph of a network: which layer reads what, with a name for each layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kernelet.errors import ConfigurationError, UsageError
from kernelet.layers.base import Layer
from kernelet.layers.input import InputLayer
from kernelet.layers.naming import names_of
from kernelet.layers.problems import LayerShapeError, explained
from kernelet.layers.symbolic import SymbolicTensor, history, layers_of
from kernelet.program import Parameter, ProgramBuilder, Shape, Value


class Call(msgspec.Struct, frozen=True):
    """One use of a layer.

    Attributes
    ----------
    name : str
        Of the layer.
    layer : Layer
    inputs : tuple of int
        Numbers of the calls whose outputs it reads; each smaller than its own.
    shape : tuple of int
        Of the output, without the batch.
    """

    name: str
    layer: Layer
    inputs: tuple[int, ...]
    shape: Shape


class Graph(msgspec.Struct, frozen=True):
    """Calls in an order in which they can run.

    Attributes
    ----------
    calls : tuple of Call
    inputs, outputs : tuple of int
        Numbers of the calls that data enter and leave by.
    tensors : tuple of SymbolicTensor
        The symbolic tensor of each call.
    """

    calls: tuple[Call, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensors: tuple[SymbolicTensor, ...]

    @classmethod
    def between(cls, inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> Graph:
        """Return the graph that leads from inputs to outputs.

        Raises
        ------
        UsageError
            If something else than symbolic tensors is given, or an input is missing.
        ConfigurationError
            If two layers have one name.
        """
        for tensor in (*inputs, *outputs):
            if not isinstance(tensor, SymbolicTensor):
                raise UsageError(
                    "Model(inputs, outputs) takes symbolic tensors, made by Input and by calling"
                    f" layers on them; got {type(tensor).__name__}."
                )
        tensors = list(dict.fromkeys((*inputs, *history(outputs))))
        layers = layers_of(tensors)
        names = dict(zip(layers, names_of(layers), strict=True))
        for tensor in inputs:
            if not isinstance(tensor.layer, InputLayer):
                raise UsageError(
                    f"the output of {names[tensor.layer]!r} cannot be an input of a model; begin"
                    " it with Input."
                )
        for tensor in tensors:
            if not tensor.parents and tensor not in inputs:
                raise UsageError(
                    f"the outputs depend on the input {names[tensor.layer]!r}, which is not among"
                    " the inputs of the model; add it there."
                )
        number = {tensor: k for k, tensor in enumerate(tensors)}
        calls = tuple(
            Call(names[t.layer], t.layer, tuple(number[p] for p in t.parents), t.sample_shape)
            for t in tensors
        )
        return cls(
            calls,
            tuple(number[t] for t in inputs),
            tuple(number[t] for t in outputs),
            tuple(tensors),
        )

    @property
    def layers(self) -> dict[str, Layer]:
        """Layers by name, in the order of their first call."""
        return {call.name: call.layer for call in self.calls}

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(self.calls[k].name for k in self.inputs)

    def input_shapes(self, call: Call) -> list[Shape]:
        """Return the shapes that a call reads."""
        return [self.calls[k].shape for k in call.inputs]

    def is_chain(self) -> bool:
        """Return whether every call reads the one before it and the last is the output."""
        ends = self.inputs == (0,) and self.outputs == (len(self.calls) - 1,)
        return ends and all(call.inputs == (k,) for k, call in enumerate(self.calls[1:]))

    def parameters(self) -> list[Parameter]:
        """Return the weights and statistics of all layers, in layer order."""
        build = ProgramBuilder()
        inputs = {self.calls[k].name: self.calls[k].shape for k in self.inputs}
        values = {name: build.input(name, shape) for name, shape in inputs.items()}
        self.lower(build, values, training=False)
        return build.parameters

    def lower(
        self, build: ProgramBuilder, inputs: Mapping[str, Value], training: bool
    ) -> list[Value]:
        """Append the operations of every layer and return the outputs; see `lower_calls`."""
        values = self.lower_calls(build, inputs, training)
        return [values[k] for k in self.outputs]

    def lower_calls(
        self, build: ProgramBuilder, inputs: Mapping[str, Value], training: bool
    ) -> list[Value]:
        """Append the operations of every layer.

        Parameters
        ----------
        build : ProgramBuilder
        inputs : mapping of str to Value
            By input name, of the shapes that the inputs declare.
        training : bool
            Whether batch statistics, dropout and augmentation are on.

        Returns
        -------
        list of Value
            What each call returns; a layer that changes nothing returns the value it reads.

        Raises
        ------
        ShapeError
            If a layer that is called twice would need weights of two shapes.
        """
        values: list[Value] = []
        for call, tensor in zip(self.calls, self.tensors, strict=True):
            build.layer = call.name
            read = [values[k] for k in call.inputs] or [inputs[call.name]]
            try:
                values.append(call.layer.lower(build, read, training))
            except LayerShapeError as problem:
                raise explained(call.layer, tensor.parents, problem) from None
        build.layer = ""
        return values

    def replay(self, inputs: Sequence[SymbolicTensor]) -> list[SymbolicTensor]:
        """Call the layers anew on other tensors; they share their weights."""
        if len(inputs) != len(self.inputs):
            raise ConfigurationError(
                f"the model has {len(self.inputs)} inputs and was called on {len(inputs)}."
            )
        made: dict[int, SymbolicTensor] = dict(zip(self.inputs, inputs, strict=True))
        for k, call in enumerate(self.calls):
            if k not in made:
                read = [made[i] for i in call.inputs]
                made[k] = call.layer(read if len(read) > 1 else read[0])
        return [made[k] for k in self.outputs]
