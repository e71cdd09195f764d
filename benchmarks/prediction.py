"""Predictions in float32, side by side with PyTorch, ONNX Runtime and OpenVINO.

Every contender runs in a process of its own with the same weights and pictures, and they take
turns. Before any time counts, the first picture's probabilities are compared with the float64 ones.

    python benchmarks/prediction.py [--networks lenet5 small-vgg] [--batch-sizes 1 8 32 256]
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

SCRIPT = "prediction_worker.py"
CONTENDERS = {
    "kernelet": (SCRIPT, "kernelet"),
    "PyTorch channels_last": (SCRIPT, "torch"),
    "PyTorch frozen": (SCRIPT, "torch-frozen"),
    "ONNX Runtime": (SCRIPT, "onnxruntime"),
    "OpenVINO": (SCRIPT, "openvino"),
}


def compare(network: str, batch_size: int, threads: int, rounds: int) -> list[Runner]:
    """Time one network; return the contenders with their times."""
    shape = NETWORKS[network]
    generator = np.random.default_rng(1)
    pictures = (batch_size, shape.height, shape.height, shape.channels)
    x = generator.standard_normal(pictures, np.float32)
    model = kernelet_worker.build(shape)
    expected = model.predict(x[:1], device="reference")[0]
    task = {"network": network, "batch_size": batch_size, "threads": threads}
    data = {"x": x, "y": np.zeros(batch_size, np.int32)}
    with start_all(CONTENDERS, task, model.get_weights(), data) as runners:
        for runner in runners:
            _, probabilities = runner.run(1)
            error = np.abs(np.array(probabilities) - expected).max()
            if not error < 1e-5:
                raise SystemExit(f"{runner.name} is {error:.1e} from the float64 result")
        take_turns(runners, rounds)
    return runners


if __name__ == "__main__":
    compare_all(__doc__, compare, "float32, ms a batch", [1, 8, 32, 256], 9)
