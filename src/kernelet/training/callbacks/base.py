"""Callbacks: what happens during training besides training, with Keras' hooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kernelet.errors import UsageError
from kernelet.layers.keywords import ChecksKeywords

if TYPE_CHECKING:
    from kernelet.model import Model

Logs = dict[str, float]

_BATCH_HOOKS = ("on_train_batch_begin", "on_train_batch_end")
_TEST_BATCH_HOOKS = ("on_test_batch_begin", "on_test_batch_end")


class Callback(ChecksKeywords):
    """Base class; override the hooks of interest.

    Several steps run in one call of the engine. Where a callback overrides a hook of single
    batches, every step is a call of its own, which small networks feel; `on_progress` comes a few
    times a second instead.

    Attributes
    ----------
    model : Model
        That is trained. A hook may set its ``stop_training``.
    params : dict
        ``epochs``, ``steps`` of an epoch, and ``verbose``.

    Examples
    --------
    >>> class Announce(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: loss {logs['loss']:.2f}")
    >>> Announce().on_epoch_end(0, {"loss": 0.5})
    epoch 0: loss 0.50
    """

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Model) -> None:
        """Take the model; called before everything else."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take what is known of the run; called before everything else."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Act before training starts, or goes on after an interruption."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Act when training has ended by itself or by a callback."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Act before epoch number ``epoch``, from 0."""

    def on_epoch_resume(self, epoch: int, logs: Logs | None = None) -> None:
        """Act in place of `on_epoch_begin` where an interrupted epoch goes on."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Act after an epoch and its validation; ``logs`` holds their averages."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act before step number ``batch`` of the epoch, from 0."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act after a step; ``logs`` holds the averages of the epoch so far."""

    def on_progress(self, batch: int, logs: Logs | None = None) -> None:
        """Act a few times a second, when ``batch`` steps of the epoch are done."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Act before an evaluation, within training or on its own."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Act after an evaluation; ``logs`` holds its averages."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Act before batch number ``batch`` of an evaluation, from 0."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Act after a batch of an evaluation."""

    def close(self) -> None:
        """Let go of terminals and files: training is over, perhaps by an error."""

    def state(self) -> dict[str, Any]:
        """Return what an interrupted run needs to go on: plain data and arrays, by name."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned, after `on_train_begin`."""


def _overrides(callback: Callback, hooks: Iterable[str]) -> bool:
    """Return whether a callback has one of the hooks from its class or as an own attribute."""
    found = (getattr(callback, hook) for hook in hooks)
    inherited = [getattr(Callback, hook) for hook in hooks]
    return any(getattr(hook, "__func__", None) not in inherited for hook in found)


class CallbackList:
    """Several callbacks as one.

    Attributes
    ----------
    callbacks : list of Callback
        In the order in which they are called.
    every_batch, every_test_batch : bool
        Whether one of them wants to know of single batches.
    """

    def __init__(
        self, callbacks: Callback | Iterable[Callback], model: Model, **params: Any
    ) -> None:
        alone = isinstance(callbacks, Callback | type)
        self.callbacks: list[Callback] = [callbacks] if alone else list(callbacks)  # type: ignore[arg-type, list-item]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise UsageError(
                    "callbacks are objects of classes derived from Callback, not "
                    + (
                        f"the class {callback.__name__}. Did you forget its parentheses?"
                        if isinstance(callback, type)
                        else f"{callback!r}."
                    )
                )
        self.every_batch = any(_overrides(c, _BATCH_HOOKS) for c in self.callbacks)
        self.every_test_batch = any(_overrides(c, _TEST_BATCH_HOOKS) for c in self.callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of every callback."""
        for callback in self.callbacks:
            getattr(callback, hook)(*arguments)

    def state(self) -> list[dict[str, Any]]:
        """Return the class and state of each callback."""
        return [{"class": type(c).__name__, "state": c.state()} for c in self.callbacks]

    def restore(self, states: list[dict[str, Any]]) -> None:
        """Give each callback the state that one of its class saved, in order."""
        left = list(states)
        for callback in self.callbacks:
            for saved in left:
                if saved["class"] == type(callback).__name__:
                    callback.restore(saved["state"])
                    left.remove(saved)
                    break
