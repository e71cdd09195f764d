"""What `kernelet bench` shows: tables with colours on a terminal, plain elsewhere."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kernelet.profiling.rows import HEADINGS, LEFT, LIMIT, note_lines, rows_of, title_lines
from kernelet.text import byte_size, inert, quantity, short_time

if TYPE_CHECKING:
    from kernelet.profiling.machine import MachineProfile, Movement
    from kernelet.profiling.profile import Profile
    from kernelet.profiling.rows import Row
    from kernelet.profiling.speed import Speed

_WIDTH = 100
# Shares of the limit from which a step is near it, and from which it is not far.
_NEAR, _FAR = 0.7, 0.4
# Steps below this share of the time are not worth a warning colour.
_NOTABLE = 0.02
_KINDS = {"part": "bold", "total": "bold", "rest": "dim", "step": ""}


def show_profile(profile: Profile, *, every: bool = False) -> None:
    """Print the steps of a plan with their times."""
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
    for column, heading in enumerate(HEADINGS):
        table.add_column(
            "\n".join(heading),
            justify="left" if column in LEFT else "right",
            vertical="bottom",
            no_wrap=True,
        )
    table.add_column()
    rows = rows_of(profile, every=every)
    for row in rows:
        table.add_row(*_cells(row), style=_KINDS[row.kind], end_section=row.ends)
    console = _console()
    first, *others = title_lines(profile)
    console.print(Text(inert(first), style="bold"))
    for line in others:
        console.print(Text(line))
    console.print(table)
    console.print()
    for line in note_lines(profile):
        console.print(Text(inert(line)))


def _cells(row: Row) -> list[Text]:
    cells = [Text(inert(cell)) for cell in row.cells]
    if row.of_limit is not None and row.share >= _NOTABLE:
        colour = "green" if row.of_limit >= _NEAR else "yellow" if row.of_limit >= _FAR else "red"
        cells[LIMIT].stylize(colour)
    marker = Text(f"◀{row.rank}" if row.rank else "", "bold red")
    return [*cells, marker]


def show_machine(machine: MachineProfile) -> None:
    """Print what the machine does at most."""
    console = _console()
    console.print(Text(inert(machine.processor or "this processor"), style="bold"))
    console.print(_arithmetic(machine))
    console.print(_movements(machine))
    if machine.tile_loads:
        console.print(_tile_loads(machine))
    if machine.threads > 1:
        console.print(
            f"{machine.threads} threads meet at a barrier in {short_time(machine.barrier)};"
            f" waking them takes {short_time(machine.waking)}."
        )
    if machine.shared_cores:
        console.print(
            "All threads together do less than three quarters of what each does alone: they share"
            " cores, or other programs are running."
        )


def _arithmetic(machine: MachineProfile) -> Table:
    counts = sorted({one.threads for one in machine.arithmetic})
    table = _table()
    table.add_column("multiply-adds a second")
    table.add_column("instruction set")
    for count in counts:
        table.add_column(_threads(count), justify="right")
    rates: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for one in machine.arithmetic:
        rates[one.numbers, one.instruction_set][one.threads] = one.rate
    for (numbers, name), by_threads in rates.items():
        used = " (in use)" if machine.uses(name) else ""
        table.add_row(numbers, name + used, *(quantity(by_threads[count]) for count in counts))
    return table


def _movements(machine: MachineProfile) -> Table:
    table = _table()
    for heading in ("bytes a second", "threads", "a thread's", "read", "written", "copied"):
        left = heading == "bytes a second"
        table.add_column(heading, justify="left" if left else "right")
    last: Movement | None = None
    for one in machine.movements:
        if last is not None and last.threads != one.threads:
            table.add_section()
        speeds = (quantity(one.read), quantity(one.write), quantity(one.copy))
        table.add_row(one.level, str(one.threads), byte_size(one.size), *speeds)
        last = one
    return table


def _tile_loads(machine: MachineProfile) -> Table:
    table = _table()
    for heading in ("loading a tile", "row stride", "offset", "time"):
        table.add_column(heading, justify="left" if heading == "loading a tile" else "right")
    for one in machine.tile_loads:
        nanoseconds = f"{1e9 * one.seconds:.1f} ns"
        table.add_row(one.level, f"{one.stride} bytes", f"{one.offset} bytes", nanoseconds)
    return table


class SpeedTable:
    """Times of a network, collected and printed.

    Parameters
    ----------
    network : str
    training : bool
        Steps of training, or predictions.
    """

    def __init__(self, network: str, *, training: bool) -> None:
        what = "training step" if training else "prediction"
        self._title = f"{network}: {what}"
        self._speeds: list[Speed] = []

    def add(self, speed: Speed) -> None:
        """Add a line."""
        self._speeds.append(speed)

    def show(self) -> None:
        """Print all lines."""
        table = _table()
        for heading in ("batch", "threads", "time", "fastest", "slowest", "pictures/s", "GFLOP/s"):
            table.add_column(heading, justify="right")
        for speed in self._speeds:
            table.add_row(
                str(speed.batch_size),
                str(speed.threads),
                short_time(speed.seconds),
                short_time(speed.fastest),
                short_time(speed.slowest),
                f"{speed.pictures:,.0f}",
                f"{2e-9 * speed.multiply_adds / speed.seconds:.0f}",
            )
        console = _console()
        console.print(Text(inert(self._title), style="bold"))
        console.print(table)


def _threads(count: int) -> str:
    return f"{count} thread{'s' if count > 1 else ''}"


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)


def _console() -> Console:
    width = None if sys.stdout.isatty() else _WIDTH
    return Console(highlight=False, width=width)
