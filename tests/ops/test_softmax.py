from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.softmax import Softmax, SoftmaxGradient
from kernelet.program import Type
from ops.execution import LEVELS, Numbers, assert_close, assert_gradients, expected, native

SHAPES = pytest.mark.parametrize("shape", [(1,), (10,), (3, 2, 7)])


def reals(*shape: int, seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@LEVELS
@SHAPES
def test_forward_is_the_reference(shape: tuple[int, ...], isa: str) -> None:
    x = 5 * reals(19, *shape)
    assert_close(Softmax(), x, isa=isa, tolerance=1e-6)
    np.testing.assert_allclose(native(Softmax(), x, isa=isa)[0].sum(axis=-1), 1, rtol=1e-6)


@LEVELS
@SHAPES
def test_gradient_kernel_is_the_reference(shape: tuple[int, ...], isa: str) -> None:
    upstream = reals(19, *shape, seed=1)
    y = expected(Softmax(), reals(19, *shape))[0].astype(np.float32)
    (have,) = native(SoftmaxGradient(), upstream, y, isa=isa)
    (want,) = expected(SoftmaxGradient(), upstream, y)
    np.testing.assert_allclose(have, want, rtol=1e-5, atol=1e-6)


@SHAPES
def test_gradient_rule(shape: tuple[int, ...]) -> None:
    assert_gradients(Softmax(), reals(2, *shape), wanted=(0,))


@LEVELS
def test_large_scores_do_not_overflow(isa: str) -> None:
    x = np.array([[1e4, 1e4, -1e4], [-3e38, 0, 3e38]], np.float32)
    want = np.array([[0.5, 0.5, 0], [0, 0, 1]], np.float32)
    assert np.array_equal(native(Softmax(), x, isa=isa)[0], want)


@LEVELS
@pytest.mark.parametrize("position", range(4))
def test_nan_reaches_every_probability_of_its_sample_only(position: int, isa: str) -> None:
    x = reals(17, 4)
    x[3, position] = np.nan
    nan = np.isnan(native(Softmax(), x, isa=isa)[0])
    assert nan[3].all()
    assert nan.sum() == 4


@pytest.mark.torch
def test_forward_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    x = reals(4, 3, 6).astype(np.float64)
    want = torch.softmax(torch.tensor(x), dim=-1).numpy()
    np.testing.assert_allclose(expected(Softmax(), x)[0], want, rtol=1e-12)


def test_one_number_a_sample_has_no_softmax() -> None:
    with pytest.raises(ShapeError) as caught:
        Softmax().types(Type(()))
    assert str(caught.value) == "softmax needs at least one axis, got one number a sample."
