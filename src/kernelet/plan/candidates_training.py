"""Candidates for what only training needs: statistics, losses, metrics and updates."""

from __future__ import annotations

from collections.abc import Callable

from kernelet.ops.losses import (
    BinaryCrossEntropy,
    BinaryCrossEntropyGradient,
    CategoricalCrossEntropy,
    CategoricalCrossEntropyGradient,
    OneHot,
    SoftmaxCrossEntropy,
    SoftmaxCrossEntropyGradient,
    SquaredError,
    SquaredErrorGradient,
)
from kernelet.ops.metrics import AbsoluteError, BinaryAccuracy, TopKAccuracy
from kernelet.ops.normalization import (
    ChannelMean,
    ChannelVariance,
    MovingAverage,
    Normalize,
    NormalizedProductSum,
    NormalizeFixedGradient,
    NormalizeGradient,
)
from kernelet.ops.reduction import BatchMean, RequireFinite, SampleShare
from kernelet.ops.updates import AdamUpdate, ClipByNorm, ClipByValue, GlobalNorm, SGDUpdate
from kernelet.plan.candidate import NO_ACTIVATION, Arguments, Candidate, Constants, Target
from kernelet.program import Node, Op


def _integers(*names: str) -> Callable[[Node], Arguments]:
    """Return a function that makes whole-number arguments of attributes of the operation."""
    return lambda node: {name: int(getattr(node.op, name)) for name in names}


def _reals(*names: str) -> Callable[[Node], Arguments]:
    """Return a function that makes real arguments of attributes of the operation."""
    return lambda node: {name: float(getattr(node.op, name)) for name in names}


def _size(operand: int) -> Callable[[Node], Arguments]:
    """Return a function that makes an argument of the size of an input."""
    return lambda node: {"size": node.inputs[operand].size}


def _together(*parts: Callable[[Node], Arguments]) -> Callable[[Node], Arguments]:
    """Return a function that makes the arguments of several."""
    return lambda node: {name: value for part in parts for name, value in part(node).items()}


def _channels(node: Node) -> dict[str, int]:
    x = node.inputs[0]
    return {"cells": x.size // x.shape[-1], "channels": x.shape[-1]}


def channel_pieces(node: Node, target: Target) -> int:
    """Return the pieces of a sum for each channel."""
    return target.pieces_of("channel_sum", node.inputs[0].shape[-1])


def _cells(node: Node, target: Target) -> int:
    return _channels(node)["cells"]


def _normalization(node: Node) -> Arguments:
    op = node.op
    assert isinstance(
        op, Normalize | NormalizedProductSum | NormalizeGradient | NormalizeFixedGradient
    )
    return {
        **_channels(node),
        "epsilon": float(op.epsilon),
        "scale": int(getattr(op, "scale", False)),
        "center": int(getattr(op, "center", False)),
    }


def _normalize(node: Node) -> Arguments:
    return {**_normalization(node), **NO_ACTIVATION}


def _absent(operands: int) -> Callable[[Node], Constants]:
    """Return a function that fills up with absent operands."""
    return lambda node: [()] * (operands - len(node.inputs) - len(node.outputs))


def _without_momentum(node: Node) -> bool:
    return isinstance(node.op, SGDUpdate) and not node.op.momentum


_FROM_LOGITS = _integers("from_logits")
_SGD = _together(_reals("momentum", "weight_decay"), _integers("nesterov"))
_ADAM = _reals("beta_1", "beta_2", "epsilon", "weight_decay")

TRAINING_CANDIDATES: dict[type[Op], tuple[Candidate, ...]] = {
    ChannelMean: (Candidate("channel_mean", _channels, pieces=channel_pieces),),
    ChannelVariance: (Candidate("channel_variance", _channels, pieces=channel_pieces),),
    Normalize: (
        Candidate("normalize", _normalize, constants=_absent(6), activation=True, pieces=_cells),
    ),
    NormalizedProductSum: (
        Candidate("normalized_product_sum", _normalization, pieces=channel_pieces),
    ),
    NormalizeGradient: (
        Candidate("normalize_gradient", _normalization, constants=_absent(8), pieces=_cells),
    ),
    NormalizeFixedGradient: (
        Candidate("normalize_fixed_gradient", _normalization, constants=_absent(4), pieces=_cells),
    ),
    MovingAverage: (Candidate("moving_average", _reals("momentum"), divisible=True),),
    OneHot: (Candidate("one_hot", lambda node: {"size": node.output.size}),),
    SoftmaxCrossEntropy: (Candidate("softmax_cross_entropy", _size(0)),),
    SoftmaxCrossEntropyGradient: (Candidate("softmax_cross_entropy_gradient", _size(1)),),
    CategoricalCrossEntropy: (Candidate("categorical_cross_entropy", _size(0)),),
    CategoricalCrossEntropyGradient: (Candidate("categorical_cross_entropy_gradient", _size(1)),),
    BinaryCrossEntropy: (Candidate("binary_cross_entropy", _together(_size(0), _FROM_LOGITS)),),
    BinaryCrossEntropyGradient: (
        Candidate("binary_cross_entropy_gradient", _together(_size(1), _FROM_LOGITS)),
    ),
    SquaredError: (Candidate("squared_error", _size(0)),),
    SquaredErrorGradient: (Candidate("squared_error_gradient", _size(1)),),
    BatchMean: (Candidate("batch_mean"),),
    SampleShare: (Candidate("sample_share"),),
    RequireFinite: (Candidate("require_finite"),),
    TopKAccuracy: (Candidate("top_k_accuracy", _together(_size(0), _integers("k"))),),
    BinaryAccuracy: (Candidate("binary_accuracy", _together(_size(0), _reals("threshold"))),),
    AbsoluteError: (Candidate("absolute_error", _size(0)),),
    SGDUpdate: (
        Candidate("sgd_update", _SGD, applies=_without_momentum, divisible=True),
        Candidate("momentum_update", _SGD, divisible=True),
    ),
    AdamUpdate: (Candidate("adam_update", _ADAM, divisible=True),),
    GlobalNorm: (Candidate("global_norm"),),
    ClipByNorm: (Candidate("clip_by_norm", _reals("limit"), divisible=True),),
    ClipByValue: (Candidate("clip_by_value", _reals("limit"), divisible=True),),
}
