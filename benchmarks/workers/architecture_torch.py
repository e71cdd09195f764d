"""PyTorch: training steps and predictions of networks of many kinds, in both layouts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.architectures import ARCHITECTURES, Architecture, Tensor
from workers.protocol import Numbers, Trainer, Work, answer
from workers.torch_worker import EPSILON

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}
_LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


class Layers(nn.Module):
    """A builder that runs as it is built: the first pass makes the layers, later ones use them."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.axes = len(architecture.shape) - 1
        self.made = nn.ModuleList()
        self.flattened: dict[int, torch.Size] = {}  # by the number of the layer that follows
        self.next = 0
        with torch.no_grad():
            self(torch.zeros(2, architecture.shape[-1], *architecture.shape[:-1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.next = 0
        y: torch.Tensor = self.architecture.build(self, x)
        return y

    def _layer(self, make: Callable[[], nn.Module], x: Tensor) -> Tensor:
        if self.next == len(self.made):
            self.made.append(make())
        self.next += 1
        return self.made[self.next - 1](x)

    def _kind(self, name: str) -> Any:
        return getattr(nn, name.format(self.axes))

    def convolution(
        self,
        x: Tensor,
        filters: int,
        kernel: int,
        *,
        strides: int = 1,
        dilation: int = 1,
        groups: int = 1,
        valid: bool = False,
    ) -> Tensor:
        padding = 0 if valid else (kernel - 1) * dilation // 2
        return self._layer(
            lambda: self._kind("Conv{}d")(
                x.shape[1], filters, kernel, strides, padding, dilation, groups
            ),
            x,
        )

    def transposed(self, x: Tensor, filters: int, size: int) -> Tensor:
        kind = self._kind("ConvTranspose{}d")
        return self._layer(lambda: kind(x.shape[1], filters, size, size), x)

    def normalization(self, x: Tensor) -> Tensor:
        kind = self._kind("BatchNorm{}d") if x.ndim > 2 else nn.BatchNorm1d
        return self._layer(lambda: kind(x.shape[1], eps=1e-3, momentum=0.01), x)

    def activation(self, x: Tensor, kind: str) -> Tensor:
        return _ACTIVATIONS[kind](x)

    def maximum(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        return getattr(F, f"max_pool{self.axes}d")(x, size, strides)

    def average(self, x: Tensor, size: int = 2, strides: int = 2) -> Tensor:
        return getattr(F, f"avg_pool{self.axes}d")(x, size, strides)

    def global_average(self, x: Tensor) -> Tensor:
        return x.mean(tuple(range(2, x.ndim)))

    def add(self, *tensors: Tensor) -> Tensor:
        return sum(tensors[1:], tensors[0])

    def concatenate(self, *tensors: Tensor) -> Tensor:
        return torch.cat(tensors, 1)

    def flatten(self, x: Tensor) -> Tensor:
        self.flattened[self.next] = x.shape[1:]
        return x.flatten(1)

    def dense(self, x: Tensor, units: int) -> Tensor:
        return self._layer(lambda: nn.Linear(x.shape[1], units), x)

    def set_weights(self, weights: list[list[Numbers]]) -> None:
        """Copy weights in Keras' layout."""
        for number, (layer, arrays) in enumerate(zip(self.made, weights, strict=True)):
            own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
            for parameter, array in zip(own, arrays, strict=False):  # torch also counts batches
                parameter.data.copy_(self._turned(number, torch.from_numpy(array)))

    def _turned(self, number: int, w: torch.Tensor) -> torch.Tensor:
        if w.ndim == 1:
            return w
        if w.ndim > 2:
            return w.permute(w.ndim - 1, w.ndim - 2, *range(w.ndim - 2))
        if number in self.flattened:
            channels, *sizes = self.flattened[number]
            w = w.reshape(*sizes, channels, -1).movedim(-2, 0).flatten(0, -2)
        return w.T


class _Torch(Trainer):
    """What training and predictions share.

    The setting is the layout, "first" or "last", with "-autocast" for products in bfloat16.
    """

    def __init__(self, task: dict[str, Any], x: Numbers, y: Any, weights: list[list[Numbers]]):
        torch.set_flush_denormal(True)
        torch.set_num_threads(task["threads"])
        architecture = ARCHITECTURES[task["architecture"]]
        self.pictures = architecture.pictures
        self.model = Layers(architecture)
        self.first = weights
        self.model.set_weights(weights)
        self.low = task["setting"].endswith("-autocast")
        last = _LAYOUTS.get(self.model.axes) if task["setting"].startswith("last") else None
        layout = last or torch.contiguous_format
        self.model.to(memory_format=layout)
        self.x = torch.from_numpy(x).movedim(-1, 1).contiguous(memory_format=layout)
        targets = torch.from_numpy(y)
        if self.pictures:
            self.y = targets.movedim(-1, 1).contiguous(memory_format=layout)
        else:
            self.y = targets.long()

    def precision(self) -> AbstractContextManager[object]:
        """Return the context that products are computed in."""
        return torch.autocast("cpu", torch.bfloat16) if self.low else nullcontext()

    def restart(self) -> None:
        self.model.set_weights(self.first)

    def weights(self) -> list[Numbers]:
        return [p.detach().numpy() for p in self.model.parameters()]


class Training(_Torch):
    """Fused Adam steps on batches in order."""

    def __init__(self, task: dict[str, Any], x: Numbers, y: Any, weights: list[list[Numbers]]):
        super().__init__(task, x, y, weights)
        self.model.train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), 1e-3, eps=EPSILON, fused=True)
        self.batch: int = task["batch_size"]
        self.done = 0

    def run(self, times: int) -> tuple[float, list[float]]:
        losses = []
        start = time.perf_counter()
        for step in range(self.done, self.done + times):
            begin = step * self.batch % len(self.x)
            x, y = self.x[begin : begin + self.batch], self.y[begin : begin + self.batch]
            self.optimizer.zero_grad()
            with self.precision():
                found = self.model(x)
                loss = F.mse_loss(found, y) if self.pictures else F.cross_entropy(found, y)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.detach())
        self.done += times
        return time.perf_counter() - start, [float(loss) for loss in losses]

    def restart(self) -> None:
        super().restart()
        self.done = 0
        for slots in self.optimizer.state.values():
            for slot in slots.values():
                slot.zero_()


class Prediction(_Torch):
    """Scores or pictures of a batch."""

    def run(self, times: int) -> tuple[float, list[float]]:
        self.model.eval()
        start = time.perf_counter()
        with torch.inference_mode(), self.precision():
            for _ in range(times):
                y = self.model(self.x)
                y = y if self.pictures else y.softmax(-1)
        seconds = time.perf_counter() - start
        return seconds, y[0].float().movedim(0, -1).flatten()[:10].tolist()


def load(task: dict[str, Any]) -> Work:
    """Return the work of a task."""
    with np.load(task["data"], allow_pickle=False) as data:
        weights = [
            [data[f"weight{layer}.{k}"] for k in range(count)]
            for layer, count in enumerate(task["weights"])
        ]
        work = Training if task["training"] else Prediction
        return work(task, data["x"], data["y"], weights)


if __name__ == "__main__":
    answer(load)
