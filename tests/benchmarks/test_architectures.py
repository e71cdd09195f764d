"""The networks of many kinds that benchmarks time."""

from __future__ import annotations

import pytest

from workers.architecture_kernelet import build
from workers.architectures import ARCHITECTURES


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_networks_give_scores_or_pictures(name: str) -> None:
    architecture = ARCHITECTURES[name]
    model, weighted = build(architecture)
    (output,) = model.outputs
    assert output.shape[1:] == (10,) or architecture.pictures
    assert len(output.shape) == len(architecture.shape) + 1 or not architecture.pictures
    assert sum(len(layer.get_weights()) for layer in weighted) == len(model.get_weights())
