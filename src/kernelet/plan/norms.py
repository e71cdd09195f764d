"""The length of all gradients as one vector: sums that threads share, then a task to join them."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.plan.division import fitting
from kernelet.plan.step import Step
from kernelet.program import Node, Type, Value

# Elements whose squares are added up in float32 before the sum joins a total in float64.
_RUN = 4096


def norm_steps(node: Node, gradients: Sequence[Value]) -> list[Step]:
    """Return the steps of a norm of gradients, which lie where `gradients` do.

    Gradients lie in part in the caches of every core: of 590,000 numbers, one thread took 170 µs
    while the other waited.
    """
    sums = [_squares(node, value) for value in gradients]
    largest = max(gradients, key=lambda value: value.size)
    steps = [
        Step(
            "square_sums",
            {"size": value.size, "run": _RUN},
            (value,),
            (total,),
            pieces=total.size,
            slices=fitting(value.size, total.size),
            nodes=(node,) if value is largest else (),
        )
        for value, total in zip(gradients, sums, strict=True)
    ]
    counts = ([total.size for total in sums],)
    return [*steps, Step("global_norm", {}, tuple(sums), node.outputs, counts)]


def _squares(node: Node, value: Value) -> Value:
    runs = -(-value.size // _RUN)
    # With the gradient's index: those of a layer that is used twice are sums of the same name.
    name = f"{value.name} squares {value.index}"
    return Value(node.output.index, Type((runs,), batched=False), name)
