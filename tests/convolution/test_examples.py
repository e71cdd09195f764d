"""The examples in the documentation of the operator."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "arguments",
    "definition",
    "ledger",
    "matrix",
    "methods.direct",
    "methods.fft",
    "methods.matmul",
    "methods.separable",
    "methods.winograd",
    "operator",
    "placement",
    "prediction",
    "transform_sizes",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.convolution.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
