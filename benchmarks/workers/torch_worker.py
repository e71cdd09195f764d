"""PyTorch on the processor with fused Adam: layouts, precisions, compiled or not."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import Convolution, Network
from workers.protocol import Numbers, Trainer, serve

# PyTorch adds ε to the root of the second moment after its correction, the others before: in the
# first step, where this matters most, the root is corrected by √(1 − β₂).
EPSILON = 1e-7 / 0.001**0.5


def _stage(channels: int, c: Convolution) -> list[nn.Module]:
    convolution = nn.Conv2d(
        channels,
        c.filters,
        c.sides(c.kernel),
        c.sides(c.strides),
        c.sides(c.padding, 0),
        c.sides(c.dilation),
        c.groups,
        bias=not c.normalized,
    )
    # Keras' defaults, which the other contenders have.
    normalization = [nn.BatchNorm2d(c.filters, eps=1e-3, momentum=0.01)] if c.normalized else []
    pooling = [nn.MaxPool2d(c.sides(c.pool))] if c.pool > 1 else []
    return [convolution, *normalization, nn.ReLU(), *pooling]


def build(network: Network) -> nn.Sequential:
    """Return the network, channels first as PyTorch stores filters."""
    layers: list[nn.Module] = []
    for (_, _, channels), c in network.inputs():
        layers += _stage(channels, c)
    layers += [nn.AdaptiveAvgPool2d(1)] if network.averaged else []
    layers.append(nn.Flatten())
    height, width, channels = network.features
    size = height * width * channels
    for units in network.dense:
        layers += [nn.Linear(size, units), nn.ReLU()]
        size = units
    layers.append(nn.Linear(size, network.classes))
    return nn.Sequential(*layers)


def _parameters(layer: nn.Module) -> list[torch.Tensor]:
    """Return a layer's weights in Keras' order."""
    if isinstance(layer, nn.BatchNorm2d):
        assert layer.running_mean is not None
        assert layer.running_var is not None
        return [layer.weight, layer.bias, layer.running_mean, layer.running_var]
    return list(layer.parameters(recurse=False))


class Layout:
    """Between PyTorch's layout of weights and Keras'.

    Rows of the first dense layer are in the order channel, height, width here, and height, width,
    channel there.
    """

    def __init__(self, network: Network, model: nn.Sequential) -> None:
        self.features = network.features
        self.dense = next(layer for layer in model if isinstance(layer, nn.Linear)).weight
        self.parameters = [p for layer in model for p in _parameters(layer)]

    def load(self, weights: list[Numbers]) -> None:
        """Copy weights in Keras' layout."""
        height, width, channels = self.features
        with torch.no_grad():
            for parameter, values in zip(self.parameters, weights, strict=True):
                w = torch.from_numpy(values)
                if parameter is self.dense:
                    w = w.reshape(height, width, channels, -1).permute(3, 2, 0, 1).flatten(1)
                elif w.ndim == 2:
                    w = w.T
                elif w.ndim == 4:
                    w = w.permute(3, 2, 0, 1)
                parameter.copy_(w)

    def weights(self) -> list[Numbers]:
        """Return weights in Keras' layout."""
        height, width, channels = self.features
        result = []
        for parameter in self.parameters:
            w = parameter.detach()
            if parameter is self.dense:
                w = w.reshape(-1, channels, height, width).permute(2, 3, 1, 0).flatten(0, 2)
            elif w.ndim == 2:
                w = w.T
            elif w.ndim == 4:
                w = w.permute(2, 3, 1, 0)
            result.append(np.ascontiguousarray(w.numpy()))
        return result


class Torch(Trainer):
    """PyTorch.

    Parameters
    ----------
    compiled : bool
        Whether network and loss go through ``torch.compile``.
    precision : {"float32", "autocast", "fp32_precision"}
        The latter two compute products in bfloat16.
    layout : torch.memory_format
        Of pictures and filters.
    """

    def __init__(
        self,
        network: Network,
        weights: list[Numbers],
        x: Numbers,
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
        *,
        compiled: bool = False,
        precision: str = "float32",
        layout: torch.memory_format = torch.channels_last,
    ) -> None:
        torch.set_flush_denormal(True)  # before its threads start, which inherit it
        torch.set_num_threads(threads)
        if precision == "fp32_precision":
            torch.backends.mkldnn.conv.fp32_precision = "bf16"
            torch.backends.mkldnn.matmul.fp32_precision = "bf16"
        self.autocast = precision == "autocast"
        self.model = build(network)
        self.layout = Layout(network, self.model)
        self.first = weights
        self.layout.load(weights)
        self.model.to(memory_format=layout)
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, eps=EPSILON, fused=True)
        self.loss = torch.compile(self._loss) if compiled else self._loss
        pictures = torch.from_numpy(x).permute(0, 3, 1, 2)
        self.batches = [
            (
                pictures[k : k + batch_size].contiguous(memory_format=layout),
                torch.from_numpy(y[k : k + batch_size]).long(),
            )
            for k in range(0, len(x), batch_size)
        ]

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(x), y)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast("cpu", torch.bfloat16) if self.autocast else nullcontext()

    def run(self, times: int) -> tuple[float, list[float]]:
        losses = []
        start = time.perf_counter()
        for step in range(times):
            x, y = self.batches[step % len(self.batches)]
            self.optimizer.zero_grad()
            with self._precision():
                loss = self.loss(x, y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        seconds = time.perf_counter() - start
        return seconds, [float(loss) for loss in losses]

    def restart(self) -> None:
        self.layout.load(self.first)
        for slots in self.optimizer.state.values():
            for slot in slots.values():
                slot.zero_()

    def weights(self) -> list[Numbers]:
        return self.layout.weights()


if __name__ == "__main__":
    serve(
        {
            "float32": Torch,
            "float32-compiled": partial(Torch, compiled=True),
            "float32-channels-first": partial(Torch, layout=torch.contiguous_format),
            "autocast": partial(Torch, precision="autocast"),
            "autocast-compiled": partial(Torch, precision="autocast", compiled=True),
            "fp32-precision": partial(Torch, precision="fp32_precision"),
            "fp32-precision-compiled": partial(Torch, precision="fp32_precision", compiled=True),
        }
    )
