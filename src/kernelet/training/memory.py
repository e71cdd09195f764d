"""How much memory a training takes, before any of it is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelet.executors.native import planned_memory
from kernelet.training.execution import Machine
from kernelet.training.programs import evaluation_program

if TYPE_CHECKING:
    from kernelet.training.trainer import Trainer


def training_memory(trainer: Trainer, machine: Machine) -> int:
    """Return the bytes that training takes beside the process and the data.

    These are the weights, the optimizer's slots, and the arenas of steps and of evaluations:
    outputs of layers, gradients, workspaces.

    Parameters
    ----------
    trainer : Trainer
    machine : Machine
        Its samples a step, threads and precision; the engine's arenas are meant, whatever its
        device.

    Raises
    ------
    ConfigurationError
        If loss or metrics do not fit the network's output, or there are several outputs.

    Examples
    --------
    >>> from kernelet.layers import Dense, Input
    >>> from kernelet.model import Sequential
    >>> model = Sequential([Input((1000,)), Dense(1000)])
    >>> model.compile("adam", "mse")
    >>> training_memory(model.trainer, Machine(32, threads=1)) > 4 * 4 * model.count_params()
    True
    """
    model = trainer.model
    # As executors are given them, so that a plan is made once.
    runs = (
        (trainer.training_program(), model.weights.state(trainer.slots)),
        (evaluation_program(model.graph, trainer.objective), model.weights.state()),
    )
    return 4 * (trainer.slots.buffer.size + model.weights.buffer.size) + sum(
        planned_memory(
            program, machine.batch_size, state.offsets, machine.threads, machine.precision
        )
        for program, state in runs
    )
