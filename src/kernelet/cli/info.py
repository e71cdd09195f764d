"""`kernelet info`: the machine and the installation, as kernelet sees them."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import click

import kernelet
from kernelet._version import __version__


@click.command("info")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show processor, instruction set in use, threads, versions and folders."""
    facts = _facts()
    if as_json:
        from kernelet.cli.json_lines import write_json

        write_json(facts)
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):<{width}}  {shown}")


def _facts() -> dict[str, str | list[str]]:
    import numpy as np

    from kernelet.data.cache import cache_folder
    from kernelet.executors.native_processor import processor, resolve_isa
    from kernelet.text import byte_size

    chip = processor()
    caches = chip.caches
    in_use = resolve_isa()
    forced = " (KERNELET_ISA)" if os.environ.get("KERNELET_ISA") else ""
    sizes = {"L1 data": caches.l1d, "L2": caches.l2, "L3": caches.l3}
    return {
        "kernelet": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "processor": chip.brand or platform.machine(),
        "instruction_set": in_use + forced,
        "instruction_sets_supported": list(chip.levels),
        "precision": _precision(in_use),
        "processor_features": list(chip.features),
        "caches": [f"{name} {byte_size(size)}" for name, size in sizes.items() if size],
        "threads": _threads(),
        "installed_in": str(Path(kernelet.__file__).parent),
        "cache_folder": str(cache_folder()),
        "data_folders": _data_folders(),
    }


def _precision(isa: str) -> str:
    """Return what ``--precision auto`` comes to, and by what."""
    from kernelet.executors.native_processor import BFLOAT16_INSTRUCTIONS

    if isa not in BFLOAT16_INSTRUCTIONS:
        return "auto is float32"
    return f"auto is bfloat16 where it pays, by {BFLOAT16_INSTRUCTIONS[isa]}"


def _threads() -> str:
    """Return the number of threads and what it comes from."""
    from kernelet.executors.native_processor import cgroup_limit, usable_threads

    threads = usable_threads()
    if os.environ.get("KERNELET_THREADS"):
        return f"{threads} (KERNELET_THREADS)"
    online = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if sys.platform == "linux" else online
    quota = cgroup_limit()
    if quota is not None and quota < allowed:
        return f"{threads} (the control group allows {quota:g} of {online} processors)"
    if allowed < online:
        return f"{threads} (this process may use {allowed} of {online} processors)"
    return f"{threads} (all processors)"


def _data_folders() -> list[str]:
    """Return where known data sets are looked for, before they are downloaded."""
    from kernelet.data.fashion_mnist import DEBIAN_FOLDER

    named = os.environ.get("KERNELET_DATA")
    return [*([f"{named} (KERNELET_DATA)"] if named else []), str(DEBIAN_FOLDER)]
