"""Which kernel runs which operation, and with what arguments.

For every operation the candidates stand in order of preference; the first that applies is taken.
A kernel's operands are the operation's inputs, its outputs, the candidate's constants and, last,
its workspace.
"""

from __future__ import annotations

from kernelet.errors import ConfigurationError
from kernelet.ops.activation import Activate, ActivateGradient
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.bias import BiasAdd, ChannelSum
from kernelet.ops.dropout import Dropout
from kernelet.ops.pooling import AveragePool, AveragePoolGradient, MaxPool, MaxPoolGradient
from kernelet.ops.shape import ChannelSlice, Concatenate
from kernelet.ops.softmax import Softmax, SoftmaxGradient
from kernelet.plan.candidate import NO_ACTIVATION, Arguments, Candidate, Constants, Target
from kernelet.plan.candidates_convolution import (
    CONVOLUTION_CANDIDATES,
    rows_of_cells,
    window_arguments,
)
from kernelet.plan.candidates_training import TRAINING_CANDIDATES, channel_pieces
from kernelet.plan.candidates_winograd import WINOGRAD, pays_alone
from kernelet.program import Node, Op


def _size(node: Node) -> Arguments:
    return {"size": node.output.size}


def _elements(node: Node, target: Target) -> int:
    return node.output.size


def _channels(node: Node) -> Arguments:
    """Return how many cells and channels the first input has."""
    x = node.inputs[0]
    channels = x.shape[-1] if x.shape else 1
    return {"cells": x.size // channels, "channels": channels}


def _activation(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, Activate | ActivateGradient)
    return {"activation": op.kind, "slope": float(op.slope)}


def _rescale_constants(node: Node) -> Constants:
    op = node.op
    assert isinstance(op, Rescale)
    channels = node.output.shape[-1] if node.output.shape else 1
    return [row if len(row) == channels else row * channels for row in (op.scale, op.offset)]


def _pooling(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, MaxPool | MaxPoolGradient | AveragePool | AveragePoolGradient)
    return {**window_arguments(op.window), "channels": op.channels}


def _pooled_rows(node: Node, target: Target) -> int:
    return rows_of_cells(node.output)


def _pooling_gradient(node: Node) -> Arguments:
    return {**_pooling(node), "rectified": 0}


def _concatenate(node: Node) -> Arguments:
    channels = node.output.shape[-1]
    return {"cells": node.output.size // channels, "channels": channels}


def _concatenate_constants(node: Node) -> Constants:
    return [[float(value.shape[-1]) for value in node.inputs]]


def _channel_slice(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, ChannelSlice)
    return {**_channels(node), "begin": op.begin, "end": op.end}


def _dropout(node: Node) -> Arguments:
    op = node.op
    assert isinstance(op, Dropout)
    return {
        "size": node.output.size,
        "stream": op.stream,
        "threshold": op.threshold,
        "scale": op.scale,
    }


def _batched(node: Node) -> bool:
    return node.output.batched


CANDIDATES: dict[type[Op], tuple[Candidate, ...]] = {
    **CONVOLUTION_CANDIDATES,
    **TRAINING_CANDIDATES,
    Add: (
        Candidate(
            "add", lambda node: NO_ACTIVATION, applies=_batched, pieces=_elements, activation=True
        ),
        Candidate("add_shared", _size, divisible=True),
    ),
    Rescale: (Candidate("rescale", _channels, constants=_rescale_constants),),
    BiasAdd: (Candidate("bias_add", _channels),),
    ChannelSum: (Candidate("channel_sum", _channels, pieces=channel_pieces),),
    Activate: (Candidate("activate", _activation, pieces=_elements),),
    ActivateGradient: (Candidate("activate_gradient", _activation, pieces=_elements),),
    Softmax: (Candidate("softmax", _channels),),
    SoftmaxGradient: (Candidate("softmax_gradient", _channels),),
    MaxPool: (Candidate("max_pool", _pooling, pieces=_pooled_rows),),
    MaxPoolGradient: (Candidate("max_pool_gradient", _pooling_gradient, rectifies=True),),
    AveragePool: (Candidate("average_pool", _pooling, pieces=_pooled_rows),),
    AveragePoolGradient: (Candidate("average_pool_gradient", _pooling),),
    Concatenate: (Candidate("concatenate", _concatenate, constants=_concatenate_constants),),
    ChannelSlice: (Candidate("channel_slice", _channel_slice),),
    Dropout: (Candidate("dropout", _dropout),),
}


def select(node: Node, *, alone: bool = False, lasting: bool = False) -> Candidate:
    """Return the kernel for a node: the first candidate that applies.

    Parameters
    ----------
    node : Node
    alone : bool
        Whether samples may come one by one, which must be run by the same algorithms.
    lasting : bool
        Whether weights last for many such calls, as in predictions.
    """
    for candidate in CANDIDATES.get(type(node.op), ()):
        if alone and candidate is WINOGRAD and not pays_alone(node, lasting=lasting):
            continue
        if candidate.applies(node):
            return candidate
    if isinstance(node.op, RandomFlip | RandomShift):
        raise ConfigurationError(
            f"{node.op.name} must directly follow an input of the network, with nothing but "
            "augmentation and rescaling in between, and be the input's only reader: "
            "the engine augments pictures while it packs them."
        )
    raise NotImplementedError(f"the native engine has no kernel for {node.op.name}")
