from __future__ import annotations

import numpy as np
import pytest

from kernelet import random
from kernelet.errors import ConfigurationError
from kernelet.ops.dropout import Dropout
from ops.execution import LEVELS, Step, assert_equal, assert_gradients, expected, native

# Both halves of the key and high bits of the epoch are in use.
KEYS = Step(seed=0x0123_4567_89AB_CDEF, epoch=0xFFFF_FFF0)


@LEVELS
@pytest.mark.parametrize("shape", [(1,), (6,), (3, 3, 5)])
@pytest.mark.parametrize("rate", [0.0, 0.5, 0.75])
def test_the_engine_drops_what_the_reference_drops(
    rate: float, shape: tuple[int, ...], isa: str
) -> None:
    x = np.random.default_rng(0).integers(1, 9, (19, *shape)).astype(np.float32)
    assert_equal(Dropout(rate, stream=5), x, isa=isa, step=KEYS)


@LEVELS
def test_rates_that_float32_cannot_hold(isa: str) -> None:
    op = Dropout(0.1, stream=0)
    x = np.ones((64, 500), np.float32)
    (have,), (want,) = native(op, x, isa=isa), expected(op, x)
    assert np.array_equal(have == 0, want == 0)
    np.testing.assert_allclose(have, want, rtol=1e-7)


@pytest.mark.parametrize("rate", [0.1, 0.5, 1 / 3, 0.999, 2**-24, 0.0])
def test_the_threshold_is_the_rate(rate: float) -> None:
    threshold = Dropout(rate, 0).threshold
    at, below = np.array([threshold << 8, max(threshold - 1, 0) << 8], np.uint32)
    assert random.fractions(at) >= rate
    assert random.fractions(below) < rate or threshold == 0


def test_share_and_scale() -> None:
    (y,) = expected(Dropout(0.3, stream=1), np.ones((200, 500), np.float32))
    # The share of zeros is binomial with a deviation of 0.00145.
    assert abs(np.mean(y == 0) - 0.3) < 5 * 0.00145
    np.testing.assert_allclose(y[y != 0], 1 / 0.7)


def test_streams_and_epochs_differ() -> None:
    x = np.ones((20, 100), np.float32)
    (first,) = expected(Dropout(0.5, 0), x)
    assert not np.array_equal(first, expected(Dropout(0.5, 1), x)[0])
    assert not np.array_equal(first, expected(Dropout(0.5, 0), x, step=Step(epoch=1))[0])


@LEVELS
def test_nan_that_is_kept_stays(isa: str) -> None:
    x = np.full((17, 40), np.nan, np.float32)
    assert_equal(Dropout(0.5, 0), x, isa=isa)
    assert 0 < np.isnan(native(Dropout(0.5, 0), x, isa=isa)[0]).sum() < x.size


def test_gradient_rule() -> None:
    x = np.random.default_rng(0).standard_normal((3, 2, 5))
    assert_gradients(Dropout(0.4, stream=2), x, wanted=(0,))


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_meaningless_rates(rate: float) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Dropout(rate, 0)
    assert str(caught.value) == (f"the rate of dropout must be at least 0 and below 1, not {rate}.")
