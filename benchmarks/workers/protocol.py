"""How a contender talks to the benchmark: a JSON object a line, there and back.

The benchmark sends what to load (the network, the path of an ``.npz`` with weights and data, the
setting), ``{"run": times}``, ``{"restart": true}``, or ``{"weights": path}``, a file to write the
weights to. The contender answers with the seconds it took, the numbers that came out and the most
memory it has held.
"""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.networks import Network

Numbers = NDArray[np.float32]


class Work(ABC):
    """What one library in one setting does again and again."""

    @abstractmethod
    def run(self, times: int) -> tuple[float, list[float]]:
        """Do the work some times; return the seconds it took and the numbers that came out."""


class Calls(Work):
    """One call without arguments, made again and again."""

    call: Callable[[], object]
    numbers: list[float]

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        for _ in range(times):
            self.call()
        return time.perf_counter() - start, self.numbers


class Contender(Work):
    """One library in one setting, with one network to train or to predict with.

    Of training, the work is an Adam step and the numbers are the losses of all steps; of
    prediction, a batch and the first picture's probabilities.
    """

    @abstractmethod
    def __init__(
        self,
        network: Network,
        weights: list[Numbers],
        x: Numbers,
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
    ) -> None: ...


class Trainer(Contender):
    """A contender that changes its weights."""

    @abstractmethod
    def restart(self) -> None:
        """Go back to the first weights.

        A network that has learnt its few pictures by heart has gradients near zero, and what
        processors make of those is no measure of training.
        """

    @abstractmethod
    def weights(self) -> list[Numbers]:
        """Return what training made of the weights, in Keras' order and layout."""


def peak_memory() -> int:
    """Return the most bytes that this process has held; getrusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _loaded(contenders: Mapping[str, Callable[..., Contender]], task: dict[str, Any]) -> Contender:
    with np.load(task["data"], allow_pickle=False) as data:
        weights = [data[f"weight{k}"] for k in range(task["weights"])]
        return contenders[task["setting"]](
            Network.from_json(task["network"]),
            weights,
            data["x"],
            data["y"],
            task["batch_size"],
            task["threads"],
        )


def serve(contenders: Mapping[str, Callable[..., Contender]]) -> None:
    """Answer a benchmark of networks until it closes standard input."""
    answer(lambda task: _loaded(contenders, task))


def answer(load: Callable[[dict[str, Any]], Work]) -> None:
    """Answer a benchmark until it closes standard input; `load` makes work of a task."""
    contender: Work | None = None
    for line in sys.stdin:
        seconds, numbers = 0.0, list[float]()
        match json.loads(line):
            case {"load": task}:
                contender = None  # what it holds must not count towards the next one's memory
                contender = load(task)
            case {"run": times}:
                assert contender is not None
                seconds, numbers = contender.run(times)
            case {"restart": True}:
                if isinstance(contender, Trainer):
                    contender.restart()
            case {"weights": path}:
                assert isinstance(contender, Trainer)
                np.savez(path, *contender.weights())
        report = {"seconds": seconds, "numbers": numbers, "peak": peak_memory()}
        print(json.dumps(report), flush=True)
