"""Checks of shapes that operations of several families share."""

from __future__ import annotations

from kernelet.errors import ShapeError
from kernelet.program import Type


def describe(*types: Type) -> str:
    """Return shapes for a message, values shared by all samples marked as such.

    Examples
    --------
    >>> describe(Type((28, 28, 1)), Type((10,), batched=False))
    '(28, 28, 1) and (10,) shared'
    """
    return " and ".join(f"{t.shape}{'' if t.batched else ' shared'}" for t in types)


def require(name: str, expected: tuple[Type, ...], inputs: tuple[Type, ...]) -> None:
    """Raise `ShapeError` unless an operation is given exactly the types it expects."""
    if inputs != expected:
        raise ShapeError(f"{name} expects {describe(*expected)}, got {describe(*inputs)}.")


def require_pair(name: str, prediction: Type, target: Type) -> None:
    """Raise `ShapeError` unless predictions and targets are batched and of one shape."""
    if prediction != target or not prediction.batched:
        raise ShapeError(
            f"{name} compares predictions and targets of one shape, "
            f"got {describe(prediction, target)}."
        )


def require_classes(name: str, prediction: Type, target: Type) -> None:
    """Raise `ShapeError` unless predictions and targets hold one number a class."""
    require_pair(name, prediction, target)
    if len(prediction.shape) != 1:
        raise ShapeError(f"{name} expects one number a class, got {describe(prediction)}.")
