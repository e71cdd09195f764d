"""When steps run: phases with a barrier in between.

A *blocks* phase takes each block of samples through as many steps as possible while its values sit
in cache. It ends where a step needs a number that all samples contribute to: a batch statistic,
or the gradient of a weight. Steps on shared values run between such phases, and so do steps of
which threads share slices, each over the whole batch: block after block, or, as tasks, all single
samples at once.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from kernelet.plan.step import Step
from kernelet.program import Value

# The kernel that may end a run; no parameter changes in a step before all of these have run.
STOPPING_KERNEL = "require_finite"


class PhaseKind(Enum):
    """How threads share a phase: by blocks of samples, steps, elements, pieces or slices."""

    BLOCKS = "blocks"
    TASKS = "tasks"
    RANGE = "range"
    PIECES = "pieces"
    SLICES = "slices"


class Phase(msgspec.Struct):
    """Steps between two barriers.

    Attributes
    ----------
    kind : PhaseKind
        How the steps are divided among threads.
    steps : list of Step
        In order.
    sums : list of Value
        In a blocks phase, the values it sums over groups of blocks; they are whole after the range
        phase that follows.
    """

    kind: PhaseKind
    steps: list[Step] = msgspec.field(default_factory=list)

    @property
    def sums(self) -> list[Value]:
        """Values that this phase sums over groups of blocks."""
        return [
            value
            for step in self.steps
            if step.reduces and not step.slices
            for value in step.outputs
        ]


class Scheduler:
    """Greedy: all shared steps that can run, then the longest possible blocks phase, and again.

    Parameters
    ----------
    steps : list of Step
        In an order in which they could run.
    targets : dict of Value to Value
        For the result of an update, the parameter that it overwrites: everything else that reads
        the parameter runs before.
    """

    def __init__(self, steps: list[Step], targets: dict[Value, Value]) -> None:
        self._pending = list(steps)
        self._targets = targets
        made = {value for step in steps for value in step.outputs}
        self._missing = made
        self._phases: list[Phase] = []

    def phases(self) -> list[Phase]:
        """Return the phases in order."""
        while self._pending:
            before = len(self._pending)
            while self._take_shared():
                pass
            self._take_blocks()
            self._take_slices()
            if len(self._pending) == before:
                names = ", ".join(step.kernel for step in self._pending)
                raise RuntimeError(f"the plan has a cycle among: {names}")
        return self._phases

    def _ready(self, step: Step) -> bool:
        return self._missing.isdisjoint(step.values)

    def _must_wait(self, step: Step) -> bool:
        """Return whether a step overwrites what another reads, or another may forbid it to."""
        overwritten = {self._targets[v] for v in step.outputs if v in self._targets}
        return bool(overwritten) and any(
            other.kernel == STOPPING_KERNEL or overwritten.intersection(other.values)
            for other in self._pending
            if other is not step
        )

    def _finish(self, phase: Phase) -> None:
        taken = {id(step) for step in phase.steps}
        self._pending = [step for step in self._pending if id(step) not in taken]
        for step in phase.steps:
            self._missing.difference_update(step.outputs)
        self._phases.append(phase)

    def _take_shared(self) -> bool:
        """Schedule the shared steps that are ready; return whether there were any."""
        ready = [
            step
            for step in self._pending
            if not step.batched and self._ready(step) and not self._must_wait(step)
        ]
        tasks = [step for step in ready if not step.divisible]
        ranges = [step for step in ready if step.divisible]
        # Tasks first: one of them may be what the updates wait for.
        if tasks:
            self._finish(Phase(PhaseKind.TASKS, tasks))
        elif ranges:
            self._finish(Phase(PhaseKind.RANGE, ranges))
        return bool(ready)

    def _take_blocks(self) -> None:
        phase = Phase(PhaseKind.BLOCKS)
        for step in self._pending:
            if step.batched and self._ready(step) and not step.slices:
                phase.steps.append(step)
                if not step.reduces:
                    self._missing.difference_update(step.outputs)
        if phase.steps:
            self._finish(phase)

    def _take_slices(self) -> None:
        """Schedule the steps by slices that are ready; the blocks phase before is over."""
        ready = [s for s in self._pending if s.batched and s.slices and self._ready(s)]
        for kind, whole_batch in ((PhaseKind.SLICES, False), (PhaseKind.TASKS, True)):
            if steps := [step for step in ready if step.whole_batch is whole_batch]:
                self._finish(Phase(kind, steps))


def spread(phases: list[Phase]) -> list[Phase]:
    """Return the phases with blocks divided: a phase a step, whose pieces threads share out.

    Steps in a row that have one piece each stay together, for one thread: a barrier takes longer
    than most of them. Where there are sums over the batch, they would take samples in its groups.
    """
    grouped = any(step.reduces for phase in phases for step in phase.steps)
    result: list[Phase] = []
    for phase in phases:
        if phase.kind is not PhaseKind.BLOCKS:
            result.append(phase)
            continue
        for step in phase.steps:
            whole = step.pieces == 1 and not grouped
            if whole and result and result[-1].kind is PhaseKind.BLOCKS:
                result[-1].steps.append(step)
            else:
                result.append(Phase(PhaseKind.BLOCKS if whole else PhaseKind.PIECES, [step]))
    return result
