"""Measurements as Markdown tables and as a plot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contenders.results import Measurement, works

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    >>> duration(0.00012), duration(0.0123), duration(12.3)
    ('0.120 ms', '12.3 ms', '12.3 s')
    """
    if seconds >= 1:
        return f"{seconds:.1f} s"
    milliseconds = seconds * 1e3
    return f"{milliseconds:.3f} ms" if milliseconds < 1 else f"{milliseconds:.3g} ms"


def _memory(measurement: Measurement) -> str:
    return f"{measurement.peak / 1e6:.0f} MB" if measurement.peak else "–"


def summary(measurements: Sequence[Measurement]) -> str:
    """Return a row for each piece of work: kernelet beside its strongest peer."""
    lines = [
        "| work | kernelet | strongest peer | | ratio | memory |",
        "|---|---|---|---|---|---|",
    ]
    for title, group in works(measurements).items():
        ours = next(m for m in group if m.ours)
        peer = min((m for m in group if not m.ours), key=lambda m: m.ratio)
        ratio = f"× {peer.ratio:.2g}" if peer.ratio < 10 else f"× {peer.ratio:.0f}"
        ratio = f"**{ratio}**, lost" if peer.ratio < 1 else ratio
        memory = f"{_memory(ours)}, {_memory(peer)}" if ours.peak else "–"
        lines.append(
            f"| {title} | {duration(ours.seconds)} | {duration(peer.seconds)} "
            f"| {peer.contender} | {ratio} | {memory} |"
        )
    return "\n".join(lines)


def details(measurements: Sequence[Measurement]) -> str:
    """Return a row for each contender at each piece of work."""
    lines = [
        "| work | contender | median | fastest | slowest | by kernelet's | peak | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {m.title} | {m.contender} | {duration(m.seconds)} "
        f"| {duration(m.fastest)} | {duration(m.slowest)} | × {m.ratio:.2f} | {_memory(m)} "
        f"| {m.note} |"
        for m in measurements
    ]
    return "\n".join(lines)


def conditions(seen: dict[str, Any]) -> str:
    """Return a line about machine and versions."""
    versions = ", ".join(f"{name} {version}" for name, version in seen["versions"].items())
    bfloat16 = (
        ""
        if seen["bfloat16"]
        else " It has no instructions for bfloat16: every library makes up for them by others."
    )
    return (
        f"{seen['processor']} ({seen['instruction_set']}), {seen['processors']} threads, "
        f"load {seen['load']} at the start; Python {seen['python']}, {versions}.{bfloat16}"
    )


def replaced(text: str, block: str) -> str:
    """Return a text with what stands between its markers replaced."""
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"There is no {BEGIN} … {END}.")
    return pattern.sub(lambda _: f"{BEGIN}\n{block}\n{END}", text)


def plot(measurements: Sequence[Measurement], path: Path) -> None:
    """Draw every contender's time by kernelet's, on a logarithmic scale, and save it as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Labels as text, and the same file from the same numbers.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "kernelet", "font.size": 9})
    groups = list(works(measurements).items())[::-1]
    figure = Figure(figsize=(7.6, 0.9 + 0.27 * len(groups)), layout="constrained")
    axes = figure.subplots()
    names = sorted({_library(m) for m in measurements if not m.ours})
    for number, name in enumerate(names):
        points = [
            (m.ratio, place)
            for place, (_, group) in enumerate(groups)
            for m in group
            if not m.ours and _library(m) == name
        ]
        axes.plot(*zip(*points, strict=True), "os^Dv*P"[number % 7], label=name, alpha=0.8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50) if t <= 1.5 * axes.get_xlim()[1]]
    axes.set_xticks(ticks, [f"{t:g}×" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(range(len(groups)), [title for title, _ in groups])
    axes.set_xlabel("time by kernelet's: right of the line, kernelet is faster")
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _library(measurement: Measurement) -> str:
    """Return a contender's library, which is one series of the plot."""
    for name in ("PyTorch", "Keras", "JAX", "ONNX Runtime", "OpenVINO"):
        if measurement.contender.startswith(name):
            return name
    return measurement.contender
