"""The methods by which a model is trained; their work is done in `kernelet.training`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from kernelet.errors import UsageError

if TYPE_CHECKING:
    from kernelet.model.base import Model
    from kernelet.plan.planner import Plan
    from kernelet.training.callbacks.base import Callback
    from kernelet.training.callbacks.history import History
    from kernelet.training.checkpoints import Checkpointer
    from kernelet.training.losses import Loss
    from kernelet.training.metrics import Metric
    from kernelet.training.optimizers import Optimizer
    from kernelet.training.prediction import Predictor
    from kernelet.training.trainer import Trainer

Numbers = float | list[float] | dict[str, float]


class Trainable:
    """What `Model` has of training.

    Attributes
    ----------
    stop_training : bool
        Callbacks set it to end training after the epoch.
    """

    stop_training = False
    _trainer: Trainer | None = None
    _predictor: Predictor | None = None

    def _model(self) -> Model:
        from kernelet.model.base import Model

        assert isinstance(self, Model)
        return self

    def compile(
        self,
        optimizer: str | Optimizer = "adam",
        loss: str | Loss = "sparse_categorical_crossentropy",
        metrics: str | Metric | Sequence[str | Metric] | None = None,
    ) -> None:
        """Choose how to train.

        Parameters
        ----------
        optimizer : str or Optimizer
            "sgd", "adam" or "adamw" with Keras' defaults, or an object of `kernelet.optimizers`.
        loss : str or Loss
            By Keras' name, or an object of `kernelet.losses`.
        metrics : str, Metric or sequence of them, optional
            What to report beside the loss, such as "accuracy".

        Raises
        ------
        ConfigurationError
            If one of them is unknown.
        """
        from kernelet.training.trainer import Trainer

        self._trainer = Trainer(self._model(), optimizer, loss, metrics)

    @property
    def compiled(self) -> bool:
        """Whether the model has an optimizer and a loss."""
        return self._trainer is not None

    @property
    def trainer(self) -> Trainer:
        """What `compile` made.

        Raises
        ------
        UsageError
            If the model was not compiled.
        """
        if self._trainer is None:
            raise UsageError(
                "the model has no optimizer and loss yet; call compile(optimizer, loss, metrics)"
                " first."
            )
        return self._trainer

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that the model was compiled with."""
        return self.trainer.optimizer

    def fit(
        self,
        x: Any,
        y: ArrayLike,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Callback | Sequence[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: ArrayLike | None = None,
        initial_epoch: int = 0,
        *,
        seed: int = 0,
        precision: str = "auto",
        threads: int | None = None,
        device: str = "cpu",
        checkpoint: Checkpointer | None = None,
        resume: bool = False,
        stop: threading.Event | Callable[[], bool] | None = None,
    ) -> History:
        """Train.

        Parameters
        ----------
        x : array_like, shape (samples, ...), or list or dictionary of them for several inputs
            Dictionaries go by the names of the inputs. uint8 and float32 are read as they are,
            other numbers become float32.
        y : array_like
            Labels, as the loss takes them.
        batch_size : int, optional
            Samples a step; 32 by default.
        epochs : int
            Number of the epoch before which training ends; with ``initial_epoch`` 0 their count.
        verbose : {"auto", 0, 1, 2}
            0 for nothing, 2 for a line an epoch; otherwise a bar on a terminal and a line an
            epoch elsewhere.
        callbacks : Callback or sequence of Callback, optional
            Called in this order.
        validation_split : float
            Share of the samples, the last ones before shuffling, that is kept for validation.
        validation_data : (x, y) or (x, y, sample_weight), optional
            Measured after every epoch; replaces ``validation_split``.
        shuffle : bool
            Whether every epoch visits the samples in another order.
        class_weight : mapping of int to float, optional
            Weight of the samples of a class in the loss; 1 where a class is not named.
        sample_weight : array_like, shape (samples,), optional
            Weight of each sample in the loss; metrics count every sample once.
        initial_epoch : int
            Number of the first epoch.
        seed : int
            Key of orders, dropout and augmentation: the same seed gives the same bits, at any
            number of threads.
        precision : {"auto", "float32", "bfloat16"}
            Of what convolutions and dense layers multiply. Weights and sums are float32 in any
            case, and so is what other layers read; a layer for which bfloat16 does not pay stays
            float32 altogether.
            "auto" takes bfloat16 where the processor is faster by it (AVX512-BF16 of AMD, AMX); on
            others, "bfloat16" gives the same up to the order of sums, slowly.
        threads : int, optional
            By default as many as the process may use.
        device : {"cpu", "reference"}
            The engine, or the float64 definition of every operation.
        checkpoint : Checkpointer, optional
            Saves now and then what is needed to go on after an interruption.
        resume : bool
            Whether to go on from the latest checkpoint, where there is one.
        stop : threading.Event or callable, optional
            Asked a few times a second; where it is set or answers True, training saves a
            checkpoint and ends early.

        Returns
        -------
        History

        Raises
        ------
        ConfigurationError, DataError, ShapeError, UsageError
            If arguments, network and data do not fit; before anything is changed.
        TrainingError
            If the loss becomes infinite or NaN; the weights are those before that step.
        """
        from kernelet.training.options import FitOptions

        options = FitOptions(
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks or (),
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            seed=seed,
            precision=precision,
            threads=threads,
            device=device,
            checkpoint=checkpoint,
            resume=resume,
            stop=stop,
        )
        return self.trainer.fit(x, y, options)

    def evaluate(
        self,
        x: Any,
        y: ArrayLike,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: ArrayLike | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        return_dict: bool = False,
        *,
        precision: str = "float32",
        threads: int | None = None,
        device: str = "cpu",
    ) -> Numbers:
        """Measure loss and metrics without training.

        Parameters
        ----------
        x, y, batch_size, sample_weight, precision, threads, device
            As for `fit`.
        verbose : {"auto", 0, 1, 2}
            Whether the result is printed.
        callbacks : sequence of Callback, optional
            Their hooks of evaluations are called.
        return_dict : bool
            Whether names come with the numbers.

        Returns
        -------
        float, list of float, or dict
            The loss, followed by the metrics if there are any.
        """
        from kernelet.training.execution import Machine

        machine = Machine.checked(batch_size, threads, device, precision)
        logs = self.trainer.evaluate(x, y, machine, sample_weight, callbacks or ())
        if verbose:
            print("  ".join(f"{name} {value:.4f}" for name, value in logs.items()))
        return _numbers(logs, return_dict)

    def train_on_batch(
        self,
        x: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
        *,
        seed: int = 0,
        precision: str = "auto",
        threads: int | None = None,
        device: str = "cpu",
    ) -> Numbers:
        """Take one step on all samples given; arguments as for `fit`, result as of `evaluate`.

        Dropout and augmentation are keyed by the number of the step in place of the epoch.

        Raises
        ------
        TrainingError
            If the loss is not finite; the weights are those before.
        """
        from kernelet.training.execution import Machine

        machine = Machine.checked(None, threads, device, precision)
        logs = self.trainer.train_on_batch(x, y, machine, seed, sample_weight, class_weight)
        return _numbers(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = 0,
        *,
        precision: str = "float32",
        threads: int | None = None,
        device: str = "cpu",
    ) -> Any:
        """Return the outputs of the network for any number of samples.

        Parameters
        ----------
        x, batch_size, threads, device
            As for `fit`.
        precision : {"float32", "bfloat16", "auto"}
            As for `fit`. In float32, what is predicted for a sample has the same bits in any
            batch; in bfloat16, it may depend on the size of the batch.
        verbose : {"auto", 0, 1, 2}
            Whether the number of samples and the time are printed.

        Returns
        -------
        ndarray of float32, shape (samples, ...), or list of them for several outputs

        Raises
        ------
        ConfigurationError, DataError, ShapeError
            If arguments or data do not fit.
        """
        if self._predictor is None:
            from kernelet.training.prediction import Predictor

            self._predictor = Predictor(self._model())
        began = time.perf_counter()
        outputs = self._predictor.predict(x, batch_size, threads, device, precision)
        if verbose:
            first = outputs[0] if isinstance(outputs, list) else outputs
            print(f"{len(first)} samples  {time.perf_counter() - began:.1f} s")
        return outputs

    def plan(
        self,
        batch_size: int | None = None,
        *,
        training: bool = False,
        precision: str = "float32",
        threads: int | None = None,
    ) -> Plan:
        """Return how the engine runs the network: ``print(model.plan(128).describe())``.

        Parameters
        ----------
        batch_size, precision, threads
            As for `fit`.
        training : bool
            A step of training, instead of a prediction.

        Returns
        -------
        Plan
            Its ``describe()`` tells the work, the bytes and the predicted time of every step.

        Raises
        ------
        UsageError
            If the input shape is not known yet, or a model is not compiled that is to be trained.
        ConfigurationError
            If arguments, loss and network do not fit.

        Examples
        --------
        >>> from kernelet.networks import lenet5
        >>> description = lenet5().plan(128, threads=1).describe()
        >>> [step.layer for step in description.steps if step.kernel == "dense"]
        ['dense1', 'dense2', 'classes']
        """
        from kernelet.training.execution import Machine
        from kernelet.training.planning import plan_of

        machine = Machine.checked(batch_size, threads, precision=precision)
        return plan_of(self._model(), machine, training=training)


def _numbers(logs: dict[str, float], named: bool) -> Numbers:
    if named:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
