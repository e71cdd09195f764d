"""How steps with many weights are divided: by groups of blocks, or by slices of the result.

In groups, a step goes along while a block's values are in the cache; every block reads all weights,
and a sum over the batch is kept in a copy for each group. In slices, threads share out the elements
of the result, and each takes all blocks in order: weights are read once, and there are no copies,
but the values of the whole batch must be kept and read again. Kernels of single samples take a
share of the weights for the whole batch at once. The choice depends on the program and the batch
alone, and so do the bits of the results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kernelet.ops.dense import MatrixProduct
from kernelet.plan.candidate import LANES
from kernelet.program import Node

if TYPE_CHECKING:
    from kernelet.plan.step import Step
    from kernelet.plan.storage import Storage

# Sums are kept apart in at most this many groups, and in no more than this many floats together:
# more groups occupy more threads, but each holds a copy of all gradients.
MOST_GROUPS = 16
MOST_PARTIAL_FLOATS = 1 << 26
# The same for single samples, of which each would read and write the sums of its own group.
MOST_SINGLE_FLOATS = 1 << 20

# Kernels that take slices in place of others, each of all blocks at once, with the floats of
# scratch memory that they want: panels of 32 elements in 16 blocks of samples.
_OF_ALL_BLOCKS = {"outer_product_sum": ("outer_product_sum_batch", 32 * 16 * LANES)}

# Floats of a slice, of a sum or of weights, which is to stay in the second-level cache from one
# block to the next, and of the largest one that does.
_SLICE = 1 << 14
_LARGEST_SLICE = 1 << 16
# Weights that stay there as a whole.
_NEAR_WEIGHTS = 1 << 17
# Outputs of a dense layer at most, and inputs at least, whose products would wait for each other in
# single samples. Blocks of samples have to add them in the same order.
_FEW_OUTPUTS = 32
_MANY_INPUTS = 512
# Floats that threads move in the time of one more phase.
_PHASE = 1 << 14


def groups(batch_size: int, block: int, partial: int) -> int:
    """Return in how many groups of blocks sums are kept apart.

    Parameters
    ----------
    batch_size, block : int
        Samples of a step and of a block.
    partial : int
        Floats that the sums of one group take.
    """
    blocks = -(-batch_size // block)
    if not partial:
        return blocks
    floats = MOST_SINGLE_FLOATS if block == 1 else MOST_PARTIAL_FLOATS
    most = max(1, min(MOST_GROUPS, floats // partial))
    # Usual numbers of threads divide a power of two.
    return blocks if blocks <= most else 1 << (most.bit_length() - 1)


def divided(step: Step, storage: Storage, batch_size: int, threads: int) -> Step:
    """Return a step with the slices in which it should be divided, and the kernel that takes them.

    Parameters
    ----------
    step : Step
        Any; only those whose kernel can are sliced.
    storage : Storage
        Of batched values.
    batch_size : int
        Samples a step.
    threads : int
        That share slices.
    """
    number = _slices(step, storage, batch_size)
    if number and step.kernel in _OF_ALL_BLOCKS:
        kernel, workspace = _OF_ALL_BLOCKS[step.kernel]
        step = replace(step, kernel=kernel, workspace=workspace, whole_batch=True)
    if step.whole_batch:
        # Threads that take long runs of the weights read them in one stream, and what all runs read
        # is written anew for each of them: with two runs a thread, two took as long as one.
        number = min(step.pieces, threads)
    return replace(step, slices=number) if number else step


def _slices(step: Step, storage: Storage, batch_size: int) -> int:
    """Return in how many slices a step should be divided, or 0 for groups of blocks."""
    blocks = -(-batch_size // storage.block)
    if not step.sliceable or blocks == 1:
        return 0
    return (_slices_of_sum if step.reduces else _slices_of_weights)(step, storage, blocks)


def _slices_of_weights(step: Step, storage: Storage, blocks: int) -> int:
    batched, weights = step.values[:2]
    size = weights.size
    number = fitting(size, step.pieces)
    if size < _NEAR_WEIGHTS or size > number * _LARGEST_SLICE:
        return 0
    moved = blocks * (2 * storage.floats(step.outputs[0]) + (1 + number) * storage.floats(batched))
    return number if moved + _PHASE < (blocks - 1) * size else 0


def _slices_of_sum(step: Step, storage: Storage, blocks: int) -> int:
    size = step.outputs[0].size
    own, every = (storage.floats(value) for value in step.values)
    number = fitting(size, step.pieces)
    # Floats that go through the memory behind the second-level cache, one way and the other.
    in_groups = size * (2 * blocks + min(blocks, MOST_GROUPS) + 1)
    in_slices = size + blocks * (2 * own + (1 + number) * every) + _PHASE
    return number if in_slices < in_groups else 0


def reads_once(weights: int, values: int, batch_size: int) -> bool:
    """Return whether all single samples of a batch should meet weights, or a sum, at once.

    Parameters
    ----------
    weights, values : int
        Floats of those, and of what a sample reads and writes besides.
    batch_size : int
    """
    moved = 2 * batch_size * values + _PHASE
    return weights >= _NEAR_WEIGHTS and moved < (batch_size - 1) * weights


def sums_in_parts(node: Node) -> bool:
    """Return whether a dense layer sums its inputs in several parts."""
    op = node.op
    assert isinstance(op, MatrixProduct)
    few, many = node.output.size <= _FEW_OUTPUTS, node.inputs[0].size >= _MANY_INPUTS
    return few and many and not op.transposed


def fitting(floats: int, pieces: int) -> int:
    """Return how many runs of pieces are small enough, of a sum or weights of some floats."""
    return min(pieces, -(-floats // _SLICE))
