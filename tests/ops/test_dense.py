"""The dense product and its gradients."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.dense import MatrixProduct, OuterProductSum
from kernelet.program import Type
from ops.execution import (
    LEVELS,
    Gradient,
    Shared,
    assert_close,
    assert_equal,
    assert_gradients,
    expected,
    gradients,
)

SIZES = pytest.mark.parametrize(
    ("inputs", "outputs", "batch"),
    [(1, 1, 1), (3, 10, 16), (17, 1, 5), (400, 120, 33), (84, 10, 17), (7, 65, 20), (50, 131, 2)],
)


@LEVELS
@SIZES
def test_whole_numbers_are_exact(inputs: int, outputs: int, batch: int, isa: str) -> None:
    generator = np.random.default_rng(1)
    x = generator.integers(-4, 5, (batch, inputs)).astype(np.float32)
    y = generator.integers(-4, 5, (batch, outputs)).astype(np.float32)
    w = Shared(generator.integers(-4, 5, (inputs, outputs)).astype(np.float32))
    assert_equal(MatrixProduct(), x, w, isa=isa)
    assert_equal(MatrixProduct(transposed=True), y, w, isa=isa)
    assert_equal(OuterProductSum(), x, Gradient(y), isa=isa)


@LEVELS
@SIZES
def test_real_numbers_are_close_to_float64(inputs: int, outputs: int, batch: int, isa: str) -> None:
    generator = np.random.default_rng(2)
    x = generator.standard_normal((batch, inputs)).astype(np.float32)
    y = generator.standard_normal((batch, outputs)).astype(np.float32)
    w = Shared(generator.standard_normal((inputs, outputs)).astype(np.float32))
    assert_close(MatrixProduct(), x, w, isa=isa)
    assert_close(MatrixProduct(transposed=True), y, w, isa=isa)
    assert_close(OuterProductSum(), x, Gradient(y), isa=isa)


@pytest.mark.parametrize("transposed", [False, True])
def test_gradients_agree_with_differences(transposed: bool) -> None:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((4, 5 if transposed else 7))
    w = Shared(generator.standard_normal((7, 5)))
    assert_gradients(MatrixProduct(transposed), x, w, wanted=(0, 1))


@pytest.mark.torch
def test_pytorch_agrees() -> None:
    import torch

    generator = np.random.default_rng(4)
    arrays = [generator.standard_normal(shape) for shape in ((6, 7), (7, 5), (6, 5))]
    x, w, upstream = (torch.tensor(array, requires_grad=True) for array in arrays)
    y = x @ w
    y.backward(upstream)
    (maps,) = expected(MatrixProduct(), arrays[0], Shared(arrays[1]))
    np.testing.assert_allclose(maps, y.detach().numpy(), atol=1e-12)
    results = gradients(
        MatrixProduct(), arrays[0], Shared(arrays[1]), wanted=(0, 1), upstream=arrays[2]
    )
    np.testing.assert_allclose(results[0], x.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(results[1], w.grad.numpy(), atol=1e-12)


def test_a_matrix_that_does_not_fit_is_refused() -> None:
    message = r"a dense product of \(7, 5\) weights cannot take \(6,\) inputs"
    with pytest.raises(ShapeError, match=message):
        MatrixProduct().types(Type((6,)), Type((7, 5), batched=False))
