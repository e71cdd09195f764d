"""Times networks of many kinds beside PyTorch in both of its layouts.

Branches and sums, transposed convolutions, volumes and signals, pictures as results, other
activations and poolings, dense layers alone. All contenders begin with the same weights, and their
first losses, or predictions, are compared before any time counts. The list is sorted: whatever
stands below 1.00 is slower with kernelet.

    python benchmarks/architectures.py [--names few-maps] [--what training prediction] [--threads 2]
        [--batch-sizes 3 17] [--precision float32] [--isa native]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from contenders.processes import (
    ISAS,
    SHORT_TURN,
    TOLERANCES,
    Conditions,
    Runner,
    ratio,
    start_all,
    take_turns,
)
from workers.architecture_kernelet import build, initial_weights
from workers.architectures import ARCHITECTURES, Architecture

_TORCH = {
    "channels last": ("architecture_torch.py", "last"),
    "channels first": ("architecture_torch.py", "first"),
}
# PyTorch is free to stay with float32 where that is faster.
CONTENDERS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "float32": {"kernelet": ("architecture_kernelet.py", "float32"), **_TORCH},
    "bfloat16": {
        "kernelet": ("architecture_kernelet.py", "bfloat16"),
        **_TORCH,
        "last, autocast": ("architecture_torch.py", "last-autocast"),
        "first, autocast": ("architecture_torch.py", "first-autocast"),
    },
}


def data_of(architecture: Architecture, rows: int) -> dict[str, np.ndarray]:
    """Return random inputs and targets."""
    generator = np.random.default_rng(1)
    x = generator.standard_normal((rows, *architecture.shape), np.float32)
    y = generator.integers(0, 10, rows, np.int32)
    arrays: dict[str, np.ndarray] = {"x": x, "y": y}
    if architecture.pictures:
        (shape,) = (tensor.shape for tensor in build(architecture)[0].outputs)
        arrays["y"] = generator.standard_normal((rows, *shape[1:]), np.float32)
    return arrays


def time_architecture(
    runners: list[Runner], name: str, batch_size: int, options: argparse.Namespace, what: str
) -> tuple[float, float]:
    """Return the ratio of PyTorch's best time to ours, and our milliseconds."""
    architecture, training = ARCHITECTURES[name], what == "training"
    rows = max(2, 64 // batch_size) * batch_size if training else batch_size
    weights = initial_weights(architecture)
    arrays = data_of(architecture, rows)
    for layer, own in enumerate(weights):
        arrays |= {f"weight{layer}.{k}": array for k, array in enumerate(own)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, allow_pickle=False, **arrays)
        for runner in runners:
            runner.load(
                {
                    "architecture": name,
                    "training": training,
                    "batch_size": batch_size,
                    "threads": options.threads,
                    "data": str(path),
                    "weights": [len(own) for own in weights],
                }
            )
    numbers = [runner.run(1)[1] for runner in runners]
    relative, absolute = TOLERANCES[options.precision]
    for theirs in numbers[1:]:
        if not np.allclose(numbers[0], theirs, rtol=relative, atol=absolute):
            raise SystemExit(f"{name}, {what} of {batch_size}: {numbers[0]} against {theirs}")
    take_turns(runners, options.rounds, SHORT_TURN)
    best = min(ratio(theirs, runners[0]) for theirs in runners[1:])
    return best, float(np.median(runners[0].milliseconds))


def main(options: argparse.Namespace) -> None:
    """Print the networks, those that are slowest beside PyTorch first."""
    lines = []
    conditions = Conditions(1, options.threads, isa=options.isa)
    with start_all(CONTENDERS[options.precision], conditions) as runners:
        for what in options.what:
            for name in options.names:
                architecture = ARCHITECTURES[name]
                training = what == "training"
                usual = architecture.batches if training else architecture.predicted
                for size in options.batch_sizes or usual:
                    best, ours = time_architecture(runners, name, size, options, what)
                    lines.append((best, ours, f"{name}, {what}, {size}"))
    lines.sort()
    print("PyTorch / kernelet | kernelet, ms | network, work, samples")
    for best, ours, text in lines:
        print(f"{best:8.2f} | {ours:9.3f} | {text}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["training", "prediction"]
    parser.add_argument("--names", nargs="+", default=list(ARCHITECTURES), choices=ARCHITECTURES)
    parser.add_argument("--what", nargs="+", default=kinds, choices=kinds)
    parser.add_argument("--batch-sizes", nargs="+", type=int, help="in place of each network's own")
    parser.add_argument("--precision", default="float32", choices=list(CONTENDERS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--isa", default="native", choices=list(ISAS))
    main(parser.parse_args())
