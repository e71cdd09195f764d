"""The trainer: what ``compile`` makes, with ``fit`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import ArrayLike

from kernelet.errors import DataError, ShapeError, UsageError
from kernelet.executors.base import Executor
from kernelet.program import Program
from kernelet.training import arrays, losses, optimizers
from kernelet.training.arrays import Samples
from kernelet.training.callbacks.base import Callback, CallbackList
from kernelet.training.callbacks.history import History
from kernelet.training.configuration import describe_run
from kernelet.training.display import display
from kernelet.training.evaluation import run_evaluation
from kernelet.training.execution import Executors, Machine
from kernelet.training.loop import Loop, LoopExecutors, Plan
from kernelet.training.metrics import Metric, resolve
from kernelet.training.options import FitOptions
from kernelet.training.programs import (
    Objective,
    evaluation_program,
    input_shapes,
    output_shape,
    training_program,
)
from kernelet.training.progress import Averages, Position
from kernelet.weights import Weights

if TYPE_CHECKING:
    from kernelet.model import Model
    from kernelet.model.graph import Graph


class Trainer:
    """Trains and evaluates one model.

    Parameters
    ----------
    model : Model
        Its weights are changed in place.
    optimizer : str or Optimizer
        ``"sgd"``, ``"adam"``, ``"adamw"`` with Keras' defaults, or an object.
    loss : str or Loss
        By Keras' name, or an object.
    metrics : str, Metric or sequence of them
        Reported beside the loss.

    Attributes
    ----------
    optimizer : Optimizer
    objective : Objective
        Loss and metrics.
    iterations : int
        Steps taken since the model was compiled.
    """

    def __init__(
        self,
        model: Model,
        optimizer: str | optimizers.Optimizer = "adam",
        loss: str | losses.Loss = "sparse_categorical_crossentropy",
        metrics: str | Metric | Sequence[str | Metric] | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizers.get(optimizer)
        resolved = losses.get(loss)
        self.objective = Objective(resolved, resolve(metrics or (), resolved))
        self.iterations = 0
        self._executors: Executors | None = None
        self._slots: Weights | None = None
        self._program: Program | None = None
        self._graph: Graph | None = None
        model.stop_training = False

    # -- executors -------------------------------------------------------------------------------

    @property
    def executors(self) -> Executors:
        """The executors of the model, kept between calls."""
        if self._executors is None:
            self._executors = Executors(self.model)
        return self._executors

    def training_program(self) -> Program:
        """Return the program of a step."""
        if self._program is None or self._graph is not self.model.graph:
            self._graph = self.model.graph
            self._program = training_program(self._graph, self.objective, self.optimizer)
            self._slots = Weights(p for p in self._program.parameters if p.role == "slot")
        return self._program

    @property
    def slots(self) -> Weights:
        """What the optimizer keeps, by ``<layer>/<weight>/<slot>``; zeros at first."""
        self.training_program()
        assert self._slots is not None
        return self._slots

    def training_executor(self, machine: Machine) -> Executor:
        """Return the executor of steps."""
        return self.executors.get("training", self.training_program, machine, self.slots)

    def evaluation_executor(self, machine: Machine) -> Executor:
        """Return the executor of loss and metrics without training."""
        return self.executors.get(
            "evaluation", lambda: evaluation_program(self.model.graph, self.objective), machine
        )

    def _samples(self, x: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Samples:
        self.model.build_for(x)
        graph = self.model.graph
        shape = output_shape(graph)
        self.objective.loss.check_prediction(shape)
        x = arrays.in_order(x, graph.input_names)
        return arrays.samples(x, y, input_shapes(graph), self.objective.loss, shape, sample_weight)

    def _classes(self) -> int:
        """Return how many classes the network tells apart: one number says yes or no."""
        return max(2, output_shape(self.model.graph)[-1])

    # -- training --------------------------------------------------------------------------------

    def fit(self, x: Any, y: ArrayLike, options: FitOptions) -> History:
        """Train; see `kernelet.Model.fit`."""
        machine, plan = options.machine(), options.plan()
        samples = self._samples(x, y, options.sample_weight)
        samples, held_out = self._divided(samples, options)
        if options.class_weight:
            samples = arrays.with_class_weights(samples, options.class_weight, self._classes())
        machine = machine.at_most(len(samples))
        history = History()
        first = Position(self.iterations, options.initial_epoch, Averages(self.objective.names))
        loop = Loop(
            model=self.model,
            optimizer=self.optimizer,
            executors=self._loop_executors(machine, held_out),
            samples=samples,
            position=first,
            plan=plan,
            callbacks=_callbacks(options, history, self.model),
            validation=held_out,
            checkpointer=options.checkpoint,
        )
        if options.checkpoint is not None:
            run = describe_run(self.model, self.optimizer, self.objective)
            run |= {"seed": plan.seed, "shuffle": plan.shuffle}
            run |= {"batch_size": machine.batch_size, "samples": len(samples)}
            run |= {"precision": machine.precision}
            options.checkpoint.begin(self.model.weights, self.slots, run)
        try:
            loop.run(options.resume)
        finally:
            self.iterations = loop.position.iterations
        return history

    def _divided(self, samples: Samples, options: FitOptions) -> tuple[Samples, Samples | None]:
        """Return the samples to train on, and those to validate on."""
        validation_data, validation_split = options.validation_data, options.validation_split
        if validation_data is not None:
            if not isinstance(validation_data, list | tuple) or len(validation_data) not in (2, 3):
                count = f" of {len(validation_data)}" if isinstance(validation_data, Sized) else ""
                raise UsageError(
                    "validation_data must be (x, y) or (x, y, sample_weight), got a"
                    f" {type(validation_data).__name__}{count}."
                )
            try:
                return samples, self._samples(*validation_data)
            except (DataError, ShapeError) as error:
                raise type(error)(f"validation_data: {error}") from None
        if not validation_split:
            return samples, None
        kept = int(len(samples) * (1 - validation_split))
        if kept in (0, len(samples)):
            raise DataError(
                f"validation_split={validation_split} leaves {kept} of {len(samples)} samples for "
                "training.\n  Try validation_data, or more samples."
            )
        return samples.part(0, kept), samples.part(kept, len(samples))

    def _loop_executors(self, machine: Machine, held_out: Samples | None) -> LoopExecutors:
        def make(program: Program, batch_size: int) -> Executor:
            sized = msgspec.structs.replace(machine, batch_size=batch_size)
            return sized.executor(program, self.model.weights.state())

        return LoopExecutors(
            training=self.training_executor(machine),
            validation=None
            if held_out is None
            else self.evaluation_executor(machine.at_most(len(held_out))),
            make=make,
        )

    # -- evaluation and single batches -------------------------------------------------------------

    def evaluate(
        self,
        x: Any,
        y: ArrayLike,
        machine: Machine,
        sample_weight: ArrayLike | None = None,
        callbacks: Callback | Sequence[Callback] = (),
    ) -> dict[str, float]:
        """Return the averages of loss and metrics; see `kernelet.Model.evaluate`."""
        samples = self._samples(x, y, sample_weight)
        executor = self.evaluation_executor(machine.at_most(len(samples)))
        listed = CallbackList(callbacks, self.model)
        logs = run_evaluation(executor, samples, self.objective.names, listed)
        assert logs is not None  # nobody asked it to stop
        return logs

    def train_on_batch(
        self,
        x: Any,
        y: ArrayLike,
        machine: Machine,
        seed: int,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> dict[str, float]:
        """Take one step on all samples; see `kernelet.Model.train_on_batch`."""
        samples = self._samples(x, y, sample_weight)
        if class_weight:
            samples = arrays.with_class_weights(samples, class_weight, self._classes())
        sized = msgspec.structs.replace(machine, batch_size=len(samples))
        averages = Averages(self.objective.names)
        position = Position(self.iterations, self.iterations, averages)
        loop = Loop(
            model=self.model,
            optimizer=self.optimizer,
            executors=self._loop_executors(sized, None),
            samples=samples,
            position=position,
            plan=Plan(epochs=self.iterations + 1, seed=seed, shuffle=False),
            callbacks=CallbackList((), self.model),
        )
        loop.run()
        self.iterations = position.iterations
        return averages.logs()


def _callbacks(options: FitOptions, history: History, model: Model) -> CallbackList:
    shown = display(options.verbose)
    given = options.callbacks
    own = [given] if isinstance(given, Callback | type) else given
    every = [*own, history, *([] if shown is None else [shown])]
    return CallbackList(every, model, epochs=options.epochs, verbose=options.verbose)
