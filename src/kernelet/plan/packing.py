"""What happens to an input while it is packed: augmentation and rescaling in one pass.

The engine packs a picture with one flip, one shift and one ``x · scale + offset`` a channel. Any
order of a flip, a shift and rescalings comes down to that: rescaling commutes with moving pixels,
except for the constant that a shift fills gaps with, which goes through the rescalings after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from kernelet.errors import ConfigurationError
from kernelet.ops.arithmetic import Rescale
from kernelet.ops.augmentation import FILLS, RandomFlip, RandomShift
from kernelet.plan.candidate import Arguments, Constants
from kernelet.program import Array, Node, Op, Shape

_Augmentation = TypeVar("_Augmentation", RandomFlip, RandomShift)


def _only(kind: type[_Augmentation], ops: Sequence[Op]) -> _Augmentation | None:
    """Return the augmentation of a kind, if there is one."""
    found = [op for op in ops if isinstance(op, kind)]
    if len(found) > 1:
        raise ConfigurationError(
            f"an input is followed by {len(found)} operations {kind.name}, but the engine applies "
            "at most one while packing: merge them into one, or remove the others."
        )
    return found[0] if found else None


def _precedes(shift: RandomShift | None, flip: RandomFlip | None, ops: Sequence[Op]) -> bool:
    return shift is not None and flip is not None and ops.index(shift) < ops.index(flip)


def _rescaled(values: Array, ops: Sequence[Op]) -> Array:
    """Apply the rescalings among some operations to one number a channel."""
    for op in ops:
        if isinstance(op, Rescale):
            values = values * np.asarray(op.scale) + np.asarray(op.offset)
    return values


def _flip_arguments(flip: RandomFlip | None) -> dict[str, int]:
    return {
        "flip_vertical": int(flip is not None and flip.vertical),
        "flip_horizontal": int(flip is not None and flip.horizontal),
        "flip_stream": flip.stream if flip else 0,
    }


def _shift_arguments(shift: RandomShift | None) -> dict[str, int]:
    return {
        "shift_rows": shift.rows if shift else 0,
        "shift_columns": shift.columns if shift else 0,
        "shift_stream": shift.stream if shift else 0,
        "shift_fill": FILLS.index(shift.fill) if shift else 0,
    }


def pack_arguments(
    chain: Sequence[Node], input_index: int, shape: Shape
) -> tuple[Arguments, Constants]:
    """Return the arguments of the engine's ``pack_samples`` for an input and what follows it.

    Parameters
    ----------
    chain : sequence of Node
        The run of `RandomFlip`, `RandomShift` and `Rescale` behind the input, each the only reader
        of the one before; may be empty.
    input_index : int
        Which input of the program.
    shape : tuple of int
        Of the input, without the batch.

    Returns
    -------
    arguments : mapping
        By name.
    constants : tuple of three tuples of float
        Scale, offset and fill (what a constant shift leaves in the gap), one entry a channel.

    Raises
    ------
    ConfigurationError
        If the chain holds two flips or two shifts.
    """
    ops = [node.op for node in chain]
    flip, shift = _only(RandomFlip, ops), _only(RandomShift, ops)
    channels = shape[-1] if shape else 1
    height, width = shape[:2] if len(shape) == 3 else (1, math.prod(shape[:-1]))
    offset = _rescaled(np.zeros(channels), ops)
    scale = np.ones(channels)
    for op in ops:
        if isinstance(op, Rescale):
            scale = scale * np.asarray(op.scale)
    fill = offset
    if shift is not None:
        fill = _rescaled(np.full(channels, shift.fill_value), ops[ops.index(shift) + 1 :])
    arguments: dict[str, int | float | str] = {
        "input": input_index,
        "height": height,
        "width": width,
        "channels": channels,
        **_flip_arguments(flip),
        **_shift_arguments(shift),
        "shift_first": int(_precedes(shift, flip, ops)),
    }
    return arguments, (tuple(scale.tolist()), tuple(offset.tolist()), tuple(fill.tolist()))


def augments(chain: Sequence[Node]) -> bool:
    """Return whether what follows an input moves its pixels."""
    return any(isinstance(node.op, RandomFlip | RandomShift) for node in chain)
