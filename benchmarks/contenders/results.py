"""What was measured, as numbers that tables and plots are made from."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contenders.processes import Runner, ratio
from kernelet.executors.native_processor import BFLOAT16_INSTRUCTIONS, resolve_isa

LIBRARIES = ("numpy", "torch", "tensorflow-cpu", "keras", "jax", "onnxruntime", "openvino")


@dataclass(frozen=True)
class Measurement:
    """One contender at one piece of work.

    Attributes
    ----------
    work, precision, contender : str
        What was done, how exactly, and by whom.
    seconds, fastest, slowest : float
        Median, least and most of the turns.
    ratio : float
        Of its time to kernelet's: the median over turns that followed each other.
    peak : int
        Most bytes that its process held; 0 where that was not measured.
    note : str
        What else there is to say, such as an accuracy.
    """

    work: str
    precision: str
    contender: str
    seconds: float
    fastest: float
    slowest: float
    ratio: float
    peak: int
    note: str = ""

    @property
    def title(self) -> str:
        """The work and, where it matters, its precision."""
        return f"{self.work}, {self.precision}" if self.precision else self.work

    @property
    def ours(self) -> bool:
        """Whether this is kernelet."""
        return self.contender.startswith("kernelet")


def of_runners(work: str, precision: str, runners: Sequence[Runner]) -> list[Measurement]:
    """Return what contenders reported; the first is kernelet."""
    return [
        Measurement(
            work,
            precision,
            runner.name,
            statistics.median(runner.milliseconds) / 1e3,
            min(runner.milliseconds) / 1e3,
            max(runner.milliseconds) / 1e3,
            ratio(runner, runners[0]),
            runner.peak,
        )
        for runner in runners
    ]


def of_seconds(
    work: str,
    precision: str,
    contender: str,
    seconds: Sequence[float],
    ours: Sequence[float],
    peak: int = 0,
    note: str = "",
) -> Measurement:
    """Return the measurement of processes that took turns with ours."""
    times = statistics.median(a / b for a, b in zip(seconds, ours, strict=True))
    middle = statistics.median(seconds)
    return Measurement(
        work, precision, contender, middle, min(seconds), max(seconds), times, peak, note
    )


def works(measurements: Iterable[Measurement]) -> dict[str, list[Measurement]]:
    """Return measurements by work and precision, in their order."""
    grouped: dict[str, list[Measurement]] = {}
    for m in measurements:
        grouped.setdefault(m.title, []).append(m)
    return grouped


def machine() -> dict[str, Any]:
    """Return processor, its instructions, number of processors, load, and versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "")
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    isa = resolve_isa()
    return {
        "processor": model or platform.machine(),
        "instruction_set": isa,
        "bfloat16": BFLOAT16_INSTRUCTIONS.get(isa),
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": versions,
    }


def to_document(measurements: Iterable[Measurement], seen: dict[str, Any]) -> dict[str, Any]:
    """Return everything as it is kept in ``results.json``."""
    return {"machine": seen, "measurements": [asdict(m) for m in measurements]}
