"""The length of all gradients as one vector: a task, or sums that threads share and then a task.

Both add the same numbers in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.plan.candidate import Constants
from kernelet.plan.step import Step
from kernelet.program import Node, Type, Value

# Numbers that one thread adds up alone: with more, it takes longer than one more barrier. Half of
# them are in the caches of another core: of 590,000, one took 170 µs while the other waited.
_ALONE = 1 << 17

# Elements whose squares are added up before the sum joins a total, the engine's `squares_run`.
_RUN = 4096

# A float32 holds whole numbers up to 2²⁴ only, so the engine gets sizes as multiples of this and a
# rest, its `size_unit`.
_SIZE_UNIT = 1 << 16


def norm_steps(node: Node, gradients: Sequence[Value]) -> list[Step]:
    """Return the steps of a norm of gradients, which lie where `gradients` do."""
    sizes = [value.size for value in gradients]
    if sum(sizes) <= _ALONE:
        rows = _sizes(sizes)
        return [Step("global_norm", {}, tuple(gradients), node.outputs, rows, nodes=(node,))]
    sums = [_squares(node, value) for value in gradients]
    largest = max(range(len(sizes)), key=sizes.__getitem__)
    steps = [
        Step(
            "square_sums",
            {"size": value.size, "run": _RUN},
            (value,),
            (total,),
            divisible=True,
            nodes=(node,) if k == largest else (),
        )
        for k, (value, total) in enumerate(zip(gradients, sums, strict=True))
    ]
    counts = ([total.size for total in sums],)
    return [*steps, Step("norm_of_squares", {}, tuple(sums), node.outputs, counts)]


def _squares(node: Node, value: Value) -> Value:
    runs = -(-value.size // _RUN)
    return Value(node.output.index, Type((runs,), batched=False), f"{value.name} squares")


def _sizes(sizes: Sequence[int]) -> Constants:
    return [size // _SIZE_UNIT for size in sizes], [size % _SIZE_UNIT for size in sizes]
