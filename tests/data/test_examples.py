"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kernelet.data

MODULES = ["kernelet.datasets", "kernelet.data"]
MODULES += [
    module.name for module in pkgutil.walk_packages(kernelet.data.__path__, "kernelet.data.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
