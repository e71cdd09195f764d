"""What optimizers do: the formulas, step after step, and clipping."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.errors import ShapeError
from kernelet.ops.reduction import RequireFinite
from kernelet.ops.updates import AdamUpdate, ClipByNorm, ClipByValue, GlobalNorm, SGDUpdate
from kernelet.program import Type
from ops.execution import (
    LEVELS,
    Numbers,
    Shared,
    Step,
    StoppedError,
    assert_close,
    assert_equal,
    native,
)

SHAPES = pytest.mark.parametrize("shape", [(1,), (16,), (5, 7), (3, 3, 20, 9)], ids=str)
STEPS = [Step(number=1, learning_rate=0.1), Step(number=1000, learning_rate=1e-3)]


def drawn(shape: tuple[int, ...], seed: int) -> Shared:
    return Shared(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


@LEVELS
@SHAPES
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize(
    ("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)], ids=str
)
def test_sgd_follows_its_formula(
    shape: tuple[int, ...], momentum: float, nesterov: bool, weight_decay: float, isa: str
) -> None:
    op = SGDUpdate(momentum, nesterov, weight_decay)
    operands = [drawn(shape, seed) for seed in range(3 if momentum else 2)]
    for step in STEPS:
        assert_close(op, *operands, isa=isa, step=step)


@LEVELS
@SHAPES
@pytest.mark.parametrize("weight_decay", [0.0, 0.004])
def test_adam_follows_its_formula(shape: tuple[int, ...], weight_decay: float, isa: str) -> None:
    op = AdamUpdate(0.9, 0.999, 1e-7, weight_decay)
    second_moment = Shared(np.abs(drawn(shape, 3).numbers))
    operands = [*(drawn(shape, seed) for seed in range(3)), second_moment]
    for step in STEPS:
        assert_close(op, *operands, isa=isa, step=step)


@LEVELS
def test_the_first_step_of_adam_is_the_learning_rate(isa: str) -> None:
    zeros = Shared(np.zeros(20, np.float32))
    gradient = drawn((20,), 1)
    step = Step(number=1, learning_rate=0.25)
    moved, *_ = native(
        AdamUpdate(0.9, 0.999, 1e-7, 0.0), zeros, gradient, zeros, zeros, isa=isa, step=step
    )
    np.testing.assert_allclose(moved, -0.25 * np.sign(gradient.numbers), rtol=1e-3)


def trained_by_pytorch(optimizer: str, options: dict[str, float | bool]) -> Numbers:
    import torch

    parameter = torch.nn.Parameter(torch.tensor(drawn((7,), 0).numbers, dtype=torch.float64))
    chosen = getattr(torch.optim, optimizer)([parameter], lr=0.01, **options)
    for number in range(1, 6):
        parameter.grad = torch.tensor(drawn((7,), number).numbers, dtype=torch.float64)
        chosen.step()
    return np.asarray(parameter.detach().numpy())


@pytest.mark.torch
@pytest.mark.parametrize("nesterov", [False, True])
def test_pytorch_agrees_on_sgd(nesterov: bool) -> None:
    op = SGDUpdate(momentum=0.9, nesterov=nesterov, weight_decay=0.0)
    parameter, velocity = drawn((7,), 0), Shared(np.zeros(7, np.float32))
    for number in range(1, 6):
        step = Step(number, learning_rate=0.01)
        gradient = drawn((7,), number)
        new = native(op, parameter, gradient, velocity, isa="scalar", step=step)
        parameter, velocity = (Shared(array) for array in new)
    want = trained_by_pytorch("SGD", {"momentum": 0.9, "nesterov": nesterov})
    np.testing.assert_allclose(parameter.numbers, want, rtol=1e-5)


@pytest.mark.torch
def test_pytorch_agrees_on_adamw() -> None:
    # Where epsilon is negligible, the two places at which it is added make no difference.
    op = AdamUpdate(0.9, 0.999, 1e-12, weight_decay=0.1)
    state = [drawn((7,), 0), Shared(np.zeros(7, np.float32)), Shared(np.zeros(7, np.float32))]
    for number in range(1, 6):
        step = Step(number, learning_rate=0.01)
        new = native(op, state[0], drawn((7,), number), *state[1:], isa="scalar", step=step)
        state = [Shared(array) for array in new]
    want = trained_by_pytorch("AdamW", {"weight_decay": 0.1, "eps": 1e-12})
    np.testing.assert_allclose(state[0].numbers, want, rtol=1e-5)


@LEVELS
@pytest.mark.parametrize(
    "shapes", [[(1,)], [(3, 4), (5,), (100, 700)], [(2, 3)] * 100, [(400, 401), (5000,)]], ids=len
)
def test_the_global_norm_is_that_of_all_gradients(shapes: list[tuple[int, ...]], isa: str) -> None:
    gradients = [drawn(shape, seed) for seed, shape in enumerate(shapes)]
    assert_close(GlobalNorm(), *gradients, isa=isa, tolerance=1e-6)


@LEVELS
def test_threads_share_a_long_norm_without_changing_bits(isa: str) -> None:
    gradients = [drawn(shape, 7) for shape in ((400, 401), (5000,))]
    alone, *others = (native(GlobalNorm(), *gradients, isa=isa, threads=n) for n in (1, 2, 4))
    assert alone[0] > 0
    for (norm,) in others:
        assert norm == alone[0]


@LEVELS
def test_the_global_norm_of_whole_numbers_is_exact(isa: str) -> None:
    assert_equal(GlobalNorm(), Shared(np.full((3, 3), 2.0)), Shared(np.full(27, 2.0)), isa=isa)
    (norm,) = native(GlobalNorm(), Shared(np.array([3.0])), Shared(np.array([4.0])), isa=isa)
    assert norm == 5


@LEVELS
def test_clipping_by_norm_shortens_only_what_is_too_long(isa: str) -> None:
    gradient = Shared(np.arange(-8, 12, dtype=np.float32))
    short, long = Shared(np.array(2.0)), Shared(np.array(16.0))
    assert_equal(ClipByNorm(4.0), gradient, short, isa=isa)
    assert_equal(ClipByNorm(4.0), gradient, long, isa=isa)
    (left_alone,) = native(ClipByNorm(4.0), gradient, short, isa=isa)
    (quartered,) = native(ClipByNorm(4.0), gradient, long, isa=isa)
    np.testing.assert_array_equal(left_alone, gradient.numbers)
    np.testing.assert_array_equal(quartered, gradient.numbers / 4)


@LEVELS
def test_clipping_by_value_keeps_the_sign(isa: str) -> None:
    gradient = Shared(np.arange(-8, 12, dtype=np.float32))
    assert_equal(ClipByValue(3.0), gradient, isa=isa)
    (clipped,) = native(ClipByValue(3.0), gradient, isa=isa)
    assert (clipped.min(), clipped.max()) == (-3, 3)


@LEVELS
def test_nan_survives_clipping(isa: str) -> None:
    gradient = Shared(np.array([1.0, np.nan, -7.0]))
    assert_close(ClipByValue(3.0), gradient, isa=isa)
    (norm,) = native(GlobalNorm(), gradient, isa=isa)
    assert np.isnan(norm)
    (clipped,) = native(ClipByNorm(3.0), Shared(np.ones(3)), Shared(norm), isa=isa)
    assert np.isnan(clipped).all()


@LEVELS
@pytest.mark.parametrize("number", [0.0, -3e38, 1e-30])
def test_a_finite_number_lets_the_run_go_on(number: float, isa: str) -> None:
    assert_equal(RequireFinite(), Shared(np.array(number, np.float32)), isa=isa)


@LEVELS
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_ends_the_run(number: float, isa: str) -> None:
    with pytest.raises(StoppedError):
        native(RequireFinite(), Shared(np.array(number)), isa=isa)


def test_shapes_that_do_not_fit_are_refused() -> None:
    three, four = Type((3,), batched=False), Type((4,), batched=False)
    message = r"sgd_update expects \(3,\) shared and \(3,\) shared, got .*\(4,\) shared"
    with pytest.raises(ShapeError, match=message):
        SGDUpdate(0.0, False, 0.0).types(three, four)
    with pytest.raises(ShapeError, match=r"global_norm expects gradients, got none"):
        GlobalNorm().types()
    with pytest.raises(ShapeError, match=r"clip_by_norm expects .* and \(\) shared"):
        ClipByNorm(1.0).types(three, three)
