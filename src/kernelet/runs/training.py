"""From the pictures of a run to a trained and measured network."""

from __future__ import annotations

import gc
import os
import shlex
import time
from typing import TYPE_CHECKING

import msgspec

from kernelet._version import __version__
from kernelet.callbacks import Checkpointer, EarlyStopping
from kernelet.data.listing import quoted
from kernelet.errors import KerneletError, TrainingError
from kernelet.executors.native_processor import resolve_isa, usable_threads
from kernelet.explain.summary import summarize
from kernelet.interchange.safetensors import load_model
from kernelet.runs import choices
from kernelet.runs.cautions import cautions
from kernelet.runs.events import Finished, NetworkBuilt, Warned
from kernelet.runs.folder import RunFolder
from kernelet.runs.forecast import Forecast, forecast
from kernelet.runs.meanwhile import meanwhile
from kernelet.runs.names import data_name, readable
from kernelet.runs.preparation import (
    build_model,
    compile_model,
    describe_data,
    training_split,
)
from kernelet.runs.recorder import Recorder
from kernelet.runs.report import write_report
from kernelet.runs.reporting import measure
from kernelet.training.checkpoints import load_checkpoint

if TYPE_CHECKING:
    import threading

    from kernelet.callbacks import Callback
    from kernelet.data import Dataset, Split
    from kernelet.model import Model
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.observer import Observer, Saving
    from kernelet.runs.report import Subject
    from kernelet.runs.request import TrainingRequest
    from kernelet.runs.starting import Conditions

#: Time between checkpoints: a crash costs at most so many seconds of work.
CHECKPOINT_SECONDS = 5.0


class _Run(msgspec.Struct, frozen=True):
    """A run that is under way."""

    configuration: RunConfiguration
    dataset: Dataset
    folder: RunFolder
    observer: Observer
    threads: int | None
    began: float


def train_anew(
    request: TrainingRequest, exclude: tuple[str, ...], dataset: Dataset, conditions: Conditions
) -> bool:
    """Train a network in a new run folder.

    Parameters
    ----------
    request : TrainingRequest
        What the user asks for.
    exclude : tuple of str
        Names of the pictures that were left out.
    dataset : Dataset
        The other ones.
    conditions : Conditions

    Returns
    -------
    bool
        Whether the run came to its end.
    """
    observer, threads, began = conditions.observer, conditions.threads, conditions.began
    _tell_of_data(dataset, data_name(request.data), observer)
    configuration = choices.configure(request, dataset, exclude)
    with RunFolder.create(request.out or choices.default_folder(configuration)) as folder:
        try:
            expected = forecast(configuration, dataset, folder, threads)
            if request.minutes is not None:
                left = request.minutes * 60 - (time.perf_counter() - began)
                configuration = _fitted(configuration, expected, left, observer)
            configuration.save(folder.configuration_file)
        except BaseException:
            folder.discard()
            raise
        run = _Run(configuration, dataset, folder, observer, threads, began)
        return _train(run, expected, conditions.saving)


def train_on(
    configuration: RunConfiguration,
    source: str,
    dataset: Dataset,
    folder: RunFolder,
    conditions: Conditions,
) -> bool:
    """Go on with an interrupted run, to the bits that it would have reached without interruption.

    Parameters
    ----------
    configuration : RunConfiguration
        Of the run.
    source : str
        Where its data set lies now.
    dataset : Dataset
        What was found there.
    folder : RunFolder
        Of the run.
    conditions : Conditions

    Returns
    -------
    bool
        Whether the run came to its end.
    """
    observer, threads = conditions.observer, conditions.threads
    _warn_of_other_rounding(configuration, observer)
    _tell_of_data(dataset, data_name(source), observer)
    expected = forecast(configuration, dataset, folder, threads)
    run = _Run(configuration, dataset, folder, observer, threads, conditions.began)
    return _train(run, expected, conditions.saving)


def _tell_of_data(dataset: Dataset, name: str, observer: Observer) -> None:
    with meanwhile(lambda: dataset.statistics):  # known to the network later
        observer.event(describe_data(dataset, name))
    for caution in cautions(dataset):
        observer.event(Warned(message=caution))


def _fitted(
    configuration: RunConfiguration, expected: Forecast, seconds: float, observer: Observer
) -> RunConfiguration:
    """Return the configuration with as many epochs as fit into a time, at least one."""
    epochs = expected.epochs_within(seconds)
    if epochs == 0:
        observer.event(
            Warned(
                message=f"One epoch takes about {expected.seconds_per_epoch:.0f} s, more than "
                "--minutes leaves; training for one."
            )
        )
    return msgspec.structs.replace(configuration, epochs=max(1, epochs))


def _warn_of_other_rounding(configuration: RunConfiguration, observer: Observer) -> None:
    then = f"kernelet {configuration.kernelet} on {configuration.instruction_set}"
    now = f"kernelet {__version__} on {resolve_isa()}"
    if then != now:
        observer.event(
            Warned(
                message=f"The run began with {then} and goes on with {now}, which may round "
                "differently: the result can differ in the last digits."
            )
        )


class _Course(msgspec.Struct, frozen=True):
    """What a training that came to its end brought, epoch by epoch."""

    history: dict[str, list[float]]
    best_epoch: int


def _train(run: _Run, expected: Forecast, saving: Saving) -> bool:
    """Train to the end or until asked to stop, then measure."""
    # Networks, their optimizers and their plans refer to each other. The forecast's are to be gone
    # before the training takes its memory, and the training's before the report takes some.
    gc.collect()
    course = _learn(run, expected, saving)
    gc.collect()
    if course is None:
        run.observer.event(
            Warned(
                message="Stopped and saved. To go on: "
                f"kernelet train --resume {shlex.quote(readable(run.folder.path))}"
            )
        )
        return False
    _finish(run, course)
    return True


def _learn(run: _Run, expected: Forecast, saving: Saving) -> _Course | None:
    """Train; return None where it was asked to stop."""
    configuration, train = run.configuration, training_split(run.dataset)
    model = build_model(configuration, run.dataset)
    compile_model(model, configuration, len(train))
    _announce(run, model, expected)
    recorder = Recorder(run.folder, run.observer)
    with saving() as stop:
        try:
            finished = _fit(run, model, recorder, stop)
        except TrainingError as error:
            raise TrainingError(f"{error}{_files(train, error.rows)}", error.rows) from error
    return _Course(recorder.history, recorder.best_epoch) if finished else None


def _files(split: Split, rows: tuple[int, ...], most: int = 5) -> str:
    """Return a line that names the files of some pictures, where there are any."""
    if split.files is None or not rows:
        return ""
    names = ", ".join(quoted(split.files[row]) for row in rows[:most])
    return f"\n  Their files: {names}{', …' if len(rows) > most else ''}."


def _announce(run: _Run, model: Model, expected: Forecast) -> None:
    configuration = run.configuration
    checkpoint = load_checkpoint(run.folder.last)
    done = 0 if checkpoint is None else int(checkpoint.state["epoch"])
    run.observer.event(
        NetworkBuilt(
            name=configuration.network,
            summary=summarize(
                model,
                configuration.batch_size,
                precision=configuration.precision,
                threads=run.threads,
            ),
            epochs=configuration.epochs,
            batch_size=configuration.batch_size,
            threads=run.threads or usable_threads(),
            seconds=expected.seconds_per_epoch * (configuration.epochs - done),
            memory=expected.memory,
            run=readable(run.folder.path),
        )
    )


def _fit(run: _Run, model: Model, recorder: Recorder, stop: threading.Event) -> bool:
    """Train; return whether it came to its end."""
    configuration, train, validation = (
        run.configuration,
        training_split(run.dataset),
        run.dataset.validation,
    )
    callbacks: list[Callback] = [recorder]
    patience = configuration.patience
    early = None if patience is None else EarlyStopping("val_accuracy", patience=patience)
    if early is not None:
        callbacks.append(early)
    model.fit(
        train.images,
        train.labels,
        configuration.batch_size,
        configuration.epochs,
        verbose=0,
        callbacks=callbacks,
        validation_data=None if validation is None else (validation.images, validation.labels),
        seed=configuration.seed,
        precision=configuration.precision,
        threads=run.threads,
        checkpoint=Checkpointer(
            run.folder.last, CHECKPOINT_SECONDS, identity=configuration.data_fingerprint
        ),
        resume=True,
        stop=stop,
    )
    stopped_early = early is not None and early.stopped_epoch > 0
    return stopped_early or recorder.epochs == configuration.epochs


def _finish(run: _Run, course: _Course) -> None:
    """Measure the best network, complete its record, and tell."""
    model = load_model(run.folder.model_file)
    subject = measure(run.folder.path, run.configuration, run.dataset, model, run.threads)
    scores, split = subject.scores, subject.split
    model.training_record = {
        "configuration": msgspec.to_builtins(run.configuration),
        "history": course.history,
        "best_epoch": course.best_epoch,
        "split": split,
        "accuracy": scores.accuracy,
        "loss": scores.loss,
    }
    model.save(run.folder.model_file)
    report = _report(run, subject)
    run.observer.event(
        Finished(
            accuracy=scores.accuracy,
            loss=scores.loss,
            split=split,
            per_class=scores.per_class,
            epochs=len(course.history["loss"]),
            best_epoch=course.best_epoch,
            seconds=time.perf_counter() - run.began,
            model=readable(run.folder.model_file),
            report=report,
            run=readable(run.folder.path),
        )
    )


def _report(run: _Run, subject: Subject) -> str | None:
    """Write the report and return its name; a finished run does not fail for want of one."""
    run.observer.progress("writing the report", 0, 1)
    try:
        write_report(run.folder.report_file, subject)
    except Exception as fault:
        if os.environ.get("KERNELET_DEBUG") == "1":
            raise
        what = str(fault) if isinstance(fault, KerneletError) else repr(fault)
        run.observer.event(
            Warned(message=f"The network is saved, but its report could not be made: {what}")
        )
        return None
    return readable(run.folder.report_file)
