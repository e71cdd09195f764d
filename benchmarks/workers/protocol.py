"""How a contender talks to the benchmark: one JSON object a line on standard input and output.

The benchmark sends the path of an ``.npz`` with the weights and the data, then how often to do the
work; the contender answers each with the seconds it took and the numbers that came out.
"""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.networks import NETWORKS, Network


class Contender(ABC):
    """One library in one setting, with one network to train or to predict with."""

    @abstractmethod
    def __init__(
        self,
        network: Network,
        weights: list[NDArray[np.float32]],
        x: NDArray[np.float32],
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
    ) -> None: ...

    @abstractmethod
    def run(self, times: int) -> tuple[float, list[float]]:
        """Do the work some times; return the seconds it took and the numbers that came out.

        Of training, the work is an Adam step and the numbers are the losses of all steps; of
        prediction, a batch and the first picture's probabilities.
        """


def peak_memory() -> int:
    """Return the most bytes that this process has held; getrusage would count its parent's, too."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def serve(contenders: Mapping[str, type[Contender]]) -> None:
    """Answer the benchmark until it closes standard input."""
    task: dict[str, Any] = json.loads(sys.stdin.readline())
    with np.load(task["data"], allow_pickle=False) as data:
        weights = [data[f"weight{k}"] for k in range(task["weights"])]
        contender = contenders[task["setting"]](
            NETWORKS[task["network"]],
            weights,
            data["x"],
            data["y"],
            task["batch_size"],
            task["threads"],
        )
    for line in sys.stdin:
        seconds, numbers = contender.run(int(line))
        answer = {"seconds": seconds, "numbers": numbers, "peak": peak_memory()}
        print(json.dumps(answer), flush=True)
