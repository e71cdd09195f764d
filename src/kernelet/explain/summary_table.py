"""A summary as text of at most some hundred columns, and as HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.data.listing import visible
from kernelet.notebook import table_html
from kernelet.text import byte_size, table

if TYPE_CHECKING:
    from kernelet.explain.summary import LayerSummary, Summary

_HEADINGS = ("layer", "output", "weights", "biases", "multiply-adds", "memory", "receptive field")
_LEFT = (0, 1)
# Columns with names of up to this many characters fit a hundred together.
_LONGEST_TITLE = 26


def summary_text(summary: Summary) -> str:
    """Return a table whose rows may have a second line: where sizes come from, what is read."""
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for layer in summary.layers:
        title = layer.title if len(layer.title) <= _LONGEST_TITLE else layer.name
        rows.append((title, *_cells(layer)))
    rows.append(_totals(summary))
    first, *lines, last = table(rows, left=_LEFT).split("\n")
    width = max(map(len, (first, *lines, last)))
    indent = 2 + max(len(row[0]) for row in rows)
    body = [visible(summary.name), first, "─" * width]
    for layer, line in zip(summary.layers, lines, strict=True):
        body.append(line)
        named = line.startswith(layer.title)
        body += _details(layer, indent, width, with_kind=not named, reads=summary.branches)
    return "\n".join([*body, "─" * width, last, *notes(summary)])


def _details(
    layer: LayerSummary, indent: int, width: int, *, with_kind: bool, reads: bool
) -> list[str]:
    """Return what stands below a row, on as many lines as it needs."""
    parts = [layer.arithmetic] if layer.arithmetic else []
    if layer.statistics:
        parts.append(f"{layer.statistics:,} statistics")
    if reads and layer.reads:
        parts.append(f"reads {', '.join(layer.reads)}")
    kind = f"  ({layer.kind})" if with_kind else ""
    lines = [""]
    for part in parts:
        joined = f"{lines[-1]}; {part}" if lines[-1] else part
        if lines[-1] and indent + len(joined) > width:
            lines.append(part)
        else:
            lines[-1] = joined
    lines[0] = kind.ljust(indent) + lines[0]
    lines[1:] = [" " * indent + line for line in lines[1:]]
    return [line.rstrip() for line in lines if line.strip()]


def summary_html(summary: Summary) -> str:
    """Return the table for notebooks."""
    headings = (*_HEADINGS[:2], "arithmetic", *_HEADINGS[2:])
    rows: list[tuple[str, ...]] = [headings]
    for layer in summary.layers:
        title, output, *numbers = (layer.title, *_cells(layer))
        if summary.branches and layer.reads:
            title += f"\nreads {', '.join(layer.reads)}"
        arithmetic = layer.arithmetic.replace("; ", "\n")
        if layer.statistics:
            arithmetic += f"{layer.statistics:,} statistics"
        rows.append((title, output, arithmetic, *numbers))
    title, output, *numbers = _totals(summary)
    rows.append((title, output, "", *numbers))
    return table_html(
        rows, caption=visible(summary.name), left=(0, 1, 2), totals=1, notes=notes(summary)
    )


def notes(summary: Summary) -> list[str]:
    """Return the lines below the table."""
    kinds = [
        f"{count:,} {name}"
        for name, count in (
            ("weights", summary.weights),
            ("biases", summary.biases),
            ("statistics", summary.statistics),
        )
        if count
    ]
    learn, total = summary.trainable_parameters, summary.parameters
    lines = [
        f"{total:,} parameters ({', '.join(kinds) or 'none'}), {byte_size(4 * total)} in float32",
        f"{learn:,} learn, {total - learn:,} do not",
    ]
    if summary.training is not None:
        forecast = summary.training
        lines.append(
            f"training with {forecast.optimizer} in steps of {forecast.batch_size}:"
            f" {byte_size(forecast.memory)} of memory beside the process and the data"
        )
    return lines


def _cells(layer: LayerSummary) -> tuple[str, ...]:
    return (
        "×".join(map(str, layer.shape)),
        *_counts(layer),
        "" if layer.receptive_field is None else layer.receptive_field.to_text(),
    )


def _counts(of: LayerSummary | Summary) -> tuple[str, ...]:
    numbers = (of.weights, of.biases, of.multiply_adds)
    memory = byte_size(of.activation_bytes) if of.activation_bytes else ""
    return (*(f"{number:,}" if number else "" for number in numbers), memory)


def _totals(summary: Summary) -> tuple[str, ...]:
    return ("total", "", *_counts(summary), "")
