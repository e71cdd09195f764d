"""How sums over the batch are divided: by groups of blocks, or by slices of the sum.

In groups, a sum goes along while a block's values are in the cache, and each group has a copy of
it. In slices, threads share out the elements of the sum, and each takes all blocks in order: there
are no copies, but the values of the whole batch must be kept and read again. The choice depends on
the program and the batch alone, and so do the bits of the results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kernelet.plan.fusion import Step
    from kernelet.plan.storage import Storage

# Sums are kept apart in at most this many groups, and in no more than this many floats together:
# more groups occupy more threads, but each holds a copy of all gradients.
MOST_GROUPS = 16
MOST_PARTIAL_FLOATS = 1 << 26
# The same for single samples, of which each would read and write the sums of its own group.
MOST_SINGLE_FLOATS = 1 << 16

# Floats of a slice, which is to stay in the second-level cache from one block to the next.
_SLICE = 1 << 14
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
    return min(blocks, max(1, min(MOST_GROUPS, floats // partial)))


def slices(step: Step, storage: Storage, batch_size: int) -> int:
    """Return in how many slices a step should sum over the batch, or 0 for groups of blocks.

    Parameters
    ----------
    step : Step
        Any; only those whose kernel can are sliced.
    storage : Storage
        Of batched values.
    batch_size : int
        Samples a step.
    """
    blocks = -(-batch_size // storage.block)
    if not step.sliceable or blocks == 1:
        return 0
    size = step.outputs[0].size
    own, every = (storage.floats(value) for value in step.values)
    number = fitting(size, step.pieces)
    # Floats that go through the memory behind the second-level cache, one way and the other.
    in_groups = size * (2 * blocks + min(blocks, MOST_GROUPS) + 1)
    in_slices = size + blocks * (2 * own + (1 + number) * every) + _PHASE
    return number if in_slices < in_groups else 0


def fitting(floats: int, pieces: int) -> int:
    """Return how many runs of pieces are small enough, for a result of some floats."""
    return min(pieces, -(-floats // _SLICE))
