"""The benchmark's networks as ONNX, for the libraries that read it."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from workers.networks import Network


class _Graph:
    """Nodes one behind the other, with their weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "x"

    def add(self, kind: str, *weights: NDArray[np.float32], **attributes: object) -> None:
        names = []
        for values in weights:
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), names[-1]))
        output = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *names], [output], **attributes))
        self.last = output


def onnx_bytes(network: Network, weights: list[NDArray[np.float32]]) -> bytes:
    """Return a network with weights in Keras' order and layout as an ONNX file."""
    graph, values = _Graph(), iter(weights)
    size, channels = network.height, network.channels
    for c in network.convolutions:
        graph.add("Conv", next(values).transpose(3, 2, 0, 1), next(values), pads=[c.padding] * 4)
        graph.add("Relu")
        size, channels = size + 2 * c.padding - c.kernel + 1, c.filters
        if c.pool > 1:
            graph.add("MaxPool", kernel_shape=[c.pool] * 2, strides=[c.pool] * 2)
            size //= c.pool
    graph.add("Flatten")
    for number in range(len(network.dense) + 1):
        kernel = next(values)
        if number == 0:  # the rows are in the order height, width, channel
            kernel = kernel.reshape(size, size, channels, -1).transpose(2, 0, 1, 3)
            kernel = kernel.reshape(size * size * channels, -1)
        graph.add("Gemm", kernel, next(values))
        graph.add("Relu" if number < len(network.dense) else "Softmax")
    shape = ["n", network.channels, network.height, network.height]
    tensor = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [tensor("x", onnx.TensorProto.FLOAT, shape)],
            [tensor(graph.last, onnx.TensorProto.FLOAT, ["n", network.classes])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
