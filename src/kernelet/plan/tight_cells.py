"""Values of single samples with few channels, whose cells lie without padding.

Eight channels padded to sixteen floats take twice the memory, a single one sixteen times as much.
Convolutions, which are told the floats between cells, and all that treats every number alike read
such values as well; what pools, normalizes or moves channels needs whole vectors of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kernelet.ops.activation import Activate, ActivateGradient
from kernelet.ops.arithmetic import Add
from kernelet.ops.bias import BiasAdd, ChannelSum
from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.losses import (
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
)
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy
from kernelet.ops.normalization import Normalize
from kernelet.plan.candidates_convolution import is_depthwise
from kernelet.plan.candidates_winograd import pays_alone, single_gradient_pays
from kernelet.program import Node, Program, Value

# The most channels of such cells: of more, padding takes less than half of the memory.
_MOST_CHANNELS = 8

# What reads and writes all numbers alike, wherever those of all its operands lie alike.
_ALIKE = (
    AbsoluteError,
    Activate,
    ActivateGradient,
    Add,
    BinaryAccuracy,
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
)


def tight_values(program: Program, elements: frozenset[Value]) -> frozenset[Value]:
    """Return the values whose cells lie without padding.

    Parameters
    ----------
    program : Program
    elements : frozenset of Value
        Values that lie in another way.
    """
    joined = _Joined()
    padded: set[Value] = set(elements)
    absorbed = set(_absorbed(program))
    for node in program.nodes:
        values = [value for value in (*node.inputs, *node.outputs) if value.batched]
        if isinstance(node.op, _ALIKE) or node.output in absorbed:
            joined.join([value for value in values if value.shape])
        elif not _takes_any(node):
            padded.update(values)
    few = [value for value in _batched(program) if _has_few_channels(value)]
    padded.update(set(_batched(program)) - set(few))
    wide = {joined.root(value) for value in padded}
    return frozenset(value for value in few if joined.root(value) not in wide)


class _Joined:
    """Sets of values that lie alike."""

    def __init__(self) -> None:
        self._parents: dict[Value, Value] = {}

    def root(self, value: Value) -> Value:
        """Return the value that stands for all that lie like this one."""
        while value in self._parents:
            value = self._parents[value]
        return value

    def join(self, values: list[Value]) -> None:
        """Let values lie alike."""
        for value in values[1:]:
            first, other = self.root(values[0]), self.root(value)
            if first is not other:
                self._parents[other] = first


def _batched(program: Program) -> Iterator[Value]:
    """Yield the values of each sample."""
    for value in program.inputs.values():
        if value.batched:
            yield value
    for node in program.nodes:
        yield from (value for value in node.outputs if value.batched)


def _takes_any(node: Node) -> bool:
    """Return whether a kernel is told the floats between the cells of all its operands."""
    op = node.op
    if is_depthwise(op):
        return False
    if isinstance(op, Convolution | ConvolutionInputGradient):
        return not pays_alone(node)
    if isinstance(op, ConvolutionFilterGradient):
        return not single_gradient_pays(node)
    return isinstance(op, ChannelSum)


def _has_few_channels(value: Value) -> bool:
    return len(value.shape) > 1 and value.shape[-1] <= _MOST_CHANNELS


def _absorbed(program: Program) -> Iterator[Value]:
    """Yield what becomes of sums of convolutions before these are stored.

    That are biases, and normalizations by fixed statistics.
    """
    readers = program.consumers()
    kept = set(program.outputs.values())
    for node in program.nodes:
        if not isinstance(node.op, Convolution | ConvolutionInputGradient) or not _takes_any(node):
            continue
        for absorbing in (_adds_bias, _scales):
            match readers.get(node.output, []):
                case [reader] if absorbing(reader) and node.output not in kept:
                    yield reader.output
                    node = reader


def _adds_bias(node: Node) -> bool:
    return isinstance(node.op, BiasAdd)


def _scales(node: Node) -> bool:
    return isinstance(node.op, Normalize) and not node.op.batch_statistics
