"""How a contender talks to the benchmark: one JSON object a line on standard input and output.

The benchmark sends the path of an ``.npz`` with the initial weights and the data, then numbers of
steps to do; the contender answers each with the seconds they took and the loss of every step.
"""

from __future__ import annotations

import json
import resource
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.networks import NETWORKS, Network


class Contender(ABC):
    """One library in one setting, training one network."""

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
    def train(self, steps: int) -> tuple[float, list[float]]:
        """Do some Adam steps; return the seconds they took and their losses."""


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
        seconds, losses = contender.train(int(line))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "losses": losses, "peak": peak}), flush=True)
