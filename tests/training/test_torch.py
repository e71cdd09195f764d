"""Twenty steps of LeNet side by side with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernelet.layers import Rescaling
from kernelet.networks import lenet5
from kernelet.optimizers import SGD, AdamW, Optimizer

STEPS, BATCH = 20, 32

pytestmark = pytest.mark.torch


def _as_torch(model: Any) -> Any:
    """Return the same network with the same weights in PyTorch."""
    import torch
    from torch import nn

    network = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    ).double()
    weights = model.get_weights()
    with torch.no_grad():
        for parameter, array in zip(network.parameters(), weights, strict=True):
            tensor = torch.from_numpy(array.astype(np.float64))
            if tensor.ndim == 4:
                tensor = tensor.permute(3, 2, 0, 1)
            elif tensor.shape[0] == 400:
                # Flattened maps are (row, column, channel) here and (channel, row, column) there.
                tensor = tensor.reshape(5, 5, 16, 120).permute(3, 2, 0, 1).reshape(120, 400)
            elif tensor.ndim == 2:
                tensor = tensor.T
            parameter.copy_(tensor)
    return network


def _torch_losses(network: Any, optimizer: Any, x: Any, y: Any) -> list[float]:
    import torch

    losses = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# Keras' epsilon stands beside the root of the biased second moment, PyTorch's beside that of the
# corrected one; so small an epsilon makes no difference.
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda: SGD(0.02, momentum=0.9),
            lambda torch, p: torch.optim.SGD(p, 0.02, momentum=0.9),
        ),
        (
            lambda: AdamW(1e-3, weight_decay=0.0, epsilon=1e-12),
            lambda torch, p: torch.optim.Adam(p, 1e-3, eps=1e-12),
        ),
        (
            lambda: AdamW(1e-3, weight_decay=0.1, epsilon=1e-12),
            lambda torch, p: torch.optim.AdamW(p, 1e-3, weight_decay=0.1, eps=1e-12),
        ),
    ],
    ids=["SGD", "Adam", "AdamW"],
)
def test_twenty_steps_of_lenet(
    ours: Callable[[], Optimizer], theirs: Callable[[Any, Any], Any]
) -> None:
    import torch

    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (STEPS * BATCH, 28, 28, 1)).astype(np.uint8)
    y = generator.integers(0, 10, STEPS * BATCH)
    model = lenet5()
    network = _as_torch(model)
    model.compile(ours(), "sparse_categorical_crossentropy")
    losses = []
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        logs = model.train_on_batch(x[rows], y[rows], return_dict=True, precision="float32")
        assert isinstance(logs, dict)
        losses.append(logs["loss"])
    rescaling = next(layer for layer in model.layers if isinstance(layer, Rescaling))
    scaled = x * np.asarray(rescaling.scale) + np.asarray(rescaling.offset)
    pictures = torch.from_numpy(np.moveaxis(scaled, -1, 1).copy())
    optimizer = theirs(torch, network.parameters())
    expected = _torch_losses(network, optimizer, pictures, torch.from_numpy(y))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
