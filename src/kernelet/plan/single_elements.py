"""Operations on a single sample by kernels of blocks: an element is a cell of one channel.

Sixteen floats an element are what a block of one sample has, so that a kernel of blocks runs on
such a value as it is. Losses and metrics of classes, a few numbers each, need no kernels of their
own.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.shape import Reshape
from kernelet.program import Node, Program, Value

# They keep the form of what they read, or are done where it is loaded.
_OF_ANY_FORM = (Reshape, RandomFlip, RandomShift)


def by_elements(
    program: Program, has_kernel: Callable[[Node], bool]
) -> tuple[Program, frozenset[Value]]:
    """Return a program in which all that has no kernel of single samples goes by elements.

    Parameters
    ----------
    program : Program
    has_kernel : callable
        Whether there is a kernel of single samples for a node.

    Returns
    -------
    program : Program
        The same one, with reshapes to the same shape where values change their form.
    elements : frozenset of Value
        Its values of one element a cell.
    """
    rewriting = _Rewriting(program)
    for node in program.nodes:
        rewriting.take(node, elements=needs_elements(node) and not has_kernel(node))
    return rewriting.finish()


def needs_elements(node: Node) -> bool:
    """Return whether the form of a node's values matters to its kernel."""
    batched = any(value.batched for value in (*node.inputs, *node.outputs))
    return batched and not isinstance(node.op, _OF_ANY_FORM)


class _Rewriting:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._nodes: list[Node] = []
        self._by_elements: dict[Value, Value] = {}
        values = [value for node in program.nodes for value in (*node.inputs, *node.outputs)]
        self._next = 1 + max((value.index for value in values), default=0)

    def take(self, node: Node, *, elements: bool) -> None:
        """Append a node."""
        if not elements:
            self._nodes.append(node)
            return
        inputs = tuple(self._elements_of(value, node.layer) for value in node.inputs)
        outputs = tuple(self._new(value) if _changes(value) else value for value in node.outputs)
        self._nodes.append(replace(node, inputs=inputs, outputs=outputs))
        for value, output in zip(node.outputs, outputs, strict=True):
            if value is not output:
                self._by_elements[value] = output
                self._nodes.append(Node(Reshape(value.shape), (output,), (value,), node.layer))

    def finish(self) -> tuple[Program, frozenset[Value]]:
        """Return the program, without reshapes that nobody reads, and its values by elements."""
        read = {value for node in self._nodes for value in node.inputs}
        read |= set(self._program.outputs.values())
        nodes = [n for n in self._nodes if not isinstance(n.op, Reshape) or n.output in read]
        program = replace(self._program, nodes=tuple(nodes))
        return program, frozenset(self._by_elements.values())

    def _elements_of(self, value: Value, layer: str) -> Value:
        if not _changes(value):
            return value
        if value not in self._by_elements:
            self._by_elements[value] = self._new(value)
            reshape = Reshape(value.shape)
            self._nodes.append(Node(reshape, (value,), (self._by_elements[value],), layer))
        return self._by_elements[value]

    def _new(self, value: Value) -> Value:
        self._next += 1
        return Value(self._next - 1, value.type, f"{value.name} by elements")


def _changes(value: Value) -> bool:
    """Return whether a value has another form by elements: a single number has the same."""
    return value.batched and value.size > 1
