"""The plan of a model's training step or prediction, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.executors.native import planned
from kernelet.plan.planner import Plan
from kernelet.training.execution import Machine
from kernelet.training.programs import prediction_program

if TYPE_CHECKING:
    from kernelet.model import Model


def plan_of(model: Model, machine: Machine, *, training: bool) -> Plan:
    """Return a plan; see `kernelet.Model.plan`."""
    if training:
        program, slots = model.trainer.training_program(), model.trainer.slots
    else:
        program, slots = prediction_program(model.graph), None
    offsets = model.weights.state(slots).offsets
    return planned(program, machine.batch_size, offsets, machine.threads, machine.precision)
