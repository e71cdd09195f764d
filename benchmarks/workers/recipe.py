"""One training by a recipe, with kernelet or PyTorch, to an accuracy that is printed as JSON.

The recipe: AdamW with a one-cycle schedule, weight decay of kernels alone, no augmentation,
pictures brought to mean 0 and deviation 1, Glorot's first weights.

    python benchmarks/workers/recipe.py DATA.npz kernelet float32 lenet5 EPOCHS SEED THREADS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import NETWORKS, Network

BATCH_SIZE, RATE, DECAY, RISE = 128, 4e-3, 0.02, 0.25


def with_kernelet(
    network: Network,
    data: dict[str, NDArray[Any]],
    precision: str,
    epochs: int,
    seed: int,
    threads: int,
) -> float:
    """Return the accuracy on the test pictures."""
    import kernelet as kl
    from workers.kernelet_worker import build

    model = build(network, seed)
    steps = epochs * -(-len(data["x"]) // BATCH_SIZE)
    schedule = kl.optimizers.schedules.OneCycle(RATE, total_steps=steps, pct_start=RISE)
    optimizer = kl.optimizers.AdamW(schedule, weight_decay=DECAY)
    optimizer.exclude_from_weight_decay(["/bias$"])
    model.compile(optimizer, "sparse_categorical_crossentropy", ["accuracy"])
    common: dict[str, Any] = {"verbose": 0, "threads": threads}
    model.fit(data["x"], data["y"], BATCH_SIZE, epochs, seed=seed, precision=precision, **common)
    probabilities = model.predict(data["test_x"], threads=threads, precision=precision)
    return float((probabilities.argmax(1) == data["test_y"]).mean())


def with_torch(
    network: Network,
    data: dict[str, NDArray[Any]],
    precision: str,
    epochs: int,
    seed: int,
    threads: int,
) -> float:
    """Return the accuracy on the test pictures."""
    import torch

    from workers.fashion_mnist_torch import accuracy
    from workers.kernelet_worker import build as build_kernelet
    from workers.torch_worker import Layout, build

    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)
    model = build(network)
    Layout(network, model).load(build_kernelet(network, seed).get_weights())
    model.to(memory_format=torch.channels_last)
    kernels = [p for p in model.parameters() if p.ndim > 1]
    biases = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": kernels, "weight_decay": DECAY}, {"params": biases, "weight_decay": 0.0}],
        lr=RATE,
        eps=1e-7,
        fused=True,
    )
    x, test_x = (
        torch.from_numpy(data[k]).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        for k in ("x", "test_x")
    )
    y, test_y = (torch.from_numpy(data[k]).long() for k in ("y", "test_y"))
    steps = epochs * -(-len(x) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=steps, pct_start=RISE, cycle_momentum=False
    )
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(BATCH_SIZE):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
    return accuracy(model, test_x, test_y)


def main() -> None:
    """Train once."""
    path, library, precision, network, *numbers = sys.argv[1:]
    with np.load(path, allow_pickle=False) as file:
        data = dict(file)
    mean, deviation = data["x"].mean((0, 1, 2)), data["x"].std((0, 1, 2))
    for name in ("x", "test_x"):
        data[name] = ((data[name] - mean) / deviation).astype(np.float32)
    trainer = {"kernelet": with_kernelet, "torch": with_torch}[library]
    epochs, seed, threads = map(int, numbers)
    reached = trainer(NETWORKS[network], data, precision, epochs, seed, threads)
    print(json.dumps({"accuracy": reached}))


if __name__ == "__main__":
    main()
