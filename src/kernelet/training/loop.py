"""The loop over epochs and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet import random
from kernelet.errors import TrainingError
from kernelet.executors.base import Executor, Results, Run
from kernelet.training.arrays import Samples
from kernelet.training.callbacks.base import CallbackList, Logs
from kernelet.training.diagnosis import MakeExecutor, explain_divergence
from kernelet.training.evaluation import run_evaluation
from kernelet.training.optimizers import Optimizer
from kernelet.training.progress import Pace, Position, batch_sizes
from kernelet.training.schedules import rates

if TYPE_CHECKING:
    from kernelet.model import Model
    from kernelet.training.checkpoints import Checkpointer

Stop = Callable[[], bool]


class Plan(msgspec.Struct, frozen=True):
    """What the loop is to do.

    Attributes
    ----------
    epochs : int
        Number of the epoch before which training ends.
    seed : int
        Key of orders, dropout and augmentation.
    shuffle : bool
        Whether every epoch has an order of its own.
    stop : callable or None
        Asked a few times a second; training ends early where it answers True.
    """

    epochs: int
    seed: int = 0
    shuffle: bool = True
    stop: Stop | None = None


class LoopExecutors(msgspec.Struct, frozen=True):
    """The executors of a run.

    Attributes
    ----------
    training : Executor
        Of the program of a step.
    validation : Executor or None
        Of the evaluation program.
    make : callable
        Makes one for another program and batch size, on the same weights.
    """

    training: Executor
    validation: Executor | None
    make: MakeExecutor


class Loop:
    """Trains a model from a position to the end."""

    def __init__(
        self,
        model: Model,
        optimizer: Optimizer,
        executors: LoopExecutors,
        samples: Samples,
        position: Position,
        plan: Plan,
        callbacks: CallbackList,
        validation: Samples | None = None,
        checkpointer: Checkpointer | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.executors = executors
        self.samples = samples
        self.position = position
        self.plan = plan
        self.callbacks = callbacks
        self.validation = validation
        self.checkpointer = checkpointer
        self.sizes = batch_sizes(len(samples), executors.training.batch_size)
        self.pace = Pace(single=callbacks.every_batch)
        for callback in callbacks:
            callback.params["steps"] = len(self.sizes)

    def run(self, resume: bool = False) -> None:
        """Train until the last epoch, a callback or ``stop`` ends it.

        Parameters
        ----------
        resume : bool
            Whether to go on from the latest checkpoint, where there is one.

        Raises
        ------
        TrainingError
            If the loss is not finite; the weights are those before that step.
        """
        self.model.stop_training = False
        try:
            self.callbacks.call("on_train_begin", {})
            if not (resume and self._restore()):
                self.save()
            while self.position.epoch < self.plan.epochs and not self.model.stop_training:
                if not self._epoch():
                    return
            self.save()
            self.callbacks.call("on_train_end", {})
        finally:
            self.callbacks.call("close")

    def _epoch(self) -> bool:
        """Train to the end of the epoch; return whether it was reached."""
        if self._asked_to_stop():
            return False
        epoch = self.position.epoch
        hook = "on_epoch_resume" if self.position.step else "on_epoch_begin"
        self.callbacks.call(hook, epoch, {})
        order = self._order(epoch)
        while self.position.step < len(self.sizes) and not self.model.stop_training:
            self._steps(order)
            self._save_if_due()
            if self._asked_to_stop():
                return False
        return self._end_epoch(epoch)

    def _asked_to_stop(self) -> bool:
        """Return whether to stop here, after a checkpoint."""
        if self.plan.stop is None or not self.plan.stop():
            return False
        self.save()
        return True

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if not self.plan.shuffle:
            return np.arange(len(self.samples), dtype=np.int64)
        return random.permutation(self.plan.seed, epoch, len(self.samples))

    def _steps(self, order: NDArray[np.int64]) -> None:
        """Run as many steps as one call of the engine should take."""
        begin = self.position.step
        steps = self.pace.steps(len(self.sizes) - begin)
        if self.callbacks.every_batch:
            self.callbacks.call("on_train_batch_begin", begin, {})
        run = self._run(order, begin, steps)
        results = self.executors.training.run(run)
        self.pace.done(steps)
        self._count(results)
        if results.steps < steps:
            raise self._divergence(run, results)
        logs = self.position.averages.logs()
        if self.callbacks.every_batch:
            self.callbacks.call("on_train_batch_end", begin, logs)
        self.callbacks.call("on_progress", self.position.step, logs)

    def _run(self, order: NDArray[np.int64], begin: int, steps: int) -> Run:
        batch_size = self.executors.training.batch_size
        iterations = self.position.iterations
        return Run(
            inputs=self.samples.arrays,
            order=order[begin * batch_size : (begin + steps) * batch_size],
            learning_rates=rates(self.optimizer.learning_rate, iterations, steps),
            first_step=iterations,
            seed=self.plan.seed,
            epoch=self.position.epoch,
        )

    def _count(self, results: Results) -> None:
        """Take in the steps that were done."""
        done, begin = results.steps, self.position.step
        values = {name: numbers[:done] for name, numbers in results.values.items()}
        self.position.averages.add(values, self.sizes[begin : begin + done])
        self.position.step += done
        self.position.iterations += done

    def _divergence(self, run: Run, results: Results) -> TrainingError:
        size = self.executors.training.batch_size
        return explain_divergence(
            self.model, self.executors.make, size, run, results, self.position
        )

    def _end_epoch(self, epoch: int) -> bool:
        """Validate and tell the callbacks; return False where that was interrupted."""
        logs: Logs = self.position.averages.logs()
        executor = self.executors.validation
        if executor is not None and self.validation is not None:
            names = tuple(self.position.averages.names)
            measured = run_evaluation(
                executor, self.validation, names, self.callbacks, self._asked_to_stop
            )
            if measured is None:
                return False
            logs.update({f"val_{name}": value for name, value in measured.items()})
        self.callbacks.call("on_epoch_end", epoch, logs)
        self.position.next_epoch()
        self._save_if_due()
        return True

    def _save_if_due(self) -> None:
        if self.checkpointer is not None and self.checkpointer.due():
            self.save()

    def save(self) -> None:
        """Write a checkpoint, where there is somebody to write it."""
        if self.checkpointer is not None:
            self.checkpointer.save(self.state())

    def state(self) -> dict[str, Any]:
        """Return what an interrupted run needs to go on besides weights and slots."""
        rate = self.optimizer.learning_rate
        return {
            "iterations": self.position.iterations,
            "epoch": self.position.epoch,
            "step": self.position.step,
            "totals": self.position.averages.totals,
            "samples": self.position.averages.samples,
            "stopped": self.model.stop_training,
            "learning_rate": None if callable(rate) else float(rate),
            "callbacks": self.callbacks.state(),
        }

    def _restore(self) -> bool:
        """Go to where the latest checkpoint was made; return whether there is one."""
        checkpoint = None if self.checkpointer is None else self.checkpointer.resume()
        if checkpoint is None:
            return False
        state = checkpoint.state
        averages = self.position.averages
        averages.totals, averages.samples = dict(state["totals"]), state["samples"]
        self.position.iterations = state["iterations"]
        self.position.epoch, self.position.step = state["epoch"], state["step"]
        self.model.stop_training = state["stopped"]
        if state["learning_rate"] is not None:
            self.optimizer.learning_rate = state["learning_rate"]
        self.callbacks.restore(state["callbacks"])
        return True
