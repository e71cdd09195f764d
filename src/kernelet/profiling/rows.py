"""A profile as rows of text, for tables on terminals, in files and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernelet.plan.description_text import shape_text, shortened, shortened_name
from kernelet.text import quantity, short_time, table

if TYPE_CHECKING:
    from kernelet.profiling.profile import Profile, StepProfile

#: Two lines for each column.
HEADINGS = (
    ("", "layer"),
    ("", "kernel"),
    ("", "result"),
    ("mult-", "adds"),
    ("", "bytes"),
    ("pre-", "dicted"),
    ("", "time"),
    ("", "GFLOP/s"),
    ("of", "limit"),
    ("", "share"),
)
#: The column of shares of what limits a step.
LIMIT = 8
#: Columns written flush left.
LEFT = (0, 1, 2)
_LONGEST_LAYER, _LONGEST_WORK, _LONGEST_SHAPE = 11, 22, 9
# Steps below this share of the elapsed time stand together on one line.
_LEAST_SHARE = 0.004
_EXPLAINED = {"waiting": "for other threads", "outside": "waking threads, Python"}


class Row(msgspec.Struct, frozen=True):
    """One line of a profile's table.

    Attributes
    ----------
    cells : tuple of str
        One for each of `HEADINGS`.
    kind : str
        "step", "rest" (several steps), "part" or "total".
    share : float
        Of the elapsed time.
    of_limit : float or None
        Share of the machine's limit, where there is one.
    rank : int
        1 for the step with most to gain, and so on; 0 for others.
    """

    cells: tuple[str, ...]
    kind: str
    share: float
    of_limit: float | None = None
    rank: int = 0

    @property
    def ends(self) -> bool:
        """Whether something else begins behind it."""
        return self.kind == "part" and self.cells[0] != "waiting"


def rows_of(profile: Profile, *, every: bool = False) -> list[Row]:
    """Return the rows: the steps of each part with their sum, and the sum of all.

    Parameters
    ----------
    profile : Profile
    every : bool
        Whether steps that take next to no time have rows of their own.
    """
    ranks = {id(step): rank for rank, step in enumerate(profile.slowest_steps(), 1)}
    rows: list[Row] = []
    for part, seconds in profile.parts().items():
        steps = [step for step in profile.steps if step.description.part == part]
        least = 0.0 if every else _LEAST_SHARE * profile.elapsed
        shown = [step for step in steps if step.seconds >= least or id(step) in ranks]
        rows += [_step(step, profile, ranks.get(id(step), 0)) for step in shown]
        rest = [step for step in steps if step not in shown]
        if rest:
            rows.append(_several("", f"{len(rest)} short steps", rest, profile, "rest"))
        if steps:
            rows.append(_several(part, "", steps, profile, "part"))
        else:
            predicted = profile.plan.waiting if part == "waiting" else None
            rows.append(_other(part, seconds, predicted, profile))
    return [*rows, _total(profile)]


def _step(step: StepProfile, profile: Profile, rank: int) -> Row:
    described = step.description
    work = " +".join((described.kernel, *described.operations[1:]))
    cells = (
        shortened_name(described.layer, _LONGEST_LAYER),
        shortened(work, _LONGEST_WORK),
        shortened(shape_text(described.shape), _LONGEST_SHAPE),
        _count(described.multiply_adds),
        quantity(described.read + described.written),
        short_time(described.predicted),
        *_measured(step.seconds, described.multiply_adds),
        "once" if described.once else f"{100 * step.share:.0f} % {described.limit[0]}",
        _share(step.seconds, profile),
    )
    return Row(cells, "step", step.seconds / profile.elapsed, step.share, rank)


def _several(title: str, work: str, steps: list[StepProfile], profile: Profile, kind: str) -> Row:
    seconds = sum(step.seconds for step in steps)
    described = [step.description for step in steps if not step.description.once]
    multiply_adds = sum(one.multiply_adds for one in described)
    bound = sum(one.bound for one in described)
    share = bound / seconds if seconds else None
    cells = (
        title,
        work,
        "",
        _count(multiply_adds),
        quantity(sum(one.read + one.written for one in described)),
        short_time(sum(one.predicted for one in described)),
        *_measured(seconds, multiply_adds),
        "" if share is None else f"{100 * share:.0f} %  ",
        _share(seconds, profile),
    )
    return Row(cells, kind, seconds / profile.elapsed, share)


def _other(title: str, seconds: float, predicted: float | None, profile: Profile) -> Row:
    shown = "" if predicted is None else short_time(predicted)
    cells = (
        title,
        _EXPLAINED[title],
        *("", "", ""),
        shown,
        short_time(seconds),
        *("", ""),
        _share(seconds, profile),
    )
    return Row(cells, "part", seconds / profile.elapsed)


def _total(profile: Profile) -> Row:
    plan = profile.plan
    bound = sum(step.description.bound for step in profile.steps if not step.description.once)
    cells = (
        "a step",
        "",
        "",
        _count(plan.multiply_adds),
        quantity(sum(step.read + step.written for step in plan.every_step)),
        short_time(plan.predicted),
        *_measured(profile.elapsed, plan.multiply_adds),
        f"{100 * bound / profile.elapsed:.0f} %  ",
        "100 %",
    )
    return Row(cells, "total", 1.0, bound / profile.elapsed)


def _count(number: int) -> str:
    return quantity(number) if number else "–"


def _measured(seconds: float, multiply_adds: int) -> tuple[str, str]:
    speed = f"{2e-9 * multiply_adds / seconds:.0f}" if multiply_adds and seconds else ""
    return short_time(seconds), speed


def _share(seconds: float, profile: Profile) -> str:
    return f"{100 * seconds / profile.elapsed:.1f} %"


def title_lines(profile: Profile) -> list[str]:
    """Return what was timed, and what the machine does at most."""
    plan, threads = profile.plan, profile.plan.threads
    rates = plan.rates
    what = "training step" if profile.training else "prediction"
    stored = f"blocks of {plan.block}" if plan.block > 1 else "single samples"
    peaks = ", ".join(f"{2e-9 * rate:.0f} {numbers}" for numbers, rate in _peaks(profile))
    speeds = ", ".join(f"{level.name} {level.rate / 1e9:.0f}" for level in rates.levels)
    how = (
        f"batch {plan.batch_size} in {stored}",
        f"{threads} thread{'s' if threads > 1 else ''}",
        profile.machine.instruction_set,
        profile.precision,
    )
    return [
        f"{profile.name}: {what}, {', '.join(how)}",
        f"machine at its best: {peaks} GFLOP/s; {speeds} GB/s",
    ]


def _peaks(profile: Profile) -> list[tuple[str, float]]:
    """Return the multiply-adds a second of the kinds of numbers that the plan may use."""
    used = ("float32",) if profile.precision == "float32" else ("float32", "bfloat16")
    rates = profile.plan.rates.multiply_adds
    return [(numbers, rates[numbers]) for numbers in used if numbers in rates]


def note_lines(profile: Profile) -> list[str]:
    """Return how it was timed, and where most is to be gained."""
    spread = f"{short_time(profile.fastest)} to {short_time(profile.slowest)}"
    lines = [
        (
            f"median of {profile.rounds} rounds of {profile.steps_a_round} steps: "
            f"{short_time(profile.elapsed)} a step ({spread})"
        ),
    ]
    for rank, step in enumerate(profile.slowest_steps(), 1):
        described = step.description
        lines.append(
            f"most to gain {rank}: {described.layer} {described.kernel},"
            f" {short_time(step.excess)} above its limit ({described.limit})"
        )
    if profile.machine.shared_cores:
        lines.append(
            "Threads share cores, or other programs were running: the machine can do more."
        )
    return lines


def profile_text(profile: Profile) -> str:
    """Return the table in plain text."""
    rows = rows_of(profile)
    first, second = zip(*HEADINGS, strict=True)
    cells = [first, second, *(row.cells for row in rows)]
    above, head, *lines = table(cells, left=LEFT, gap=1).split("\n")
    rule = "─" * max(map(len, (above, head, *lines)))
    body = [*title_lines(profile), "", above, head, rule]
    for row, line in zip(rows, lines, strict=True):
        body.append(f"{line} ◀{row.rank}" if row.rank else line)
        if row.ends:
            body.append(rule)
    return "\n".join([*body, "", *note_lines(profile)])
