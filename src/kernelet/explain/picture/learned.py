"""What the filters of a network have learned to answer to, the same for every picture."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.strongest_patches import StrongestPatches, strongest_patches
from kernelet.explain.summary import summarize
from kernelet.model.base import Model

#: Multiply-adds that looking at pictures may take: some seconds on two cores.
MULTIPLY_ADDS = 2 * 10**11
#: Pictures looked at, at most and, whatever they cost, at least.
MOST, LEAST = 10_000, 32


class Learned(msgspec.Struct, frozen=True, eq=False):
    """The strongest patches of every filter, or why there are none.

    Attributes
    ----------
    note : str
        Where the patches come from, or why there are none and how to get them.
    patches : dict of str to StrongestPatches
        By the name of the call.
    images : ndarray of uint8, shape (pictures, height, width, channels), or None
        That the patches lie in.
    """

    note: str
    patches: dict[str, StrongestPatches] = msgspec.field(default_factory=dict)
    images: NDArray[Any] | None = None


def learned_from(model: Model, images: NDArray[Any], source: str) -> Learned:
    """Find what filters answer to in pictures, or in some of many, evenly spaced.

    Parameters
    ----------
    model : Model
    images : ndarray of uint8, shape (pictures, height, width, channels)
    source : str
        What the pictures are called, in a sentence.
    """
    cost = max(1, summarize(model, forecast=False).multiply_adds)
    most = int(np.clip(MULTIPLY_ADDS // cost, LEAST, MOST))
    chosen = images
    if len(images) > most:
        chosen = images[np.linspace(0, len(images) - 1, most).round().astype(np.int64)]
    part = "all" if len(chosen) == len(images) else f"{len(chosen):,} of"
    note = f"Looked for in {part} {len(images):,} pictures of {source}"
    note += "." if len(chosen) == len(images) else ", evenly spaced."
    return Learned(note, strongest_patches(model, chosen), chosen)
