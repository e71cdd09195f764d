"""Numbers of the random streams that the operations of a network draw from."""

from __future__ import annotations

from kernelet.program import ProgramBuilder


def next_stream(build: ProgramBuilder) -> int:
    """Return how many random operations the program already has: the next one's stream."""
    return sum(hasattr(node.op, "stream") for node in build.nodes)
