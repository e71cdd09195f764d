"""The examples in the documentation of what explains."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "class_scores",
    "doctor_page",
    "feature_maps",
    "grad_cam",
    "lowered_call",
    "numbers",
    "occlusion",
    "output_cell",
    "picture.heat",
    "receptive_field",
    "strongest_patches",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.explain.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
