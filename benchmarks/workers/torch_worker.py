"""PyTorch on the processor, channels last, fused Adam; compiled or not."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import Network
from workers.protocol import Contender, serve


def build(network: Network) -> nn.Sequential:
    """Return the network, channels first as PyTorch stores filters."""
    layers: list[nn.Module] = []
    size, channels = network.height, network.channels
    for c in network.convolutions:
        layers += [nn.Conv2d(channels, c.filters, c.kernel, padding=c.padding), nn.ReLU()]
        size, channels = size + 2 * c.padding - c.kernel + 1, c.filters
        if c.pool > 1:
            layers.append(nn.MaxPool2d(c.pool))
            size //= c.pool
    layers.append(nn.Flatten())
    width = size * size * channels
    for units in network.dense:
        layers += [nn.Linear(width, units), nn.ReLU()]
        width = units
    layers.append(nn.Linear(width, network.classes))
    return nn.Sequential(*layers)


def load(model: nn.Sequential, weights: list[NDArray[np.float32]]) -> None:
    """Copy weights in Keras' layout; the first dense layer's rows are in H, W, C order."""
    channels = size = 0
    values = iter(weights)
    with torch.no_grad():
        for layer in model:
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_(torch.from_numpy(next(values)).permute(3, 2, 0, 1))
                layer.bias.copy_(torch.from_numpy(next(values)))
                channels = layer.out_channels
            elif isinstance(layer, nn.Linear):
                w = next(values)
                if channels:
                    size = round((len(w) / channels) ** 0.5)
                    w = w.reshape(size, size, channels, -1).transpose(2, 0, 1, 3)
                    w, channels = w.reshape(size * size * w.shape[0], -1), 0
                layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(w.T)))
                layer.bias.copy_(torch.from_numpy(next(values)))


class Eager(Contender):
    """Plain PyTorch."""

    compiled = False

    def __init__(
        self,
        network: Network,
        weights: list[NDArray[np.float32]],
        x: NDArray[np.float32],
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
    ) -> None:
        torch.set_num_threads(threads)
        module = build(network)
        load(module, weights)
        module = module.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, eps=1e-7, fused=True)
        self.model = torch.compile(module) if self.compiled else module
        pictures = torch.from_numpy(x).permute(0, 3, 1, 2)
        self.batches = [
            (
                pictures[k : k + batch_size].to(memory_format=torch.channels_last),
                torch.from_numpy(y[k : k + batch_size]).long(),
            )
            for k in range(0, len(x), batch_size)
        ]

    def run(self, times: int) -> tuple[float, list[float]]:
        losses = []
        start = time.perf_counter()
        for step in range(times):
            x, y = self.batches[step % len(self.batches)]
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        seconds = time.perf_counter() - start
        return seconds, [float(loss) for loss in losses]


class Compiled(Eager):
    """The same through torch.compile."""

    compiled = True


if __name__ == "__main__":
    serve({"eager": Eager, "compiled": Compiled})
