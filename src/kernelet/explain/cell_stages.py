"""Stages of one output cell: what is added, compared or applied, as numbers and as text."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.explain.numbers import factor_text, fixed_text, number_text, shared_decimals

FloatArray = NDArray[np.float64]

#: Contributions that a text lists; the others are added up in one line.
LISTED = 12


class WeightedSum(msgspec.Struct, frozen=True, eq=False):
    """Values under a filter times its weights, added up; of a dense layer, all its inputs.

    Attributes
    ----------
    values, weights, products : ndarray of float64, shape (*kernel, channels)
        Padding has the value 0; of a dense layer (inputs,).
    inside : ndarray of bool, shape (*kernel,)
        Where the filter lies on the input and not on padding.
    corner : tuple of int
        Index of the cell under the first cell of the filter, below 0 in the padding; empty where
        nothing slides.
    first_channel : int
        Number of the first channel; above 0 with groups alone.
    value : float
        Sum of the products.
    """

    values: FloatArray
    weights: FloatArray
    products: FloatArray
    inside: NDArray[np.bool_]
    corner: tuple[int, ...]
    first_channel: int
    value: float

    @property
    def contributions(self) -> FloatArray:
        """What each channel adds, shape (channels,): the sum of its products."""
        added: FloatArray = self.products.reshape(-1, self.products.shape[-1]).sum(axis=0)
        return added

    def lines(self) -> list[str]:
        """Return the sum as text."""
        if self.inside.ndim and self.products.shape[-1] <= 3:
            return [line for k in range(self.products.shape[-1]) for line in self._channel(k)]
        noun = "channel" if self.inside.ndim else "input"
        parts = self.contributions
        order = np.argsort(-np.abs(parts), kind="stable")[:LISTED]
        decimals = shared_decimals([*parts.tolist(), self.value])
        rest = self.value - sum(round(float(parts[k]), decimals) for k in order)
        lines = []
        for k in order.tolist():
            what = f"{noun} {self.first_channel + k}"
            if not self.inside.ndim:
                what += f": {_term(self.values[k], self.weights[k])}"
            lines.append(f"{fixed_text(parts[k], decimals):>12}  {what}")
        if len(parts) > len(order):
            others = f"{len(parts) - len(order):,} other {noun}s"
            lines.append(f"{fixed_text(rest, decimals):>12}  {others}")
        return lines

    def _channel(self, channel: int) -> list[str]:
        """Return the products of one channel, a line a row of the filter, and their sum."""
        width = self.inside.shape[-1]
        factors = zip(
            self.values[..., channel].ravel().tolist(),
            self.weights[..., channel].ravel().tolist(),
            self.inside.ravel().tolist(),
            strict=True,
        )
        listed = [_term(*pair) for pair in factors]
        terms = [listed[k : k + width] for k in range(0, len(listed), width)]
        widest = max(len(term) for row in terms for term in row)
        lines = [" + ".join(term.rjust(widest) for term in row) for row in terms]
        lines = [f"{'+ ' if number else '  '}{line}" for number, line in enumerate(lines)]
        lines[-1] += f" = {number_text(self.contributions[channel])}"
        return [f"channel {self.first_channel + channel}", *lines]


def _term(value: float, weight: float, inside: bool = True) -> str:
    return f"{factor_text(value) if inside else '(0)'}·{factor_text(weight)}"


class Pooled(msgspec.Struct, frozen=True, eq=False):
    """A window of one map and its maximum or average.

    Attributes
    ----------
    kind : {"maximum", "average"}
    values : ndarray of float64, shape of the window
        0 where there is padding, which takes no part.
    inside : ndarray of bool, shape of the window
    corner : tuple of int
        Index of the cell under the first cell of the window.
    winner : tuple of int or None
        Index in the window of the first maximum in reading order; None for averages.
    value : float
    """

    kind: str
    values: FloatArray
    inside: NDArray[np.bool_]
    corner: tuple[int, ...]
    winner: tuple[int, ...] | None
    value: float

    def lines(self) -> list[str]:
        """Return the window as text."""
        width = self.values.shape[-1]
        texts = [
            number_text(value) if inside else "padding"
            for value, inside in zip(self.values.ravel(), self.inside.ravel().tolist(), strict=True)
        ]
        widest = max(map(len, texts))
        rows = [
            "  ".join(text.rjust(widest) for text in texts[k : k + width])
            for k in range(0, len(texts), width)
        ]
        if self.winner is None:
            count = int(self.inside.sum())
            total = number_text(float(self.values.sum()))
            return [*rows, f"average: {total} / {count} = {number_text(self.value)}"]
        place = ", ".join(str(a + b) for a, b in zip(self.corner, self.winner, strict=True))
        return [*rows, f"maximum: {number_text(self.value)}, at [{place}]"]


class Applied(msgspec.Struct, frozen=True, eq=False):
    """One number becomes another.

    Attributes
    ----------
    kind : str
        "bias", "normalization", "rescaling", "sum", "copy", or the name of an activation.
    numbers : dict of str to float
        What it is made of, by what each number is.
    value : float
    """

    kind: str
    numbers: dict[str, float]
    value: float

    def lines(self) -> list[str]:
        """Return the formula with its numbers."""
        shown = {name: number_text(number) for name, number in self.numbers.items()}
        result = number_text(self.value)
        match self.kind:
            case "bias" | "sum":
                first, second = shown.values()
                return [f"{self.kind}: {first} + {_factor(second)} = {result}"]
            case "rescaling":
                scaled = f"{shown['x']} · {_factor(shown['scale'])}"
                return [f"rescaling: {scaled} + {_factor(shown['offset'])} = {result}"]
            case "normalization":
                return [f"normalization: {_normalization(shown)} = {result}"]
            case "softmax":
                power = f"e^({shown['x']} − {_factor(shown['largest'])})"
                return [f"softmax: {power} / {shown['total']} = {result}"]
            case "copy":
                return [f"copied: {result}"]
            case _:
                return [f"{self.kind}({shown['x']}) = {result}"]


def _factor(text: str) -> str:
    return f"({text})" if text.startswith("−") else text


def _normalization(shown: dict[str, str]) -> str:
    formula = (
        f"({shown['x']} − {_factor(shown['mean'])}) / √({shown['variance']} + {shown['epsilon']})"
    )
    if "gamma" in shown:
        formula += f" · {_factor(shown['gamma'])}"
    return formula + (f" + {_factor(shown['beta'])}" if "beta" in shown else "")


Stage = WeightedSum | Pooled | Applied


class OutputCell(msgspec.Struct, frozen=True, eq=False):
    """One number of a layer's output and how it comes about, in float64.

    Attributes
    ----------
    layer, kind : str
        Name of the call and class of the layer.
    position : tuple of int
        Index of the number in the output of the layer, the map last.
    reads : tuple of str
        Names of the calls that the layer reads.
    stages : tuple of WeightedSum, Pooled or Applied
        One after the other.
    value : float
        The number: that of the last stage.
    """

    layer: str
    kind: str
    position: tuple[int, ...]
    reads: tuple[str, ...]
    stages: tuple[Stage, ...]
    value: float

    def to_text(self) -> str:
        """Return every stage with its numbers."""
        heading = f"{self.layer} ({self.kind}) {list(self.position)}, from {', '.join(self.reads)}"
        lines = [line for stage in self.stages for line in _with_result(stage)]
        return "\n".join((heading, *lines))


def _with_result(stage: Stage) -> list[str]:
    lines = stage.lines()
    if isinstance(stage, WeightedSum):
        lines.append(f"sum of products: {number_text(stage.value)}")
    return lines
