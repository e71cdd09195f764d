"""Test accuracy of one recipe over several seeds: kernelet in each precision beside PyTorch.

Fashion-MNIST with LeNet-5, and, where a folder or .zip of CIFAR-10's pictures is given, those with
the small VGG. Seeds set first weights (the same for all) and orders.

    python benchmarks/accuracy.py [--seeds 5] [--epochs 6] [--cifar cifar10.zip] [--cifar-epochs 4]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kernelet.data import load_dataset

WORKER = Path(__file__).resolve().parent / "workers" / "recipe.py"
CONTENDERS: Mapping[str, tuple[str, str]] = {
    "kernelet float32": ("kernelet", "float32"),
    "kernelet bfloat16": ("kernelet", "bfloat16"),
    "PyTorch float32": ("torch", "float32"),
}


def compare(source: str, network: str, epochs: int, options: argparse.Namespace) -> None:
    """Train on a data set with every seed and print means and spreads."""
    data = load_dataset(source, validation_split=0.0)
    assert data.train is not None
    assert data.test is not None
    reached: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        test = {"test_x": data.test.images, "test_y": data.test.labels}
        np.savez(path, x=data.train.images, y=data.train.labels, **test)
        for seed in range(options.seeds):
            for name, (library, precision) in CONTENDERS.items():
                numbers = map(str, (epochs, seed, options.threads))
                command = [sys.executable, str(WORKER), str(path), library, precision, network]
                done = subprocess.run(
                    [*command, *numbers], check=True, stdout=subprocess.PIPE, text=True
                )
                reached[name].append(100 * json.loads(done.stdout)["accuracy"])
    print(f"{source}, {network}, {epochs} epochs, {options.seeds} seeds, test accuracy in %")
    for name, accuracies in reached.items():
        each = " ".join(f"{accuracy:.2f}" for accuracy in accuracies)
        print(f"  {name:20s} mean {statistics.mean(accuracies):.2f}  ({each})", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cifar", help="folder or .zip of pictures with train and test")
    parser.add_argument("--cifar-epochs", type=int, default=4)
    chosen = parser.parse_args()
    compare("fashion-mnist", "lenet5", chosen.epochs, chosen)
    if chosen.cifar:
        compare(chosen.cifar, "small-vgg", chosen.cifar_epochs, chosen)
