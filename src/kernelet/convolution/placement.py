"""Where the filter starts and ends, axis by axis, as SciPy places it.

In terms of the ``full`` result, which has n + k − 1 cells, ``valid`` keeps the |n − k| + 1 in the
middle and ``same`` keeps n cells from cell ⌊(k − 1) / 2⌋ on. For even k that differs from layers,
whose ``same`` starts one cell later, as in Keras and TensorFlow (`kernelet.geometry`).
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.convolution.arguments import Mode, shape_text
from kernelet.errors import ShapeError
from kernelet.geometry import Window, window


def place(n: int, k: int, mode: Mode, *, late: bool = False) -> Window:
    """Resolve one axis.

    Parameters
    ----------
    n, k : int
        Lengths of signal and filter.
    mode : {"valid", "same", "full"}
        How far the filter may move.
    late : bool
        Whether ``same`` starts at ⌊k / 2⌋ instead, as ``scipy.signal.correlate2d`` does.

    Returns
    -------
    Window
        With padding that may be negative where the filter is the longer one.

    Examples
    --------
    >>> place(5, 4, "same").arithmetic()
    '5 + 3 − 4 + 1 = 5'
    >>> place(5, 4, "same").before, place(5, 4, "same", late=True).before
    (2, 1)
    """
    if mode == "full":
        return window(n, k, "full")
    if mode == "valid":
        missing = max(k - n, 0)
        return Window(n, k, 1, 1, missing, missing)
    start = k // 2 if late else (k - 1) // 2
    return window(n, k, (k - 1 - start, start))


def swapped(placed: Window) -> Window:
    """Return the same result with signal and filter in each other's role.

    Both are convolved with zeros beyond the border, so the roles are free to choose; what changes
    is how far the first position lies before the signal.
    """
    start = placed.kernel - 1 - placed.before
    before = placed.length - 1 - start
    after = placed.output - 1 + placed.length - placed.kernel - before
    return Window(placed.kernel, placed.length, 1, 1, before, after)


def must_swap(signal: Sequence[int], kernel: Sequence[int]) -> bool:
    """Return whether only the second fits the first's role in mode ``valid``.

    Raises
    ------
    ShapeError
        If neither is at least as long as the other along every axis.
    """
    pairs = list(zip(signal, kernel, strict=True))
    if all(n >= k for n, k in pairs):
        return False
    if all(k >= n for n, k in pairs):
        return True
    raise ShapeError(
        'mode "valid" needs one array that is at least as long as the other along every axis;'
        f" a is {shape_text(signal)} and w is {shape_text(kernel)}."
        ' Try mode="same" or mode="full".'
    )


def empty_outputs(
    signal: Sequence[int], kernel: Sequence[int], mode: Mode, *, plain: bool
) -> tuple[int, ...]:
    """Return the size of the result if one of the arrays is empty, where SciPy has one.

    Parameters
    ----------
    signal, kernel : sequence of int
        Lengths, an axis.
    mode : {"valid", "same", "full"}
    plain : bool
        Whether zeros lie beyond the border.

    Raises
    ------
    ShapeError
        If there is nothing to continue beyond the border, or no sum to form.
    """
    pairs = list(zip(signal, kernel, strict=True))
    if mode == "same" and 0 in signal and 0 not in kernel:
        return tuple(signal)
    if plain and len(pairs) > 1:
        if mode == "valid":
            must_swap(signal, kernel)
            return tuple(abs(n - k) + 1 for n, k in pairs)
        outputs = tuple(n + k - 1 for n, k in pairs)
        if mode == "full" and min(outputs) == 0:
            return outputs
    name = "a" if 0 in signal else "w"
    raise ShapeError(
        f"{name} is empty: a is {shape_text(signal)} and w is {shape_text(kernel)}."
        " Both need at least one cell."
    )
