"""Predictions in float32 or bfloat16: kernelet, PyTorch, ONNX Runtime and OpenVINO.

Each library is imported by its own contender only, and pictures are in the layout that it takes
without a copy.
"""

from __future__ import annotations

import sys
import time
from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from workers.networks import Network
from workers.protocol import Contender, Numbers, serve


class Predictor(Contender):
    """A library that predicts one batch again and again."""

    def __init__(
        self,
        network: Network,
        weights: list[Numbers],
        x: Numbers,
        y: NDArray[np.int32],
        batch_size: int,
        threads: int,
    ) -> None:
        del y
        self.load(network, weights, x[:batch_size], threads)

    @abstractmethod
    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        """Make the network and bring the batch into the library's layout."""

    @abstractmethod
    def predict(self) -> Any:
        """Return the probabilities of the batch."""

    def run(self, times: int) -> tuple[float, list[float]]:
        start = time.perf_counter()
        for _ in range(times):
            result = self.predict()
        seconds = time.perf_counter() - start
        return seconds, np.asarray(result)[0].tolist()


class Kernelet(Predictor):
    """`Model.predict`."""

    precision = "float32"

    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        from workers.kernelet_worker import build

        self.model, self.x, self.threads = build(network), x, threads
        self.model.set_weights(weights)

    def predict(self) -> Any:
        return self.model.predict(
            self.x,
            batch_size=max(32, len(self.x)),
            precision=self.precision,
            threads=self.threads,
        )


class KerneletBfloat16(Kernelet):
    """`Model.predict` in bfloat16."""

    precision = "bfloat16"


class Torch(Predictor):
    """PyTorch, channels last."""

    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        import torch

        from workers.torch_worker import Layout, build

        torch.set_num_threads(threads)
        model = build(network)
        Layout(network, model).load(weights)
        self.torch = torch
        self.model = self._prepared(
            torch.nn.Sequential(model, torch.nn.Softmax(-1))
            .eval()
            .to(memory_format=torch.channels_last)
        )
        self.x = torch.from_numpy(x).permute(0, 3, 1, 2).to(memory_format=torch.channels_last)

    def _prepared(self, model: Any) -> Any:
        return model

    def predict(self) -> Any:
        with self.torch.inference_mode():
            return self.model(self.x)


class FrozenTorch(Torch):
    """PyTorch, traced and frozen."""

    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        super().load(network, weights, x, threads)
        with self.torch.inference_mode():
            traced = self.torch.jit.trace(self.model, self.x)
        self.model = self.torch.jit.freeze(traced)


class AutocastTorch(Torch):
    """PyTorch that multiplies in bfloat16."""

    def predict(self) -> Any:
        with self.torch.inference_mode(), self.torch.autocast("cpu", self.torch.bfloat16):
            return self.model(self.x).float()


class Bfloat16Torch(Torch):
    """PyTorch with all weights and values in bfloat16."""

    def _prepared(self, model: Any) -> Any:
        return model.bfloat16()

    def predict(self) -> Any:
        with self.torch.inference_mode():
            return self.model(self.x.bfloat16()).float()


class OnnxRuntime(Predictor):
    """ONNX Runtime."""

    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        import onnxruntime

        from workers.onnx_file import onnx_bytes

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            onnx_bytes(network, weights), options, providers=["CPUExecutionProvider"]
        )
        self.x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))

    def predict(self) -> Any:
        return self.session.run(None, {"x": self.x})[0]


class OpenVino(Predictor):
    """OpenVINO, told to answer soon and to stay in float32."""

    precision = "f32"

    def load(self, network: Network, weights: list[Numbers], x: Numbers, threads: int) -> None:
        import openvino

        from workers.onnx_file import onnx_bytes

        core = openvino.Core()
        model = core.read_model(onnx_bytes(network, weights))
        self.x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        model.reshape(self.x.shape)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.precision,
            "INFERENCE_NUM_THREADS": threads,
        }
        self.request = core.compile_model(model, "CPU", settings).create_infer_request()

    def predict(self) -> Any:
        return self.request.infer([self.x], share_inputs=True)[0]


class OpenVinoBfloat16(OpenVino):
    """OpenVINO that may multiply in bfloat16."""

    precision = "bf16"


if __name__ == "__main__":
    serve(
        {
            "kernelet": Kernelet,
            "torch": Torch,
            "torch-frozen": FrozenTorch,
            "onnxruntime": OnnxRuntime,
            "openvino": OpenVino,
            "kernelet-bfloat16": KerneletBfloat16,
            "torch-autocast": AutocastTorch,
            "torch-bfloat16": Bfloat16Torch,
            "openvino-bfloat16": OpenVinoBfloat16,
        }
    )
