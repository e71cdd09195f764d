"""The history of a training as notebooks show it: curves, and the numbers behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kernelet.explain.charts import line_chart
from kernelet.notebook import table_html

_VALIDATION = "val_"
# Epochs in the table; of longer trainings the first and the last.
_FIRST, _LAST = 3, 9


def history_html(history: Mapping[str, Sequence[float]], epochs: Sequence[int]) -> str:
    """Return a chart for each measure, with training and validation, and a table of epochs.

    Parameters
    ----------
    history : mapping of str to sequence of float
        A number an epoch, as of `History`.
    epochs : sequence of int
        Their numbers, from 0; shown from 1, as `fit` does.

    Examples
    --------
    >>> html = history_html({"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]}, [0, 1])
    >>> html.count("<svg"), "<td>1.5000</td>" in html
    (1, True)
    """
    if not epochs:
        return "<p>no epoch yet</p>"
    measures = [name for name in history if not name.startswith(_VALIDATION)]
    charts = [_chart(name, history, epochs) for name in measures if _finite(history[name])]
    rows = [("epoch", *history)]
    for number, epoch in enumerate(epochs):
        values = (
            values[number] if number < len(values) else math.nan for values in history.values()
        )
        rows.append((str(epoch + 1), *map(_figure, values)))
    left_out = len(rows) - 1 - _FIRST - _LAST
    if left_out > 1:
        rows[1 + _FIRST : -_LAST] = [("…",) * len(rows[0])]
    beside = "".join(f"<div>{chart}</div>" for chart in charts)
    return (
        f"<div style=display:flex;flex-wrap:wrap;gap:1em>{beside}</div>{table_html(rows, left=())}"
    )


def _chart(name: str, history: Mapping[str, Sequence[float]], epochs: Sequence[int]) -> str:
    curves = {"training": history[name]}
    validation = history.get(f"{_VALIDATION}{name}")
    if validation is not None and _finite(validation):
        curves["validation"] = validation
    return line_chart(curves, name, "epoch", x=[epoch + 1 for epoch in epochs]).to_svg()


def _finite(values: Sequence[float]) -> bool:
    return any(map(math.isfinite, values))


def _figure(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) and abs(value) >= 1e-3 else f"{value:.4g}"
