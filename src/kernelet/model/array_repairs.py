"""How to bring an array to the shape that a network takes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kernelet.layers.problems import size_text
from kernelet.program import Shape


def array_repairs(name: str, given: Sequence[int], expected: Shape) -> list[str]:
    """Return what to try where an array does not fit a network, most promising first.

    Parameters
    ----------
    name : str
        Of the array, in code.
    given : sequence of int
        Its shape, with the samples first.
    expected : tuple of int
        Shape of one sample.

    Examples
    --------
    >>> array_repairs("x", (20, 3, 8, 8), (8, 8, 3))
    ['numpy.moveaxis(x, 1, -1)']
    >>> array_repairs("x", (20, 9, 9, 1), (8, 8, 1))
    ['pictures of 8×8', 'a network that begins with Input((9, 9, 1))']
    """
    shape, sample = tuple(given), tuple(given[1:])
    size = math.prod(expected)
    if shape == expected:
        return [f"{name}[numpy.newaxis] for a single sample"]
    if len(expected) > 1 and sample == (expected[-1], *expected[:-1]):
        return [f"numpy.moveaxis({name}, 1, -1)"]
    if len(expected) > 1 and sample[: len(expected) - 1] == expected[:-1]:
        repair = _channels(name, sample[len(expected) - 1 :], expected[-1])
        if repair is not None:
            return [repair, *_network(sample, expected)]
    if len(expected) > 1 and sample == (expected[1], expected[0], *expected[2:]):
        return [f"numpy.swapaxes({name}, 1, 2)"]
    if sample and math.prod(sample) == size:
        sizes = ", ".join(map(str, expected))
        return [f"{name}.reshape(-1, {sizes})"]
    if not sample and math.prod(shape) == size:
        return [f"numpy.reshape({name}, (1, {', '.join(map(str, expected))})) for a single sample"]
    if len(sample) == len(expected) == 3 and sample[-1] == expected[-1]:
        return [f"pictures of {size_text(expected)}", *_network(sample, expected)]
    return _network(sample, expected)


def _channels(name: str, given: Shape, expected: int) -> str | None:
    """Return how other channels become those expected; ``given`` is () where there is no axis."""
    match given, expected:
        case (), 1:
            return f"{name}[..., numpy.newaxis] for grey pictures"
        case (), 3:
            return f"numpy.stack([{name}] * 3, axis=-1) for grey pictures"
        case (1,), 3:
            return f"numpy.repeat({name}, 3, axis=-1) for grey pictures"
        case (3,), 1:
            return f"{name}.mean(axis=-1, keepdims=True) for grey from colour"
        case (4,), 3:
            return f"{name}[..., :3] for colour without transparency"
        case _:
            return None


def _network(sample: Shape, expected: Shape) -> list[str]:
    if len(sample) != len(expected):
        return []
    return [f"a network that begins with Input({sample})"]
