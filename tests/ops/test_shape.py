from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.shape import ChannelSlice, Concatenate, Reshape
from kernelet.program import Type
from ops.execution import LEVELS, Numbers, assert_equal, assert_gradients, expected


def integers(*shape: int, seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


@LEVELS
@pytest.mark.parametrize("channels", [(3, 5), (1, 1, 1), (4, 1, 7, 2, 3, 1, 1, 1, 6, 2, 1, 1, 9)])
@pytest.mark.parametrize("cells", [(), (3, 2)])
def test_concatenation(cells: tuple[int, ...], channels: tuple[int, ...], isa: str) -> None:
    inputs = [integers(19, *cells, count, seed=k) for k, count in enumerate(channels)]
    assert np.array_equal(expected(Concatenate(), *inputs)[0], np.concatenate(inputs, axis=-1))
    assert_equal(Concatenate(), *inputs, isa=isa)


@LEVELS
@pytest.mark.parametrize(("begin", "end"), [(0, 1), (2, 7), (6, 7), (0, 7)])
def test_slices_of_channels(begin: int, end: int, isa: str) -> None:
    x = integers(19, 2, 3, 7)
    op = ChannelSlice(begin, end)
    assert np.array_equal(expected(op, x)[0], x[..., begin:end])
    assert_equal(op, x, isa=isa)


@LEVELS
def test_reshape(isa: str) -> None:
    x = integers(19, 4, 3, 2)
    assert np.array_equal(expected(Reshape((6, 4)), x)[0], x.reshape(19, 6, 4))
    assert_equal(Reshape((6, 4)), x, isa=isa)


def test_gradient_rules() -> None:
    assert_gradients(Reshape((3, 4)), integers(2, 2, 6), wanted=(0,))
    parts = [integers(2, 3, count) for count in (2, 1, 4)]
    assert_gradients(Concatenate(), *parts, wanted=(0, 1, 2))
    assert_gradients(Concatenate(), *parts, wanted=(1,))


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        Reshape((5, 5)).types(Type((4, 6)))
    assert str(caught.value) == "(4, 6) with 24 elements cannot become (5, 5) with 25."
    with pytest.raises(ShapeError) as caught:
        Concatenate().types(Type((4, 4, 1)), Type((4, 5, 1)))
    assert str(caught.value) == (
        "concatenate needs inputs that differ in their last axis only, got (4, 4, 1), (4, 5, 1)."
    )
    with pytest.raises(ShapeError) as caught:
        Concatenate().types(Type((4, 4, 1)))
    assert str(caught.value) == "concatenate needs two inputs or more, each with a last axis."
    with pytest.raises(ShapeError) as caught:
        ChannelSlice(2, 5).types(Type((4, 4)))
    assert str(caught.value) == "channels [2, 5) do not exist in (4, 4)."
