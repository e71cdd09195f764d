"""What a careful user of PyTorch would write to train LeNet-5 on Fashion-MNIST.

The pictures are one tensor in memory, channels last, and batches are taken from it by index: no
loader, no worker processes. Adam is fused and follows a one-cycle schedule. Prints the accuracy on
the test pictures as JSON.

    python benchmarks/workers/fashion_mnist_torch.py FOLDER [--epochs 3] [--batch-size 128]
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import NETWORKS
from workers.torch_worker import build


def read(folder: Path, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return pictures, channels last, and labels of "train" or "t10k"."""
    images = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    pixels = torch.from_numpy(np.frombuffer(images, np.uint8, offset=16).copy())
    x = pixels.reshape(-1, 1, 28, 28).float().contiguous(memory_format=torch.channels_last)
    y = torch.from_numpy(np.frombuffer(labels, np.uint8, offset=8).astype(np.int64))
    return x, y


def train(model: nn.Module, x: torch.Tensor, y: torch.Tensor, options: argparse.Namespace) -> None:
    """Train with AdamW and a learning rate that rises and falls along lines."""
    kernels = {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1}
    biases = {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0}
    optimizer = torch.optim.AdamW(
        [kernels, biases], lr=options.learning_rate, betas=(0.9, 0.95), fused=True
    )
    steps = options.epochs * -(-len(x) // options.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        options.learning_rate,
        total_steps=steps,
        pct_start=0.2,
        anneal_strategy="linear",
        cycle_momentum=False,
    )
    low = options.precision == "bfloat16"
    for _ in range(options.epochs):
        for rows in torch.randperm(len(x)).split(options.batch_size):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16) if low else nullcontext():
                loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()


def accuracy(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> float:
    """Return the share of pictures that are recognised."""
    model.eval()
    with torch.inference_mode():
        right = sum(
            int((model(a).argmax(1) == b).sum())
            for a, b in zip(x.split(1000), y.split(1000), strict=True)
        )
    return right / len(x)


def main() -> None:
    """Load, train, measure, save."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=8e-3)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(options.seed)
    x, y = read(options.folder, "train")
    mean, deviation = x.mean(), x.std()
    model = build(NETWORKS["lenet5"]).to(memory_format=torch.channels_last)
    train(model, (x - mean) / deviation, y, options)
    test_x, test_y = read(options.folder, "t10k")
    reached = accuracy(model, (test_x - mean) / deviation, test_y)
    with tempfile.TemporaryDirectory() as folder:
        torch.save(model.state_dict(), Path(folder) / "model.pt")
    print(json.dumps({"accuracy": reached}))


if __name__ == "__main__":
    main()
