"""Maximum pooling as a part of the convolution before it, and its gradient as one of its readers'.

A convolution that pools its rows keeps the index of each maximum in its window, one byte, in place
of its own output. The gradient by that output is zero but for one cell a window: kernels that can
take the upstream gradient with the indices make it row by row, and it is stored only for others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from kernelet.geometry import SlidingWindow
from kernelet.ops.activation import ActivateGradient
from kernelet.ops.pooling import MaxPool, MaxPoolGradient
from kernelet.program import Node, Type, Value

# Bytes hold the indices; one value says that there is none, and one is that of no cell.
_MOST_CELLS = 254
_BYTES_OF_FLOAT = 4


class IndexedPooling(msgspec.Struct, frozen=True):
    """A maximum pooling that a convolution may do.

    Attributes
    ----------
    pool : Node
        The pooling.
    gradient : tuple of Node
        Its gradient and that of the relu before it; empty where nobody asks for them.
    indices : Value or None
        Of the maxima, four bytes a float; None without a gradient.
    """

    pool: Node
    gradient: tuple[Node, ...]
    indices: Value | None

    @property
    def arguments(self) -> dict[str, int]:
        """The windows, as kernels take them."""
        op = self.pool.op
        assert isinstance(op, MaxPool)
        _, height, width = op.window.volume
        return {
            "window_height": height.kernel,
            "window_width": width.kernel,
            "pooled_height": height.output,
            "pooled_width": width.output,
        }

    @property
    def picture(self) -> dict[str, int]:
        """The planes and cells of what is pooled, as kernels take them."""
        op = self.pool.op
        assert isinstance(op, MaxPool)
        depth, height, width = (axis.length for axis in op.window.volume)
        return {"planes": depth, "height": height, "width": width, "channels": op.channels}

    @property
    def rectified(self) -> bool:
        """Whether a maximum that is not above zero gets no gradient."""
        return len(self.gradient) > 1

    @property
    def output(self) -> Value:
        """The gradient by what was pooled, or by the input of the relu before."""
        return self.gradient[-1].output


class Unpooled(msgspec.Struct, frozen=True):
    """A gradient that is nowhere stored as a whole: its pooling, and the upstream gradient."""

    pooling: IndexedPooling
    upstream: Value


def pooling_of(
    maps: Value,
    activation: str,
    readers: Mapping[Value, Sequence[Node]],
    kept: AbstractSet[Value],
) -> IndexedPooling | None:
    """Return the pooling that a convolution may do on its output, if that serves nothing else.

    Parameters
    ----------
    maps : Value
        Output of the convolution.
    activation : str
        Applied to it; "linear" for none.
    readers : mapping
        Of every value.
    kept : set of Value
        What the program returns.
    """
    pools = [node for node in readers.get(maps, ()) if isinstance(node.op, MaxPool)]
    if len(pools) != 1 or maps in kept:
        return None
    (pool,) = pools
    if not isinstance(pool.op, MaxPool) or not _lie_side_by_side(pool.op.window):
        return None
    others = [node for node in readers[maps] if node is not pool]
    if not others:
        return IndexedPooling(pool, (), None)
    if not _are_gradient(others, pool, activation, readers, kept):
        return None
    size = -(-pool.output.size // _BYTES_OF_FLOAT)
    indices = Value(pool.output.index, Type((size,)), f"{pool.output.name} indices")
    return IndexedPooling(pool, tuple(others), indices)


def _are_gradient(
    nodes: Sequence[Node],
    pool: Node,
    activation: str,
    readers: Mapping[Value, Sequence[Node]],
    kept: AbstractSet[Value],
) -> bool:
    """Return whether nodes are the gradient of a pooling, and of the relu before it if any."""
    first, *rest = nodes
    (maps,) = pool.inputs
    if not isinstance(first.op, MaxPoolGradient) or first.inputs[1:] != (maps, pool.output):
        return False
    if activation == "linear":
        return not rest
    if activation != "relu" or len(rest) != 1 or not isinstance(rest[0].op, ActivateGradient):
        return False
    alone = list(readers[first.output]) == rest and first.output not in kept
    return alone and rest[0].op.kind == "relu" and rest[0].inputs == (first.output, maps)


def _lie_side_by_side(window: SlidingWindow) -> bool:
    """Return whether windows are as long as they are apart, from the first cell of one plane on."""
    depth, *plane = window.volume
    cells = math.prod(axis.kernel for axis in plane)
    return (
        depth.kernel == depth.stride == 1
        and cells <= _MOST_CELLS
        and all(axis.stride == axis.kernel and axis.before == 0 for axis in window.volume)
    )
