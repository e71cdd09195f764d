"""Predictions, side by side with PyTorch, ONNX Runtime and OpenVINO; float32, then bfloat16.

Every contender runs in a process of its own with the same weights and pictures, and they take
turns. Before any time counts, the first picture's probabilities are compared with the float64 ones.

    python benchmarks/prediction.py [--networks lenet5 small-vgg] [--batch-sizes 1 8 32 256]
        [--precision float32 bfloat16]
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.options import compare_all, parser_of
from contenders.processes import Conditions, Runner, load_all, start_all, take_turns
from workers import kernelet_worker
from workers.networks import NETWORKS, Network

SCRIPT = "prediction_worker.py"
CONTENDERS = {
    "float32": {
        "kernelet": (SCRIPT, "kernelet"),
        "PyTorch channels_last": (SCRIPT, "torch"),
        "PyTorch frozen": (SCRIPT, "torch-frozen"),
        "ONNX Runtime": (SCRIPT, "onnxruntime"),
        "OpenVINO": (SCRIPT, "openvino"),
    },
    "bfloat16": {
        "kernelet": (SCRIPT, "kernelet-bfloat16"),
        "PyTorch autocast": (SCRIPT, "torch-autocast"),
        "PyTorch all bfloat16": (SCRIPT, "torch-bfloat16"),
        "OpenVINO bf16": (SCRIPT, "openvino-bfloat16"),
    },
}
# Of probabilities. Five products, one behind the other, may each be off by 2⁻⁷ in bfloat16.
TOLERANCES = {"float32": 1e-5, "bfloat16": 5 * 2**-7}


def time_predictions(
    runners: list[Runner], shape: Network, conditions: Conditions, precision: str = "float32"
) -> None:
    """Give contenders a network, hold a picture to float64, and let them take turns."""
    generator = np.random.default_rng(1)
    pictures = (conditions.batch_size, shape.height, shape.width, shape.channels)
    x = generator.standard_normal(pictures, np.float32)
    model = kernelet_worker.build(shape)
    expected = model.predict(x[:1], device="reference")[0]
    data = {"x": x, "y": np.zeros(conditions.batch_size, np.int32)}
    load_all(runners, shape, conditions, model.get_weights(), data)
    for runner in runners:
        _, probabilities = runner.run(1)
        error = np.abs(np.array(probabilities) - expected).max()
        if not error < TOLERANCES[precision]:
            raise SystemExit(f"{runner.name} is {error:.1e} from the float64 result")
    take_turns(runners, conditions.rounds)


def compare(precision: str, network: str, conditions: Conditions) -> list[Runner]:
    """Time one of the named networks; return the contenders with their times."""
    with start_all(CONTENDERS[precision], conditions) as runners:
        time_predictions(runners, NETWORKS[network], conditions, precision)
    return runners


if __name__ == "__main__":
    parser = parser_of(__doc__, [1, 8, 32, 256], 9)
    parser.add_argument(
        "--precision", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS)
    )
    options = parser.parse_args()
    for precision in options.precision:
        compare_all(options, partial(compare, precision), f"{precision}, ms a batch")
