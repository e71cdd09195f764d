from __future__ import annotations

import numpy as np
import pytest

from kernelet import _engine
from kernelet.errors import ConfigurationError, ShapeError
from kernelet.ops.activation import KINDS, Activate, ActivateGradient
from kernelet.program import Type
from ops.execution import (
    LEVELS,
    Numbers,
    assert_close,
    assert_equal,
    assert_gradients,
    expected,
    native,
)

OPS = [Activate(kind, 0.25 if kind == "leaky_relu" else 0.0) for kind in KINDS]
ALL_KINDS = pytest.mark.parametrize("op", OPS, ids=[op.kind for op in OPS])


def gradient_of(op: Activate) -> ActivateGradient:
    return ActivateGradient(op.kind, op.slope)


def saved_by(op: Activate, x: Numbers) -> Numbers:
    return expected(op, x)[0].astype(np.float32) if op.from_output else x


def reals(*shape: int, seed: int = 0) -> Numbers:
    return (3 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def integers(*shape: int, seed: int = 0) -> Numbers:
    return np.random.default_rng(seed).integers(-8, 9, shape).astype(np.float32)


def test_the_engine_has_every_kind() -> None:
    assert set(_engine.activation_names()) == {"linear", *KINDS}


@ALL_KINDS
@LEVELS
def test_kernels_are_the_references(op: Activate, isa: str) -> None:
    x, upstream = reals(19, 5, 3), reals(19, 5, 3, seed=1)
    assert_close(op, x, isa=isa, tolerance=1e-6)
    assert_close(gradient_of(op), upstream, saved_by(op, x), isa=isa, tolerance=1e-6)


@LEVELS
@pytest.mark.parametrize("op", OPS[:2], ids=["relu", "leaky_relu"])
def test_piecewise_linear_kinds_are_exact(op: Activate, isa: str) -> None:
    x, upstream = integers(33, 7), integers(33, 7, seed=1)
    assert_equal(op, x, isa=isa)
    assert_equal(gradient_of(op), upstream, saved_by(op, x), isa=isa)


@ALL_KINDS
def test_gradient_rule(op: Activate) -> None:
    # Nothing nearer to the kink at zero than the step of the differences.
    x = reals(3, 4, 5)
    assert np.abs(x).min() > 1e-3
    assert_gradients(op, x, wanted=(0,))


@ALL_KINDS
@LEVELS
def test_extreme_arguments(op: Activate, isa: str) -> None:
    x = np.array([[-100.0, -20.0, 0.0, 20.0, 100.0]], np.float32)
    np.testing.assert_allclose(native(op, x, isa=isa)[0], expected(op, x)[0], rtol=1e-6, atol=1e-7)


@ALL_KINDS
@LEVELS
def test_nan_is_handed_on(op: Activate, isa: str) -> None:
    x = np.full((1, 3), np.nan, np.float32)
    assert np.isnan(native(op, x, isa=isa)[0]).all()
    assert np.isnan(expected(op, x)[0]).all()
    assert np.isnan(native(gradient_of(op), x, x, isa=isa)[0]).all()


@pytest.mark.torch
@ALL_KINDS
def test_forward_and_gradient_are_pytorchs(op: Activate) -> None:
    torch = pytest.importorskip("torch")
    functions = {
        "leaky_relu": lambda x: torch.nn.functional.leaky_relu(x, op.slope),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
    }
    function = functions.get(op.kind) or getattr(torch.nn.functional, op.kind)
    x = reals(4, 6).astype(np.float64)
    variable = torch.tensor(x, requires_grad=True)
    y = function(variable)
    y.sum().backward()
    (have,) = expected(op, x)
    np.testing.assert_allclose(have, y.detach().numpy(), rtol=1e-12, atol=1e-14)
    (gradient,) = expected(gradient_of(op), np.ones_like(x), have if op.from_output else x)
    np.testing.assert_allclose(gradient, variable.grad.numpy(), rtol=1e-12, atol=1e-14)


def test_unknown_kind() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Activate("swish")
    assert str(caught.value) == (
        "an activation must be one of relu, leaky_relu, sigmoid, tanh, gelu, silu, not 'swish'."
    )


@pytest.mark.parametrize(
    ("kind", "slope", "message"),
    [
        ("leaky_relu", -0.5, "the slope of leaky_relu must be at least 0, not -0.5."),
        ("relu", 0.5, "only leaky_relu has a slope, not relu."),
    ],
)
def test_meaningless_slopes(kind: str, slope: float, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Activate(kind, slope)
    assert str(caught.value) == message


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError) as caught:
        ActivateGradient("relu").types(Type((2,)), Type((3,)))
    assert str(caught.value) == "activate_gradient expects (3,) and (3,), got (2,) and (3,)."
