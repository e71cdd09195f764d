"""One convolution of a batch, as benchmarks draw it and workers compute it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class ConvolutionProblem:
    """Sizes of a convolution over one to three axes, or of a transposed one.

    Attributes
    ----------
    batch, channels, filters, groups : int
    sizes, kernel : tuple of int
        Along each axis.
    stride, padding, dilation : int
        Along every axis; zeros are on both sides.
    transposed : bool
    """

    batch: int
    sizes: tuple[int, ...]
    channels: int
    filters: int
    kernel: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    transposed: bool = False

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ConvolutionProblem:
        """Return the problem that `to_json` was called on."""
        tuples = {name: tuple(values[name]) for name in ("sizes", "kernel")}
        return cls(**{**values, **tuples})

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @property
    def output(self) -> tuple[int, ...]:
        """Cells of the result along each axis."""
        pairs = zip(self.sizes, self.kernel, strict=True)
        if self.transposed:
            return tuple(
                (n - 1) * self.stride + (k - 1) * self.dilation + 1 - 2 * self.padding
                for n, k in pairs
            )
        return tuple(
            (n + 2 * self.padding - (k - 1) * self.dilation - 1) // self.stride + 1
            for n, k in pairs
        )

    @property
    def multiply_adds(self) -> int:
        """By the definition, with those of zeros around the picture."""
        cells = self.sizes if self.transposed else self.output
        products = prod(self.kernel) * self.channels * self.filters // self.groups
        return self.batch * prod(cells) * products

    @property
    def numbers(self) -> int:
        """Of pictures and results."""
        read, made = prod(self.sizes) * self.channels, prod(self.output) * self.filters
        return self.batch * (read + made)

    def arrays(self) -> tuple[Numbers, Numbers]:
        """Return pictures, channels last, and filters, as kernelet takes them."""
        generator = np.random.default_rng(0)
        shape = (self.batch, *self.sizes, self.channels)
        counts = (self.channels // self.groups, self.filters)
        if self.transposed:
            counts = (self.filters, self.channels)
        return (
            generator.standard_normal(shape, np.float32),
            generator.standard_normal((*self.kernel, *counts), np.float32),
        )

    def __str__(self) -> str:
        sizes, kernel = ("×".join(map(str, one)) for one in (self.sizes, self.kernel))
        text = f"{self.batch}×{sizes}×{self.channels}, {kernel}→{self.filters}"
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = getattr(self, name)
            text += f" {name} {value}" if value != usual else ""
        return text + (" transposed" if self.transposed else "")
