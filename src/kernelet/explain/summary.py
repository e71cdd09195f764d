"""The summary of a model: shapes with their arithmetic, weights and multiply-adds of each layer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kernelet.layers.naming import snake_case
from kernelet.model.base import Model
from kernelet.model.graph import Call, Graph
from kernelet.program import ProgramBuilder, Shape


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One use of a layer.

    Attributes
    ----------
    name, kind : str
        Its name and class.
    shape : tuple of int
        Of the output, without the batch.
    arithmetic : str
        How the size of the output comes about; empty where it is plain.
    weights : int
        Weights and statistics; 0 where an earlier use of the layer counted them.
    multiply_adds : int
        For one sample.
    reads : tuple of str
        Names of the layers that it reads.
    """

    name: str
    kind: str
    shape: Shape
    arithmetic: str
    weights: int
    multiply_adds: int
    reads: tuple[str, ...]

    @property
    def title(self) -> str:
        """Name and class; the name alone where it comes from the class."""
        own = re.fullmatch(rf"{snake_case(self.kind)}(_\d+)?", self.name) is None
        return f"{self.name} ({self.kind})" if own else self.name


@dataclass(frozen=True, slots=True)
class Summary:
    """All layers of a model and their sums.

    Attributes
    ----------
    name : str
        Of the model.
    layers : tuple of LayerSummary
    weights, trainable_weights, multiply_adds : int
        Sums; multiply-adds for one sample.
    """

    name: str
    layers: tuple[LayerSummary, ...]
    weights: int
    trainable_weights: int
    multiply_adds: int

    @property
    def branches(self) -> bool:
        """Whether any layer reads something else than the layer before it."""
        previous: tuple[str, ...] = ()
        for layer in self.layers:
            if layer.reads != previous:
                return True
            previous = (layer.name,)
        return False

    def to_text(self) -> str:
        """Return a table in plain text."""
        rows = [("layer", "output", "arithmetic", "weights", "multiply-adds", "reads")]
        rows += [
            (
                layer.title,
                "×".join(map(str, layer.shape)),
                layer.arithmetic,
                f"{layer.weights:,}" if layer.weights else "",
                f"{layer.multiply_adds:,}" if layer.multiply_adds else "",
                ", ".join(layer.reads),
            )
            for layer in self.layers
        ]
        rows.append(("total", "", "", f"{self.weights:,}", f"{self.multiply_adds:,}", ""))
        table = _table([row if self.branches else row[:5] for row in rows])
        fixed = self.weights - self.trainable_weights
        return (
            f"{self.name}\n{table}\n"
            f"{self.trainable_weights:,} weights learn, {fixed:,} do not;"
            f" {4 * self.weights:,} bytes in float32"
        )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return aligned columns with a rule under the first row and above the last."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numeric = (3, 4)
    lines = [
        "  ".join(
            cell.rjust(width) if k in numeric else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "─" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _multiply_adds(call: Call, graph: Graph) -> int:
    """Return the multiply-adds of one use of a layer, for one sample."""
    build = ProgramBuilder()
    shapes = graph.input_shapes(call)
    if shapes:
        values = [build.input(f"input{k}", shape) for k, shape in enumerate(shapes)]
        call.layer.lower(build, values, training=False)
    return sum(node.cost.multiply_adds for node in build.nodes)


def summarize(model: Model) -> Summary:
    """Return what each layer of a model makes, holds and costs.

    Parameters
    ----------
    model : Model

    Returns
    -------
    Summary

    Raises
    ------
    UsageError
        If the input shape of the model is not known yet.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Input
    >>> from kernelet.model import Sequential
    >>> rows = summarize(Sequential([Input((28, 28, 1)), Conv2D(6, 5)])).layers
    >>> rows[1].arithmetic, rows[1].weights, rows[1].multiply_adds
    ('28 − 5 + 1 = 24', 156, 86400)
    """
    graph = model.graph
    sizes = {name: model.weights[name].size for name in model.weight_names}
    owned: dict[str, int] = {}
    for name, size in sizes.items():
        layer = name.rsplit("/", 1)[0]
        owned[layer] = owned.get(layer, 0) + size
    rows = [
        LayerSummary(
            name=call.name,
            kind=type(call.layer).__name__,
            shape=call.shape,
            arithmetic=call.layer.arithmetic(graph.input_shapes(call)) if call.inputs else "",
            weights=owned.pop(call.name, 0),
            multiply_adds=_multiply_adds(call, graph),
            reads=tuple(graph.calls[k].name for k in call.inputs),
        )
        for call in graph.calls
    ]
    roles = {entry.name: entry.role for entry in model.weights.entries}
    layers = graph.layers
    trainable = sum(
        size
        for name, size in sizes.items()
        if roles[name] == "weight" and layers[name.rsplit("/", 1)[0]].trainable
    )
    return Summary(
        name=model.name,
        layers=tuple(rows),
        weights=sum(sizes.values()),
        trainable_weights=trainable,
        multiply_adds=sum(row.multiply_adds for row in rows),
    )
