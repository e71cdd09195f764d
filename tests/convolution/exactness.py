"""Convolutions of whole numbers, which every correct program computes to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.convolution.forward import Expression, OneByOne, SideBySide, prepare
from kernelet.convolution.operation import input_shape, output_shape
from kernelet.ops.convolution import Convolution, ConvolutionInputGradient
from ops.cases import Case

Array = NDArray[Any]


def whole_numbers(generator: np.random.Generator, *shape: int) -> Array:
    """Return numbers small enough for every sum of products to be exact in float32."""
    return generator.integers(-4, 5, shape).astype(np.float32)


def assert_exact(case: Case, generator: np.random.Generator) -> None:
    """Check that sums, of pictures one by one or side by side, are those of the definition."""
    shared = (case.window, case.channels, case.filters, case.groups)
    for kind in (Convolution, ConvolutionInputGradient):
        op = kind(*shared)
        x = whole_numbers(generator, case.batch, *input_shape(op))
        filters = whole_numbers(generator, *op.weights.shape)
        bias = whole_numbers(generator, output_shape(op)[-1])
        expression = Expression(op, biased=True, activation="relu")
        expected = prepare(expression, case.batch, np.dtype(np.float64))(x, filters, bias)
        for solver in (OneByOne(expression, case.batch, 2), SideBySide(expression, 2)):
            found = solver(x, filters, bias)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, expected)
