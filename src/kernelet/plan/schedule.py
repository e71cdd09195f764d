"""When steps run: phases with a barrier in between.

A *blocks* phase takes each block of samples through as many steps as possible while its values sit
in cache. It ends where a step needs a number that all samples contribute to: a batch statistic,
or the gradient of a weight. Steps on shared values run between such phases, and so do steps of
which threads share slices, each over the whole batch: block after block, or, as tasks, all single
samples at once.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from heapq import heappop, heappush

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
        self._steps = steps
        self._overwritten = [{targets[v] for v in step.outputs if v in targets} for step in steps]
        # How many of the steps that are left read a value, and how many may end the run.
        self._readers = Counter(value for step in steps for value in set(step.values))
        self._stopping = sum(step.kernel == STOPPING_KERNEL for step in steps)
        # Steps by number: those that read a value which is still to be made, and of how many such
        # values each waits.
        self._users: dict[Value, list[int]] = {v: [] for step in steps for v in step.outputs}
        assert len(self._users) == sum(len(step.outputs) for step in steps), "made by one step each"
        self._waits = [len(self._users.keys() & step.values) for step in steps]
        for number, step in enumerate(steps):
            for value in self._users.keys() & step.values:
                self._users[value].append(number)
        # Steps that wait for no value; those on blocks in a heap.
        self._shared: list[int] = []
        self._blocks: list[int] = []
        self._slices: list[int] = []
        for number, waits in enumerate(self._waits):
            if not waits:
                self._admit(number)
        self._phases: list[Phase] = []

    def phases(self) -> list[Phase]:
        """Return the phases in order."""
        left = len(self._steps)
        while left:
            known = len(self._phases)
            while self._take_shared():
                pass
            self._take_blocks()
            self._take_slices()
            taken = sum(len(phase.steps) for phase in self._phases[known:])
            if not taken:
                done = {id(step) for phase in self._phases for step in phase.steps}
                waiting = [step.kernel for step in self._steps if id(step) not in done]
                raise RuntimeError(f"the plan has a cycle among: {', '.join(waiting)}")
            left -= taken
        return self._phases

    def _admit(self, number: int) -> None:
        """Add a step that waits for no value any more to those that are ready."""
        step = self._steps[number]
        if step.batched and not step.slices:
            heappush(self._blocks, number)
        else:
            (self._slices if step.batched else self._shared).append(number)

    def _make(self, step: Step) -> None:
        """Take note that a step's results can be read."""
        for value in step.outputs:
            for number in self._users.pop(value):
                self._waits[number] -= 1
                if not self._waits[number]:
                    self._admit(number)

    def _must_wait(self, number: int) -> bool:
        """Return whether a step overwrites what another reads, or another may forbid it to."""
        overwritten = self._overwritten[number]
        if not overwritten:
            return False
        own = self._steps[number].values
        return self._stopping > 0 or any(self._readers[v] - (v in own) for v in overwritten)

    def _finish(self, kind: PhaseKind, steps: list[Step]) -> None:
        for step in steps:
            self._readers.subtract(set(step.values))
            self._stopping -= step.kernel == STOPPING_KERNEL
        self._phases.append(Phase(kind, steps))

    def _take_shared(self) -> bool:
        """Schedule the shared steps that are ready; return whether there were any."""
        ready = [number for number in sorted(self._shared) if not self._must_wait(number)]
        tasks = [number for number in ready if not self._steps[number].divisible]
        # Tasks first: one of them may be what the updates wait for.
        taken = tasks or ready
        if taken:
            self._shared = [*set(self._shared).difference(taken)]
            steps = [self._steps[number] for number in taken]
            self._finish(PhaseKind.TASKS if tasks else PhaseKind.RANGE, steps)
            for step in steps:
                self._make(step)
        return bool(taken)

    def _take_blocks(self) -> None:
        """Schedule the steps on blocks that are ready, and those that become so behind them."""
        steps = []
        while self._blocks:
            step = self._steps[heappop(self._blocks)]
            steps.append(step)
            if not step.reduces:
                self._make(step)
        if steps:
            self._finish(PhaseKind.BLOCKS, steps)
        for step in steps:
            if step.reduces:
                self._make(step)

    def _take_slices(self) -> None:
        """Schedule the steps by slices that are ready; the blocks phase before is over."""
        ready = [self._steps[number] for number in sorted(self._slices)]
        self._slices = []
        for kind, whole_batch in ((PhaseKind.SLICES, False), (PhaseKind.TASKS, True)):
            if steps := [step for step in ready if step.whole_batch is whole_batch]:
                self._finish(kind, steps)
        for step in ready:
            self._make(step)


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
