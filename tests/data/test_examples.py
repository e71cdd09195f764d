"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kernelet.data

MODULES = ["kernelet.datasets", "kernelet.data"]
MODULES += [
    f"kernelet.data.{module.name}" for module in pkgutil.iter_modules(kernelet.data.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
