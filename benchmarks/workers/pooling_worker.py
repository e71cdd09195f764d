"""One pooling of a batch in float32: kernelet's functions on arrays, and PyTorch's.

Both get arrays in their own layout, once; only calls are timed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.convolution_worker import some
from workers.protocol import Calls, answer

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class PoolingProblem:
    """Sizes of a pooling over one to three axes.

    Attributes
    ----------
    kind : str
        "max" or "average".
    batch, channels : int
    sizes : tuple of int
        Along each axis.
    window, stride : int
        Along every axis.
    """

    kind: str
    batch: int
    sizes: tuple[int, ...]
    channels: int
    window: int
    stride: int

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> PoolingProblem:
        """Return the problem that `to_json` was called on."""
        return cls(**{**values, "sizes": tuple(values["sizes"])})

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return asdict(self)

    @property
    def results(self) -> int:
        """Of all pictures."""
        cells = prod((n - self.window) // self.stride + 1 for n in self.sizes)
        return self.batch * cells * self.channels

    @property
    def pooled(self) -> int:
        """Numbers of all windows."""
        return self.results * self.window ** len(self.sizes)

    def pictures(self) -> Numbers:
        """Return random pictures, channels last."""
        shape = (self.batch, *self.sizes, self.channels)
        return np.random.default_rng(0).standard_normal(shape, np.float32)

    def __str__(self) -> str:
        sizes, window = ("×".join(map(str, n)) for n in (self.sizes, (self.window,) * self.axes))
        stride = f" stride {self.stride}" if self.stride != 1 else ""
        return f"{self.kind}, {self.batch}×{sizes}×{self.channels}, {window}{stride}"

    @property
    def axes(self) -> int:
        """How many axes windows slide along."""
        return len(self.sizes)


def _kernelet(problem: PoolingProblem, threads: int) -> tuple[Callable[[], object], list[float]]:
    """Return what to time, and numbers of its result; it has the threads that the process has."""
    del threads
    import kernelet

    function = getattr(kernelet, f"{problem.kind}_pool{problem.axes}d")
    pictures = problem.pictures()

    def call() -> object:
        return function(pictures, problem.window, problem.stride)

    return call, some(function(pictures, problem.window, problem.stride))


def _torch(
    problem: PoolingProblem, threads: int, *, channels_last: bool
) -> tuple[Callable[[], object], list[float]]:
    """Return what to time, and numbers of its result."""
    import torch

    torch.set_num_threads(threads)
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(problem.pictures(), -1, 1)))
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    if channels_last and problem.axes in formats:
        x = x.contiguous(memory_format=formats[problem.axes])
    name = {"max": "max_pool", "average": "avg_pool"}[problem.kind]
    function = getattr(torch.nn.functional, f"{name}{problem.axes}d")

    def call() -> object:
        with torch.inference_mode():
            return function(x, problem.window, problem.stride)

    return call, some(np.moveaxis(function(x, problem.window, problem.stride).numpy(), 1, -1))


class Pooler(Calls):
    """A library that solves one problem again and again."""

    def __init__(self, problem: PoolingProblem, setting: str, threads: int) -> None:
        if setting == "kernelet":
            self.call, self.numbers = _kernelet(problem, threads)
        else:
            last = setting == "torch-channels-last"
            self.call, self.numbers = _torch(problem, threads, channels_last=last)


def load(task: dict[str, Any]) -> Pooler:
    """Return the work of a task."""
    problem = PoolingProblem.from_json(task["problem"])
    return Pooler(problem, task["setting"], task["threads"])


if __name__ == "__main__":
    answer(load)
