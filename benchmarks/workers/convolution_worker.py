"""One convolution of a batch in float32: kernelet's functions on arrays, and PyTorch's.

Both get arrays in their own layout, once; only calls are timed.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.convolution_problem import ConvolutionProblem, Numbers
from workers.protocol import Calls, answer

# Numbers of the first result that contenders are compared by.
COMPARED = 500


def some(result: NDArray[Any]) -> list[float]:
    """Return numbers from all over a result."""
    flat = result.ravel()
    return flat[:: max(1, flat.size // COMPARED)].tolist()


class Convolver(Calls):
    """A library that solves one problem again and again."""

    def __init__(self, problem: ConvolutionProblem, threads: int) -> None:
        self.call, self.numbers = self.load(problem, *problem.arrays(), threads)

    @abstractmethod
    def load(
        self, problem: ConvolutionProblem, pictures: Numbers, filters: Numbers, threads: int
    ) -> tuple[Callable[[], object], list[float]]:
        """Return what to time, and numbers of the first picture's result."""


class Kernelet(Convolver):
    """`kernelet.conv2d` and its like; it has the threads that the process has."""

    def load(
        self, problem: ConvolutionProblem, pictures: Numbers, filters: Numbers, threads: int
    ) -> tuple[Callable[[], object], list[float]]:
        del threads
        import kernelet

        axes = len(problem.sizes)
        function = getattr(
            kernelet, f"conv{axes}d_transpose" if problem.transposed else f"conv{axes}d"
        )
        options: dict[str, Any] = {
            "strides": problem.stride,
            "padding": problem.padding,
            "dilation_rate": problem.dilation,
        }
        if not problem.transposed:
            options["groups"] = problem.groups

        def call() -> Numbers:
            result: Numbers = function(pictures, filters, **options)
            return result

        return call, some(call()[0])


class Torch(Convolver):
    """`torch.nn.functional.conv2d` and its like, in the usual layout."""

    channels_last = False

    def load(
        self, problem: ConvolutionProblem, pictures: Numbers, filters: Numbers, threads: int
    ) -> tuple[Callable[[], object], list[float]]:
        import torch

        torch.set_num_threads(threads)
        axes = len(problem.sizes)
        kernel = tuple(range(axes))
        x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pictures, -1, 1)))
        w = torch.from_numpy(np.ascontiguousarray(filters.transpose(axes + 1, axes, *kernel)))
        formats = {2: torch.channels_last, 3: torch.channels_last_3d}
        if self.channels_last and axes in formats:
            x, w = (tensor.contiguous(memory_format=formats[axes]) for tensor in (x, w))
        functional = torch.nn.functional
        name = f"conv_transpose{axes}d" if problem.transposed else f"conv{axes}d"
        function = getattr(functional, name)
        options = {
            "stride": problem.stride,
            "padding": problem.padding,
            "dilation": problem.dilation,
            "groups": problem.groups,
        }

        def call() -> object:
            with torch.inference_mode():
                return function(x, w, **options)

        exact = function(x[:1].double(), w.double(), **options)[0]
        return call, some(np.moveaxis(exact.numpy(), 0, -1))


class TorchChannelsLast(Torch):
    """The same, channels last where PyTorch knows that."""

    channels_last = True


CONTENDERS: dict[str, type[Convolver]] = {
    "kernelet": Kernelet,
    "torch": Torch,
    "torch-channels-last": TorchChannelsLast,
}


def load(task: dict[str, Any]) -> Convolver:
    """Return the work of a task."""
    problem = ConvolutionProblem.from_json(task["problem"])
    return CONTENDERS[task["setting"]](problem, task["threads"])


if __name__ == "__main__":
    answer(load)
