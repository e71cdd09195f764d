"""One Adam training step in float32, side by side with PyTorch.

Every contender runs in a process of its own with the same initial weights, data and optimizer, and
they take turns, so that a change of the machine's speed meets all of them. Before any time counts,
the losses of the first steps are compared with the float64 reference.

    python benchmarks/training_step.py [--networks lenet5 small-vgg] [--threads 2] [--rounds 15]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.processes import (
    Runner,
    compare_all,
    start_all,
    take_turns,
)
from workers import kernelet_worker
from workers.networks import NETWORKS

CONTENDERS = {
    "kernelet float32": ("kernelet_worker.py", "float32"),
    "PyTorch channels_last": ("torch_worker.py", "eager"),
    "PyTorch compiled": ("torch_worker.py", "compiled"),
}
BATCHES = 10
CHECKED_STEPS = 3


def compare(network: str, batch_size: int, threads: int, rounds: int) -> list[Runner]:
    """Time one network; return the contenders with their times."""
    shape = NETWORKS[network]
    generator = np.random.default_rng(1)
    count = BATCHES * batch_size
    pictures = (count, shape.height, shape.height, shape.channels)
    x = generator.standard_normal(pictures, np.float32)
    y = generator.integers(0, shape.classes, count, np.int32)
    weights = kernelet_worker.initial_weights(shape)
    expected = kernelet_worker.reference_losses(shape, weights, x, y, batch_size, CHECKED_STEPS)
    task = {"network": network, "batch_size": batch_size, "threads": threads}
    with start_all(CONTENDERS, task, weights, {"x": x, "y": y}) as runners:
        for runner in runners:
            _, losses = runner.run(CHECKED_STEPS)
            error = np.abs(np.array(losses) / np.array(expected) - 1)
            print(f"  {runner.name}: losses within {error.max():.1e} of float64", flush=True)
            # The first loss shows the forward pass. Later ones have been through Adam, which
            # divides gradients near zero by themselves and so enlarges rounding.
            if error[0] > 1e-5 or error.max() > 5e-3:
                raise SystemExit(f"{runner.name} computes something else")
        take_turns(runners, rounds)
    return runners


if __name__ == "__main__":
    compare_all(__doc__, compare, "float32, ms a step", [128], 15)
