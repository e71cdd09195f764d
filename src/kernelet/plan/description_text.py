"""A plan as a table in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.text import byte_size, quantity, short_time, table

if TYPE_CHECKING:
    from kernelet.plan.description import PlanDescription, StepDescription
    from kernelet.program import Shape

_HEADINGS = ("layer", "kernel", "result", "multiply-adds", "moved", "limit", "predicted")
_LEFT = (0, 1, 2)
_LONGEST_LAYER, _LONGEST_WORK, _LONGEST_SHAPE = 13, 27, 10
_DIVISIONS = {
    "blocks": "threads take blocks of samples through all of these",
    "tasks": "each is a task for one thread, or slices for several",
    "range": "threads divide the elements",
    "pieces": "threads share each block",
    "slices": "threads take slices of each result, over the whole batch",
}


def description_text(plan: PlanDescription) -> str:
    """Return a table with a heading for each phase."""
    rows = [_HEADINGS, *map(_row, plan.steps)]
    head, *lines = table(rows, left=_LEFT).split("\n")
    width = max(map(len, (head, *lines)))
    body = [*_title(plan), "", head, "─" * width]
    phase = -1
    for step, line in zip(plan.steps, lines, strict=True):
        if step.phase != phase:
            phase = step.phase
            body.append(f"{phase + 1}. {_DIVISIONS[step.division]}" + ", once a run" * step.once)
        body.append(line)
    body += ["─" * width, *_totals(plan)]
    return "\n".join(body)


def _title(plan: PlanDescription) -> list[str]:
    threads = f"{plan.threads} thread{'s' if plan.threads > 1 else ''}"
    blocks = (
        f"{plan.blocks} block{'s' if plan.blocks > 1 else ''} of {plan.block}"
        if plan.block > 1
        else "samples one by one"
    )
    source = "measured on this machine" if plan.rates.measured else "built in (Zen 4)"
    return [
        f"{plan.batch_size} samples a step ({blocks}), {threads}, {plan.phases} phases",
        (
            f"memory {byte_size(plan.memory)}, of it {byte_size(plan.scratch)} a thread;"
            f" predictions by rates {source}"
        ),
    ]


def _row(step: StepDescription) -> tuple[str, ...]:
    return (
        shortened_name(step.layer, _LONGEST_LAYER),
        shortened(step.work, _LONGEST_WORK),
        shortened(shape_text(step.shape), _LONGEST_SHAPE),
        quantity(step.multiply_adds) if step.multiply_adds else "–",
        byte_size(step.read + step.written),
        step.limit,
        short_time(step.predicted),
    )


def _totals(plan: PlanDescription) -> list[str]:
    done = sum(step.multiplications for step in plan.every_step)
    moved = sum(step.read + step.written for step in plan.every_step)
    counts = f"{quantity(plan.multiply_adds)} multiply-adds ({quantity(done)} done)"
    times = f"predicted {short_time(plan.predicted)} ({short_time(plan.waiting)} waiting)"
    return [f"a step: {counts}, {byte_size(moved)}, {times}"]


def shape_text(shape: Shape) -> str:
    """Return a shape such as "28×28×6"; "1" for a single number."""
    return "×".join(map(str, shape)) or "1"


def shortened_name(name: str, most: int) -> str:
    """Return a name with its middle left out where it is too long; numbers stand at the end.

    Examples
    --------
    >>> shortened_name("batch_normalization_12", 13)
    'batch_nor…_12'
    """
    if len(name) <= most:
        return name
    end = most // 4
    return f"{name[: most - end - 1]}…{name[-end:]}"


def shortened(text: str, most: int) -> str:
    """Return a text with its end left out where it is too long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
