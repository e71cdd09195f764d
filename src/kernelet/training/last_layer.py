"""Whether a network ends in what a loss takes."""

from __future__ import annotations

from kernelet.errors import ConfigurationError
from kernelet.layers.problems import repair_line
from kernelet.ops.activation import Activate
from kernelet.ops.bias import BiasAdd
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from kernelet.ops.dense import MatrixProduct
from kernelet.ops.dropout import Dropout
from kernelet.ops.normalization import Normalize
from kernelet.ops.pooling import AveragePool, MaxPool
from kernelet.ops.shape import Reshape
from kernelet.ops.softmax import Softmax
from kernelet.program import Node, ProgramBuilder, Value

# What leaves numbers from 0 to 1 as they are, and what is behind it to be looked at.
_PASSING = (AveragePool, Dropout, MaxPool, Reshape)
_LINEAR = (BiasAdd, Convolution, ConvolutionInputGradient, MatrixProduct, Normalize)


def _last(build: ProgramBuilder, prediction: Value) -> Node | None:
    """Return the operation that decides what range the predictions have."""
    value = prediction
    for node in reversed(build.nodes):
        if value in node.outputs:
            if not isinstance(node.op, _PASSING):
                return node
            value = node.inputs[0]
    return None


def require_probabilities(
    build: ProgramBuilder, prediction: Value, loss: str, activation: str
) -> None:
    """Raise ConfigurationError where predictions cannot be probabilities.

    Parameters
    ----------
    build : ProgramBuilder
        With the network in it.
    prediction : Value
        Its output.
    loss, activation : str
        Name of the loss, and of the activation that suits it.
    """
    node = _last(build, prediction)
    if node is None:
        return
    suited = [f'activation="{activation}" in {node.layer!r}', "from_logits=True in the loss"]
    if isinstance(node.op, Softmax) and prediction.shape == (1,):
        raise ConfigurationError(
            f"{node.layer!r} ends in a softmax over one number, which is always 1."
            + repair_line(['activation="sigmoid" there', "one unit a class"])
        )
    unbounded = isinstance(node.op, Activate) and node.op.kind != "sigmoid"
    if isinstance(node.op, _LINEAR) or unbounded:
        ends = f"in {node.op.kind}" if isinstance(node.op, Activate) else "without an activation"
        raise ConfigurationError(
            f"the loss {loss} takes probabilities, and {node.layer!r} ends {ends}."
            + repair_line(suited)
        )


def require_logits(build: ProgramBuilder, prediction: Value, loss: str, activation: str) -> None:
    """Raise ConfigurationError where predictions are probabilities already.

    Parameters
    ----------
    build, prediction, loss, activation
        As for `require_probabilities`.
    """
    node = _last(build, prediction)
    if node is None:
        return
    squashed = isinstance(node.op, Activate) and node.op.kind == "sigmoid"
    if isinstance(node.op, Softmax) or squashed:
        name = "sigmoid" if squashed else "softmax"
        raise ConfigurationError(
            f"the loss {loss} with from_logits=True applies a {activation} by itself, and"
            f" {node.layer!r} ends in a {name} already."
            + repair_line(["from_logits=False", f"leaving the activation of {node.layer!r} out"])
        )
