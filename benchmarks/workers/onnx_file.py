"""The benchmark's networks as ONNX, for the libraries that read it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from workers.networks import Convolution, Network
from workers.protocol import Numbers


class _Graph:
    """Nodes one behind the other, with their weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = "x"

    def add(self, kind: str, *weights: Numbers, **attributes: object) -> None:
        names = []
        for values in weights:
            names.append(f"w{len(self.weights)}")
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), names[-1]))
        output = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *names], [output], **attributes))
        self.last = output


def _add_convolution(graph: _Graph, c: Convolution, values: Iterator[Numbers]) -> None:
    kernel = next(values).transpose(3, 2, 0, 1)
    bias = [] if c.normalized else [next(values)]
    graph.add(
        "Conv",
        kernel,
        *bias,
        pads=c.sides(c.padding, 0) * 2,
        strides=c.sides(c.strides),
        dilations=c.sides(c.dilation),
        group=c.groups,
    )
    if c.normalized:
        graph.add("BatchNormalization", *(next(values) for _ in range(4)), epsilon=1e-3)
    graph.add("Relu")
    if c.pool > 1:
        graph.add("MaxPool", kernel_shape=c.sides(c.pool), strides=c.sides(c.pool))


def onnx_bytes(network: Network, weights: list[Numbers]) -> bytes:
    """Return a network with weights in Keras' order and layout as an ONNX file."""
    graph, values = _Graph(), iter(weights)
    for c in network.convolutions:
        _add_convolution(graph, c, values)
    if network.averaged:
        graph.add("GlobalAveragePool")
    graph.add("Flatten")
    height, width, channels = network.features
    for number in range(len(network.dense) + 1):
        kernel = next(values)
        if number == 0:  # the rows are in the order height, width, channel
            kernel = kernel.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
            kernel = kernel.reshape(height * width * channels, -1)
        graph.add("Gemm", kernel, next(values))
        graph.add("Relu" if number < len(network.dense) else "Softmax")
    shape = ["n", network.channels, network.height, network.width]
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
