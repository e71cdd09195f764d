"""The names of `kernelet` and the examples in their documentation."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import msgspec
import numpy as np
import pytest

import kernelet as kl
from kernelet import utils
from kernelet.errors import DataError

EXAMPLES = [
    "activations",
    "convolution.functional",
    "convolution.pooling",
    "convolution.transposed",
    "explain.summary",
    "geometry",
    "initializers",
    "layers.activation",
    "layers.arguments",
    "layers.base",
    "layers.convolution",
    "layers.dense",
    "layers.global_pooling",
    "layers.input",
    "layers.merging",
    "layers.naming",
    "layers.pooling",
    "layers.problems",
    "layers.rescaling",
    "layers.shape",
    "layers.symbolic",
    "layers.transposed",
    "layers.windows",
    "model.base",
    "model.sequential",
    "model.trainable",
    "networks",
    "networks.lenet",
    "networks.parts",
    "networks.vgg",
    "plan.accounts",
    "plan.description",
    "plan.rates",
    "profiling.machine",
    "profiling.profile",
    "profiling.speed",
    "text",
    "utils",
    "weights",
]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_public_record_has_a_signature() -> None:
    """`help` asks for it, and it names the types of all fields."""
    modules = [m.name for m in pkgutil.walk_packages(kl.__path__, "kernelet.")]
    packages = [kl, *map(importlib.import_module, set(modules) - {"kernelet.__main__"})]
    public = [getattr(p, name) for p in packages for name in getattr(p, "__all__", ())]
    records = {x for x in public if isinstance(x, type) and issubclass(x, msgspec.Struct)}
    assert len(records) > 10
    for record in records:
        assert inspect.signature(record).parameters.keys() == set(record.__struct_fields__)


@pytest.mark.parametrize("name", kl.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(kl, name) is not None
    assert name in dir(kl)


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="module 'kernelet' has no attribute 'Conv9D'"):
        _ = kl.Conv9D


def test_import_loads_nothing_yet() -> None:
    program = "import sys, kernelet; print([m for m in sys.modules if 'kernelet.' in m])"
    shown = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    assert "numpy" not in shown
    assert eval(shown) == ["kernelet._version"]


def test_to_categorical() -> None:
    expected = [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert utils.to_categorical([[1], [2]], 4).tolist() == expected
    with pytest.raises(DataError, match="class numbers must be from 0 to 1, got 0 to 2"):
        utils.to_categorical([0, 2], 2)
    assert utils.to_categorical(np.array([1.0, 2.0]), 4).tolist() == expected
    with pytest.raises(DataError, match="class numbers are whole numbers, not float64"):
        utils.to_categorical(np.array([0.5]))
    with pytest.raises(DataError, match="class numbers must be at least 0, got -1 to -1"):
        utils.to_categorical([-1])
