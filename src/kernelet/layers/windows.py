"""Sliding windows of layers: over which axes, whether they fit, and their arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kernelet.geometry import SlidingWindow, Window
from kernelet.layers.base import Layer
from kernelet.layers.problems import LayerShapeError


def sliding_axes(layer: Layer) -> int:
    """Return over how many axes the window of a layer slides: all but the channels."""
    assert layer.rank is not None
    return layer.rank - 1


def _joined(lengths: Iterable[int]) -> str:
    return "×".join(map(str, lengths))


def require_fit(noun: str, window: SlidingWindow, padding: object) -> None:
    """Raise LayerShapeError where a window is larger than its padded input.

    Parameters
    ----------
    noun : str
        "kernel" or "pool".
    window : SlidingWindow
    padding : str or pairs
        As configured, for the message.
    """
    failing = [axis for axis in window.axes if axis.output < 1]
    if not failing:
        return
    mode = padding if isinstance(padding, str) else "padding"
    size = _joined(window.kernel)
    if any(axis.dilation > 1 for axis in window.axes):
        size += f" dilated to {_joined(axis.extent for axis in window.axes)}"
    given = _joined(window.size)
    given = f"{given} input" if len(window.size) > 1 else f"input of {given}"
    sums = [
        f"{_room(axis)} − {axis.extent} + 1 = {_room(axis) - axis.extent + 1}" for axis in failing
    ]
    raise LayerShapeError(
        f"{noun} {size} does not fit its {given} ({mode}: {joined_arithmetic(sums)})",
        ['padding="same"', _smaller(noun, window)],
        too_small=True,
    )


def _room(axis: Window) -> int:
    """Return over how many cells a window moves."""
    return axis.length + axis.before + axis.after


def _smaller(noun: str, window: SlidingWindow) -> str:
    """Return the repair by a smaller window: as large as fits."""
    fits = [min(axis.kernel, (_room(axis) - 1) // axis.dilation + 1) for axis in window.axes]
    if len(set(window.kernel)) == 1:
        fits = [min(fits)]
    if noun == "pool" and max(fits) == 1:
        return "leave it out"
    return f"a {noun} of at most {_joined(fits)}"


def joined_arithmetic(sums: Sequence[str]) -> str:
    """Return the sums of all axes, or one where they are the same.

    Examples
    --------
    >>> joined_arithmetic(["28 − 5 + 1 = 24", "28 − 5 + 1 = 24"])
    '28 − 5 + 1 = 24'
    >>> joined_arithmetic(["9 − 3 + 1 = 7", "8 − 1 + 1 = 8"])
    '9 − 3 + 1 = 7; 8 − 1 + 1 = 8'
    """
    return sums[0] if len(set(sums)) == 1 else "; ".join(sums)
