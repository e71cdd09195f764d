"""What a plan does, step by step, with what each step is predicted to take."""

from __future__ import annotations

import msgspec

from kernelet.plan.rates import Rates
from kernelet.program import Shape

FORWARD, GRADIENTS, UPDATE = "forward", "gradients", "update"
#: What a step is part of, in order.
PARTS = (FORWARD, GRADIENTS, UPDATE)


class StepDescription(msgspec.Struct, frozen=True):
    """One kernel of a plan, for all samples of a batch.

    Attributes
    ----------
    phase : int
        Number of its phase, from 0; between phases, all threads meet.
    division : str
        How threads share it: by "blocks" of samples, "tasks", a "range" of elements, "pieces"
        of a block, or "slices" of its result.
    once : bool
        Whether a run needs it in its first step only; its work is not in the sums.
    part : str
        One of `PARTS`.
    layer : str
        The layers that asked for it; what it handles where no layer did.
    kernel : str
        Name in the engine's kernel list.
    operations : tuple of str
        What it does: names of operations, fused ones among them.
    shape : tuple of int
        Of the result, for one sample where samples have results of their own.
    multiply_adds : int
        By the definition of its operations, padding included.
    multiplications : int
        Multiply-adds that the kernel really does: without taps outside the picture, with the lanes
        that samples or channels leave idle.
    other : int
        Every other arithmetic operation on a number, those of transforms among them.
    read, written : int
        Bytes of its operands, each counted once a block of samples; arrays that come from outside
        as float32.
    reads, writes : tuple of str
        Where its operands live: "scratch" (of a thread, within a phase), "batch" (of a block,
        within a step), "partial" (of a group of blocks), "shared", "parameters", "slots",
        "constants", or "outside".
    workspace : int
        Bytes of memory that the kernel needs beside its operands.
    compute_bound, memory_bound : float
        Seconds that its multiply-adds, and its bytes, take at the full rate of the machine.
    predicted : float
        Seconds of every thread, if all have as much of it to do.
    """

    phase: int
    division: str
    once: bool
    part: str
    layer: str
    kernel: str
    operations: tuple[str, ...]
    shape: Shape
    multiply_adds: int
    multiplications: int
    other: int
    read: int
    written: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    workspace: int
    compute_bound: float
    memory_bound: float
    predicted: float

    @property
    def bound(self) -> float:
        """Seconds that it takes at least, if nothing else than its rates limits it."""
        return max(self.compute_bound, self.memory_bound)

    @property
    def limit(self) -> str:
        """What limits it: "compute" or "memory"."""
        return "compute" if self.compute_bound >= self.memory_bound else "memory"

    @property
    def work(self) -> str:
        """The kernel with what is fused into it, such as "convolution + bias + relu"."""
        return " + ".join((self.kernel, *self.operations[1:]))


class PlanDescription(msgspec.Struct, frozen=True):
    """All steps of a plan.

    Attributes
    ----------
    batch_size, block, blocks : int
        Samples a step and a block, and blocks a step.
    storage : str
        "blocks" of samples side by side, or "single samples".
    phases : int
        Between which all threads meet.
    memory : int
        Bytes of the engine's arenas.
    scratch : int
        Bytes of a thread's own arena, which should fit the second-level cache.
    rates : Rates
        That predicted times are made of.
    steps : tuple of StepDescription
        In the order in which they run.
    waiting : float
        Seconds that a thread is predicted to wait for others, barriers among them.

    Examples
    --------
    >>> from kernelet.networks import lenet5
    >>> description = lenet5().plan(128, threads=1).describe()
    >>> first = next(step for step in description.steps if step.kernel == "convolution")
    >>> first.layer, first.work, first.multiply_adds == 128 * 28 * 28 * 6 * 25
    ('conv1', 'convolution + bias + relu', True)
    """

    batch_size: int
    block: int
    blocks: int
    storage: str
    phases: int
    memory: int
    scratch: int
    rates: Rates
    steps: tuple[StepDescription, ...]
    waiting: float

    @property
    def threads(self) -> int:
        """Threads that share the work."""
        return self.rates.threads

    @property
    def every_step(self) -> tuple[StepDescription, ...]:
        """What is not done once a run."""
        return tuple(step for step in self.steps if not step.once)

    @property
    def predicted(self) -> float:
        """Seconds of a step, where threads have been woken before."""
        return sum(step.predicted for step in self.every_step) + self.waiting

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of a step, by the definition of the operations."""
        return sum(step.multiply_adds for step in self.every_step)

    def to_text(self) -> str:
        """Return a table in plain text, at most a hundred columns wide."""
        from kernelet.plan.description_text import description_text

        return description_text(self)

    def __str__(self) -> str:
        return self.to_text()
