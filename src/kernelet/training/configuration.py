"""What a run is configured by, as plain data that two runs can be compared by."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from kernelet.training.optimizers import Optimizer
from kernelet.training.programs import Objective

if TYPE_CHECKING:
    from kernelet.model import Model


def _plain(value: Any) -> Any:
    """Return a number, text or schedule in a form that is the same in every process."""
    if callable(value) and not dataclasses.is_dataclass(value):
        return getattr(value, "__qualname__", type(value).__qualname__)
    return value if isinstance(value, int | float | str | None) else repr(value)


def describe_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    """Return the class and the arguments of an optimizer."""
    names = [field.name for field in dataclasses.fields(optimizer)]
    arguments = {name: _plain(getattr(optimizer, name)) for name in names}
    return {"class": type(optimizer).__name__, **arguments}


def describe_run(model: Model, optimizer: Optimizer, objective: Objective) -> dict[str, Any]:
    """Return what decides the result of a run besides the data, in plain data."""
    calls = model.graph.calls
    return {
        "network": [
            [call.name, type(call.layer).__name__, call.layer.config(), list(call.inputs)]
            for call in calls
        ],
        "optimizer": describe_optimizer(optimizer),
        "loss": repr(objective.loss),
        "metrics": [repr(metric) for metric in objective.metrics],
    }
