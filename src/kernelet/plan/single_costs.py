"""What a sample takes: among others of its block, and by itself.

Predictions and training steps are counted differently, because values of a training step have left
the caches when they are read again. One way of counting for both chose wrongly twice as often
(``benchmarks/log.md``).
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelet.ops.convolution import (
    Convolution,
    ConvolutionFilterGradient,
    ConvolutionInputGradient,
)
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.plan import candidates_winograd as winograd
from kernelet.plan.bfloat16 import Bfloat16
from kernelet.plan.candidate import round_up
from kernelet.plan.candidates_winograd import AnyConvolution
from kernelet.plan.single_depthwise import is_depthwise
from kernelet.plan.single_kernels import has_kernel, idle_lanes
from kernelet.program import Node, Program

# In multiply-adds: storing, activating or pooling a number; and writing and reading one that is not
# in a cache any more, as in training.
_NUMBER, _FAR_NUMBER = 6, 20
# Of how many outputs a product takes twice the time in blocks: each input that is loaded meets few
# weights, where tiles are narrow.
_NARROW = 3
# How much longer a multiply-add takes where a vector holds channels instead of samples, measured on
# a Zen 3 core: in a prediction; where every sample reads weights of its own, by Winograd's
# algorithm or in a dense layer; and in training.
_SINGLE, _READING, _TRAINING = 1.1, 1.5, 1.5
# How many multiply-adds in bfloat16 take the time of one in float32, by vectors and by tiles.
_BFLOAT16, _TILES = 2, 8

_MULTIPLYING = AnyConvolution | MatrixProduct | OuterProductSum


@dataclass(frozen=True)
class PredictionCosts:
    """Predicted multiply-adds of all lanes in a prediction, for one sample.

    Attributes
    ----------
    in_blocks, single : int
        In a full block, and alone, with the lanes that its channels leave idle.
    """

    in_blocks: int
    single: int

    @classmethod
    def of(cls, program: Program, lanes: int) -> PredictionCosts:
        """Return the costs of a program."""
        in_blocks, single = 0, 0.0
        for node in program.nodes:
            channels = node.output.shape[-1] if node.output.shape else 1
            single += _NUMBER * node.output.size * round_up(channels, lanes) / channels
            if isinstance(node.op, _MULTIPLYING):
                in_blocks += node.cost.multiply_adds
                longer = _READING if _reads_weights(node) else _SINGLE
                single += longer * node.cost.multiply_adds * _padding(node, lanes)
        return cls(in_blocks, int(single))


def _reads_weights(node: Node) -> bool:
    return isinstance(node.op, MatrixProduct) or winograd.pays_alone(node)


@dataclass(frozen=True)
class TrainingCosts:
    """Predicted multiply-adds of all lanes in a training step, for one sample.

    Attributes
    ----------
    in_blocks, single : float
        In a full block, and alone, with the lanes that its channels leave idle.
    """

    in_blocks: float
    single: float

    @classmethod
    def of(cls, program: Program, lanes: int, bfloat16: Bfloat16 | None) -> TrainingCosts:
        """Return the costs of a program."""
        in_blocks = single = 0.0
        for node in program.nodes:
            if not any(value.batched for value in (*node.inputs, *node.outputs)):
                continue
            padding = _padding(node, lanes)
            numbers = _FAR_NUMBER * max(value.size for value in node.inputs + node.outputs)
            if isinstance(node.op, _MULTIPLYING):
                in_blocks += _block_cost(node, bfloat16)
                single += _TRAINING * padding * _single_cost(node)
            else:
                in_blocks += numbers
                single += numbers * padding
        return cls(in_blocks, single)


def _block_cost(node: Node, bfloat16: Bfloat16 | None) -> float:
    if bfloat16 is not None and bfloat16.candidate(node) is not None:
        return node.cost.multiply_adds / (_TILES if bfloat16.tiles else _BFLOAT16)
    if isinstance(node.op, AnyConvolution) and winograd.pays(node):
        return winograd.predicted_cost(node)
    return node.cost.multiply_adds * (1 + _NARROW / _outputs(node))


def _single_cost(node: Node) -> float:
    if isinstance(node.op, Convolution | ConvolutionInputGradient) and winograd.pays_alone(node):
        return winograd.predicted_cost(node)
    return node.cost.multiply_adds


def _padding(node: Node, lanes: int) -> float:
    """Return how many lanes there are to one that a kernel of single samples uses."""
    if not has_kernel(node):
        return lanes
    if isinstance(node.op, Convolution | ConvolutionInputGradient):
        return idle_lanes(node.op, lanes)
    used = node.op.channels if is_depthwise(node.op) else _outputs(node)
    return round_up(used, lanes) / used


def _outputs(node: Node) -> int:
    """Return how many numbers lie side by side in what a node multiplies an input with, or has."""
    op = node.op
    if isinstance(op, ConvolutionInputGradient):
        return op.channels // op.groups
    if isinstance(op, Convolution | ConvolutionFilterGradient):
        return op.filters // op.groups
    if isinstance(op, OuterProductSum):
        return node.inputs[1].size
    if isinstance(op, MatrixProduct) and op.transposed:
        return node.inputs[0].size
    return node.output.shape[-1] if node.output.shape else 1
