"""Backward as a program: reverse-mode differentiation by each operation's gradient rule."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.ops.arithmetic import Add
from kernelet.program import Node, ProgramBuilder, Value


def _dependent(nodes: Sequence[Node], roots: Sequence[Value]) -> set[Value]:
    """Return every value that depends on one of ``roots`` through differentiable operations."""
    found = set(roots)
    for node in nodes:
        if node.op.differentiable and found.intersection(node.inputs):
            found.update(node.outputs)
    return found


def differentiate(
    build: ProgramBuilder, target: Value, seed: Value, wanted: Sequence[Value]
) -> list[Value]:
    """Append the backward pass to a program under construction.

    Parameters
    ----------
    build : ProgramBuilder
        Holds the forward pass.
    target : Value
        What is differentiated, usually one loss a sample.
    seed : Value
        Gradient of the scalar objective with respect to ``target``.
    wanted : sequence of Value
        Values to differentiate by.

    Returns
    -------
    list of Value
        The gradient of the objective by each wanted value, of that value's shape.

    Raises
    ------
    ValueError
        If the target does not depend on a wanted value.
    """
    forward = tuple(build.nodes)
    dependent = _dependent(forward, wanted)
    gradients: dict[Value, Value] = {target: seed}
    for node in reversed(forward):
        upstream = gradients.get(node.output)
        needed = [value in dependent for value in node.inputs]
        if upstream is None or not node.op.differentiable or not any(needed):
            continue
        build.layer = node.layer
        for value, gradient in zip(
            node.inputs, node.op.gradient(build, node, upstream, needed), strict=True
        ):
            if gradient is None:
                continue
            so_far = gradients.get(value)
            gradients[value] = gradient if so_far is None else build.add(Add(), so_far, gradient)
    build.layer = ""
    for value in wanted:
        if value not in gradients:
            raise ValueError(f"the objective does not depend on {value.name}")
    return [gradients[value] for value in wanted]
