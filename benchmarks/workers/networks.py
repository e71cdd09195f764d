"""The networks that every contender trains, as plain numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import prod


@dataclass(frozen=True)
class Convolution:
    """A convolution, then ReLU and perhaps a maximum pooling.

    Attributes
    ----------
    filters, kernel : int
        Feature maps, and cells of a side of the filter.
    padding : int
        Zeros on every side.
    pool : int
        Size of the maximum pooling behind, or 1 for none.
    strides, dilation, groups : int
        As in every framework.
    normalized : bool
        Whether a batch normalization takes the place of the bias, in front of ReLU.
    flat : bool
        Whether filter and pooling are one cell high, as for signals in rows.
    """

    filters: int
    kernel: int
    padding: int = 0
    pool: int = 1
    strides: int = 1
    dilation: int = 1
    groups: int = 1
    normalized: bool = False
    flat: bool = False

    @property
    def reach(self) -> int:
        """Cells from the first to the last that a filter touches along an axis."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def mode(self) -> str | None:
        """What Keras calls this padding; None where it has no name for it."""
        if self.padding == 0:
            return "valid"
        return "same" if self.strides == 1 and 2 * self.padding == self.reach - 1 else None

    def sides(self, size: int, one: int = 1) -> tuple[int, int]:
        """Return a size along the height and the width, where a flat one has one row."""
        return (one if self.flat else size, size)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """Return the cells along height and width, behind the pooling."""
        return (height if self.flat else self._output(height), self._output(width))

    def _output(self, size: int) -> int:
        return ((size + 2 * self.padding - self.reach) // self.strides + 1) // self.pool


@dataclass(frozen=True)
class Network:
    """Convolutions, then dense layers with ReLU, then a dense layer to the classes.

    With `averaged`, dense layers take the average of every feature map.
    """

    height: int
    width: int
    channels: int
    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...] = ()
    classes: int = 10
    averaged: bool = False

    def inputs(self) -> Iterator[tuple[tuple[int, int, int], Convolution]]:
        """Return each convolution with the height, width and channels of its input."""
        shape = (self.height, self.width, self.channels)
        for c in self.convolutions:
            yield shape, c
            shape = (*c.output(*shape[:2]), c.filters)

    @property
    def features(self) -> tuple[int, int, int]:
        """Height, width and channels of what the dense layers take."""
        shape = (self.height, self.width, self.channels)
        for (height, width, _), c in self.inputs():
            shape = (*c.output(height, width), c.filters)
        return (1, 1, shape[-1]) if self.averaged else shape

    @property
    def multiply_adds(self) -> int:
        """Of a forward pass with one picture."""
        total = 0
        for (height, width, channels), c in self.inputs():
            cells = prod(c.sides(c.pool)) * prod(c.output(height, width))
            total += cells * prod(c.sides(c.kernel)) * channels // c.groups * c.filters
        sizes = [self._flat, *self.dense, self.classes]
        return total + sum(a * b for a, b in pairwise(sizes))

    @property
    def numbers(self) -> int:
        """Of all values of a forward pass with one picture."""
        total = self.height * self.width * self.channels
        for (height, width, _), c in self.inputs():
            cells = prod(c.output(height, width))
            total += (prod(c.sides(c.pool)) + 1) * cells * c.filters
        return total

    @property
    def _flat(self) -> int:
        height, width, channels = self.features
        return height * width * channels

    def to_json(self) -> str:
        """Return the network as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Network:
        """Return a network from JSON."""
        values = json.loads(text)
        values["convolutions"] = tuple(Convolution(**c) for c in values["convolutions"])
        values["dense"] = tuple(values["dense"])
        return cls(**values)


def _vgg(height: int, width: int, channels: int, widths: tuple[int, ...]) -> Network:
    """Return pairs of 3×3 convolutions, each pair with a pooling behind."""
    pairs = [Convolution(filters, 3, 1, pool) for filters in widths for pool in (1, 2)]
    return Network(height, width, channels, tuple(pairs), dense=(128,))


#: What the engine was written for.
KNOWN: Mapping[str, Network] = {
    "lenet5": Network(
        28, 28, 1, (Convolution(6, 5, 2, 2), Convolution(16, 5, 0, 2)), dense=(120, 84)
    ),
    "small-vgg": _vgg(32, 32, 3, (32, 64)),
}

#: What it was not written for.
OTHERS: Mapping[str, Network] = {
    "wide-24-48-96": _vgg(32, 32, 3, (24, 48, 96)),
    "kernel-7-stride-2": Network(
        64, 64, 3, (Convolution(32, 7, 3, 1, strides=2), Convolution(64, 3, 1, 2, strides=2))
    ),
    "odd-45x37": Network(
        45, 37, 3, (Convolution(20, 5, 2, 2), Convolution(50, 5, 0, 2)), dense=(100,)
    ),
    "depthwise": Network(
        32,
        32,
        3,
        (
            Convolution(32, 3, 1),
            Convolution(32, 3, 1, groups=32),
            Convolution(64, 1, pool=2),
            Convolution(64, 3, 1, groups=64),
            Convolution(128, 1, pool=2),
        ),
    ),
    "grouped-dilated": Network(
        32, 32, 3, (Convolution(32, 3, 2, 2, dilation=2), Convolution(64, 3, 1, 2, groups=4))
    ),
    "batch-norm": Network(
        32,
        32,
        3,
        tuple(
            Convolution(filters, 3, 1, pool, normalized=True)
            for filters, pool in ((32, 1), (32, 2), (64, 1), (64, 2))
        ),
    ),
}

NETWORKS: Mapping[str, Network] = {**KNOWN, **OTHERS}
