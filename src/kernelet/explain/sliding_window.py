"""What happens at each position of a sliding window: the products, and their sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.convolution.arguments import Mode
from kernelet.convolution.placement import place
from kernelet.errors import ShapeError, UsageError
from kernelet.explain.numbers import aligned, factor_text, number_text
from kernelet.geometry import Window

#: Most products that are listed; beyond, nobody reads them.
MAXIMUM_PRODUCTS = 100_000


class Step(msgspec.Struct, frozen=True, eq=False):
    """One position of the window.

    Attributes
    ----------
    cell : tuple of int
        Index of the output that it computes.
    corner : tuple of int
        Index of the signal's cell under the first cell of the window; below 0 in the padding.
    values : ndarray, shape of the window
        What lies under the window, padding zeros included.
    inside : ndarray of bool, shape of the window
        Where that is a cell of the signal, not padding.
    products : ndarray, shape of the window
        Values times weights.
    total : int or float
        Sum of the products: the output.
    """

    cell: tuple[int, ...]
    corner: tuple[int, ...]
    values: NDArray[Any]
    inside: NDArray[np.bool_]
    products: NDArray[Any]
    total: int | float


class SlidingWindow(msgspec.Struct, frozen=True, eq=False):
    """A window on its way over a signal.

    Attributes
    ----------
    signal : ndarray of int64 or float64, one or two axes
    window : ndarray of the same kind and number of axes
        As it lies over the signal: already reversed if `flip`.
    mode : {"valid", "same", "full"}
    flip : bool
        Whether this is a convolution; otherwise a correlation.
    placed : tuple of Window
        Sizes and padding along each axis.
    result : ndarray
        All outputs.
    steps : tuple of Step
        One for each output, in reading order.
    """

    signal: NDArray[Any]
    window: NDArray[Any]
    mode: Mode
    flip: bool
    placed: tuple[Window, ...]
    result: NDArray[Any]
    steps: tuple[Step, ...]

    @property
    def operation(self) -> str:
        """``convolution`` or ``correlation``."""
        return "convolution" if self.flip else "correlation"

    @property
    def arithmetic(self) -> str:
        """How the size of the result comes about."""
        names = ("rows", "columns")[-len(self.placed) :] if len(self.placed) > 1 else ("cells",)
        return ", ".join(
            f"{name} {one.arithmetic()}" for name, one in zip(names, self.placed, strict=True)
        )

    def to_text(self) -> str:
        """Return every step as a sum to check by hand, and the result.

        Padding zeros stand in parentheses.

        Examples
        --------
        >>> print(sliding_window([1, 2, 3], [1, 10], "same").to_text())
        correlation, same: cells 3 + 1 − 2 + 1 = 3
        <BLANKLINE>
        [0]  (0)·1 + 1·10 = 10
        [1]    1·1 + 2·10 = 21
        [2]    2·1 + 3·10 = 32
        <BLANKLINE>
        10  21  32
        """
        blocks = []
        for step, lines in zip(self.steps, self.equations(), strict=True):
            label = f"[{', '.join(map(str, step.cell))}]  "
            signs = [""] if len(lines) == 1 else ["  "] + ["+ "] * (len(lines) - 1)
            margins = [label] + [" " * len(label)] * (len(lines) - 1)
            parts = zip(margins, signs, lines, strict=True)
            blocks.append("\n".join("".join(part) for part in parts))
        # Sums of several lines need a space between them.
        body = ("\n" if self.window.ndim == 1 else "\n\n").join(blocks)
        heading = f"{self.operation}, {self.mode}: {self.arithmetic}"
        return "\n\n".join((heading, body, aligned(self.result)))

    def to_svg(self, steps: Sequence[int] | None = None, columns: int | None = None) -> str:
        """Return a film strip: signal, window and sum at every step.

        Parameters
        ----------
        steps : sequence of int, optional
            Which of `steps` to draw. Default: all.
        columns : int, optional
            Frames beside one another. Default: a row of the result, if it is not too wide.

        Returns
        -------
        str
            The text of an SVG file, which loads nothing and follows the reader's choice of light
            or dark.

        Raises
        ------
        UsageError
            If there is no such step, or there would be more cells than anyone can look at.

        Examples
        --------
        >>> film = sliding_window([[1, 2], [3, 4]], [[1]], "valid").to_svg()
        >>> film.startswith("<svg"), film.count("<title>")
        (True, 1)
        """
        from kernelet.explain.film_strip import film_strip

        return film_strip(self, steps, columns)

    def _repr_svg_(self) -> str | None:
        """Show the film strip in notebooks, where it is not too long."""
        try:
            return self.to_svg()
        except UsageError:
            return None

    def equations(self) -> list[list[str]]:
        """Return the sum of each step, one line for each row of the window.

        Padding zeros stand in parentheses. Terms of all steps are equally wide.
        """
        terms = [_terms(self.window, step) for step in self.steps]
        rows = [row for step in terms for row in step]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        equations = [
            [
                " + ".join(term.rjust(width) for term, width in zip(row, widths, strict=True))
                for row in step
            ]
            for step in terms
        ]
        for step, lines in zip(self.steps, equations, strict=True):
            lines[-1] += f" = {number_text(step.total)}"
        return equations


def _terms(window: NDArray[Any], step: Step) -> list[list[str]]:
    """Return ``value·weight`` for each cell of the window, rows first."""
    values, inside, weights = (np.atleast_2d(part) for part in (step.values, step.inside, window))
    return [
        [
            f"{factor_text(value) if own else '(0)'}·{factor_text(weight)}"
            for value, own, weight in zip(*row, strict=True)
        ]
        for row in zip(values, inside, weights, strict=True)
    ]


def sliding_window(
    a: ArrayLike, w: ArrayLike, mode: Mode = "valid", *, flip: bool = False
) -> SlidingWindow:
    r"""Show how a correlation or convolution computes every cell of its result.

    Parameters
    ----------
    a, w : array_like
        Signal and window, both of one or two axes; whole numbers or floating point.
    mode : {"valid", "same", "full"}
        How far the window moves. ``same`` is centred as `kernelet.correlate` does.
    flip : bool
        Reverse the window first: `kernelet.convolve` in place of `kernelet.correlate`.

    Returns
    -------
    SlidingWindow
        Products and sum of each step as data; `to_text` and `to_svg` show them.

    Raises
    ------
    UsageError
        If the mode or the type of an array is none of these, or there are more than
        `MAXIMUM_PRODUCTS` products.
    ShapeError
        If the arrays are empty or of other numbers of axes, or the window does not fit.

    Examples
    --------
    >>> a = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    >>> w = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    >>> shown = sliding_window(a, w, "valid")
    >>> shown.result
    array([[12, 12, 17],
           [10, 17, 19],
           [ 9,  6, 14]])
    >>> print("\n".join(shown.equations()[0]))
    3·0 + 3·1 + 2·2
    0·2 + 0·2 + 1·0
    3·0 + 1·1 + 2·2 = 12
    """
    if mode not in get_args(Mode):
        raise UsageError(f'mode must be "valid", "same" or "full", not {mode!r}.')
    signal, weights = _numbers("a", a), _numbers("w", w)
    _check_shapes(signal, weights, mode)
    placed = tuple(place(n, k, mode) for n, k in zip(signal.shape, weights.shape, strict=True))
    products = weights.size * math.prod(one.output for one in placed)
    if products > MAXIMUM_PRODUCTS:
        raise UsageError(
            f"This makes {products:,} products; at most {MAXIMUM_PRODUCTS:,} are listed."
            "\n  Take a part of the signal, or kernelet.correlate for the result alone."
        )
    window = np.flip(weights) if flip else weights
    steps = _steps(signal, window, placed)
    totals = np.array([step.total for step in steps])
    result = totals.reshape([one.output for one in placed])
    return SlidingWindow(signal, window, mode, flip, placed, result, steps)


def _steps(
    signal: NDArray[Any], window: NDArray[Any], placed: tuple[Window, ...]
) -> tuple[Step, ...]:
    padding = [(one.before, one.after) for one in placed]
    values = np.lib.stride_tricks.sliding_window_view(np.pad(signal, padding), window.shape)
    own = np.pad(np.ones(signal.shape, np.bool_), padding)
    inside = np.lib.stride_tricks.sliding_window_view(own, window.shape)
    products = values * window
    return tuple(
        Step(
            cell=cell,
            corner=tuple(k - one.before for k, one in zip(cell, placed, strict=True)),
            values=values[cell],
            inside=inside[cell],
            products=products[cell],
            total=products[cell].sum().item(),
        )
        for cell in np.ndindex(values.shape[: signal.ndim])
    )


def _numbers(name: str, array: ArrayLike) -> NDArray[Any]:
    given = np.asarray(array)
    if given.dtype.kind in "bui":
        return given.astype(np.int64)
    if given.dtype.kind == "f":
        return given.astype(np.float64)
    raise UsageError(f"{name} holds {given.dtype}; expected whole numbers or floating point.")


def _check_shapes(signal: NDArray[Any], window: NDArray[Any], mode: Mode) -> None:
    if signal.ndim not in (1, 2) or window.ndim != signal.ndim:
        raise ShapeError(
            "a and w must both have one axis or both have two;"
            f" a has {signal.ndim} and w has {window.ndim}."
        )
    for name, array in (("a", signal), ("w", window)):
        if array.size == 0:
            raise ShapeError(f"{name} is empty; expected at least one cell.")
    if mode == "valid" and any(n < k for n, k in zip(signal.shape, window.shape, strict=True)):
        sizes = ["×".join(map(str, array.shape)) for array in (window, signal)]
        raise ShapeError(
            f"A window of {sizes[0]} does not fit a signal of {sizes[1]}.\n"
            '  Try mode="same" or mode="full", or a smaller window.'
        )
