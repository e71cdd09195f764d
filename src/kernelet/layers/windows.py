"""Sliding windows that do not fit, and the arithmetic of those that do."""

from __future__ import annotations

from kernelet.geometry import Window2D
from kernelet.layers.problems import LayerShapeError


def require_fit(noun: str, window: Window2D, padding: object) -> None:
    """Raise LayerShapeError where a window is larger than its padded input.

    Parameters
    ----------
    noun : str
        "kernel" or "pool".
    window : Window2D
    padding : str or pairs
        As configured, for the message.
    """
    v, h = window.vertical, window.horizontal
    failing = next((axis for axis in (v, h) if axis.output < 1), None)
    if failing is None:
        return
    mode = padding if isinstance(padding, str) else "padding"
    extent = failing.extent
    size = f"{v.kernel}×{h.kernel}"
    if failing.dilation > 1:
        size += f" dilated to {v.extent}×{h.extent}"
    room = failing.length + failing.before + failing.after
    largest = (room - 1) // failing.dilation + 1
    repairs = ['padding="same"', f"a {noun} of at most {largest}"]
    smallest = (v.extent - v.before - v.after, h.extent - h.before - h.after)
    raise LayerShapeError(
        f"{noun} {size} does not fit its {v.length}×{h.length} input"
        f" ({mode}: {room} − {extent} + 1 = {room - extent + 1})",
        repairs,
        smallest,
    )


def window_arithmetic(window: Window2D) -> str:
    """Return the sum of the rows, and of the columns where they differ.

    Examples
    --------
    >>> from kernelet.geometry import window2d
    >>> window_arithmetic(window2d((28, 28), (5, 5), "valid"))
    '28 − 5 + 1 = 24'
    """
    rows, columns = window.vertical.arithmetic(), window.horizontal.arithmetic()
    return rows if rows == columns else f"{rows}; {columns}"
