from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.arithmetic import Add, Rescale
from kernelet.ops.bias import BiasAdd, ChannelSum
from kernelet.program import Type
from ops.execution import LEVELS, Numbers, Shared, assert_equal, assert_gradients

SHAPES = pytest.mark.parametrize("shape", [(1,), (9,), (5, 4, 3), (2, 3, 17)])


def integers(*shape: int, seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


@LEVELS
@SHAPES
def test_sums(shape: tuple[int, ...], isa: str) -> None:
    assert_equal(Add(), integers(19, *shape), integers(19, *shape, seed=1), isa=isa)


@LEVELS
@SHAPES
def test_sums_of_shared_values(shape: tuple[int, ...], isa: str) -> None:
    assert_equal(Add(), Shared(integers(*shape)), Shared(integers(*shape, seed=1)), isa=isa)


# Powers of two: fused and separate roundings agree.
@LEVELS
@pytest.mark.parametrize(
    "op", [Rescale((0.5, 2.0, -1.0), (1.0, 0.0, 3.0)), Rescale((0.25,), (1.0, 0.0, 3.0))]
)
def test_rescaling(op: Rescale, isa: str) -> None:
    assert_equal(op, integers(19, 4, 5, 3), isa=isa)


@LEVELS
@SHAPES
def test_bias_and_its_gradient(shape: tuple[int, ...], isa: str) -> None:
    x = integers(35, *shape)
    assert_equal(BiasAdd(), x, Shared(integers(shape[-1], seed=1)), isa=isa)
    # The engine adds lanes that no sample fills; upstream gradients are zero there.
    assert_equal(ChannelSum(), integers(48, *shape), isa=isa)


def test_gradient_rules() -> None:
    x, y = integers(2, 3, 4), integers(2, 3, 4, seed=1)
    assert_gradients(Add(), x, y, wanted=(0, 1))
    assert_gradients(Rescale((2.0, 1.0, -3.0, 0.5), (1.0,)), x, wanted=(0,))
    assert_gradients(BiasAdd(), x, Shared(integers(4)), wanted=(0, 1))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        Add().types(Type((3,)), Type((4,)))
    assert str(caught.value) == "add needs inputs of one shape, got (3,) and (4,)."
    with pytest.raises(ShapeError) as caught:
        BiasAdd().types(Type((3, 4)), Type((3,), batched=False))
    assert str(caught.value) == "a bias of shape (3,) does not fit (3, 4)."
    with pytest.raises(ShapeError) as caught:
        Rescale((1.0, 2.0), (0.0,)).types(Type((3,)))
    assert str(caught.value) == "2 constants do not fit (3,)."
