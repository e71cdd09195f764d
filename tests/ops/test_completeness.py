"""Every operation has every face."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

from kernelet import _engine, ops
from kernelet.ops.augmentation import RandomFlip, RandomShift
from kernelet.ops.shape import Reshape
from kernelet.plan.selection import CANDIDATES
from kernelet.program import Op

# Operations that the planner resolves without a kernel of their own: a reshape shares the memory
# of its input, augmentation is part of packing the samples.
WITHOUT_KERNEL = {Reshape, RandomFlip, RandomShift}

EVERY_OPERATION = pytest.mark.parametrize("op", ops.ALL, ids=lambda op: op.__name__)


def defined_operations() -> set[type[Op]]:
    """Return the public operations that the files of kernelet.ops define."""
    found: set[type[Op]] = set()
    for module in pkgutil.iter_modules(ops.__path__, "kernelet.ops."):
        members = vars(importlib.import_module(module.name)).values()
        found.update(
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Op)
            and member.__module__ == module.name
            and not member.__name__.startswith("_")
        )
    return found


def test_the_list_holds_every_operation_once() -> None:
    assert len(set(ops.ALL)) == len(ops.ALL)
    assert set(ops.ALL) == defined_operations()


def test_names_are_unique() -> None:
    assert len({op.name for op in ops.ALL}) == len(ops.ALL)


@EVERY_OPERATION
def test_an_operation_has_types_cost_and_reference(op: type[Op]) -> None:
    assert not inspect.isabstract(op)
    assert op.__doc__


@EVERY_OPERATION
def test_an_operation_has_a_gradient_or_says_that_it_has_none(op: type[Op]) -> None:
    assert op.differentiable == (op.gradient is not Op.gradient)


@EVERY_OPERATION
def test_an_operation_has_a_kernel(op: type[Op]) -> None:
    assert (op in CANDIDATES) != (op in WITHOUT_KERNEL)
    for candidate in CANDIDATES.get(op, ()):
        assert candidate.kernel in _engine.kernel_names()
