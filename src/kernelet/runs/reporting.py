"""Measures a trained network and reports on it, at the end of its run or later."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernelet.data.listing import quoted
from kernelet.errors import ModelFileError
from kernelet.interchange.safetensors import load_model
from kernelet.runs.classifier import Classifier
from kernelet.runs.configuration import load_configuration
from kernelet.runs.folder import CONFIGURATION, REPORT, find_model_file
from kernelet.runs.loading import load_data_of
from kernelet.runs.names import readable
from kernelet.runs.report import Subject, write_report
from kernelet.runs.scores import score

if TYPE_CHECKING:
    from kernelet.data import Dataset
    from kernelet.model import Model
    from kernelet.runs.configuration import RunConfiguration
    from kernelet.runs.observer import Observer


def measure(
    run: Path, configuration: RunConfiguration, dataset: Dataset, model: Model, threads: int | None
) -> Subject:
    """Let a network answer for the pictures that it is to be judged by.

    Parameters
    ----------
    run : Path
        The run folder.
    configuration : RunConfiguration
        Of the run.
    dataset : Dataset
        That the run began with.
    model : Model
        The best network of the run.
    threads : int or None
        By default as many as the process may use.
    """
    split = dataset.measured
    pictures = dataset.splits[split]
    classifier = Classifier(model, dataset.class_names, dataset.image_shape, dataset.resize)
    probabilities = classifier.probabilities(pictures.images, threads=threads)
    return Subject(
        name=readable(Path(run.resolve().name)),
        configuration=configuration,
        dataset=dataset,
        model=model,
        split=split,
        probabilities=probabilities,
        scores=score(probabilities, pictures.labels, dataset.class_names),
        threads=threads,
    )


def report_again(
    run: Path, data: str | None, output: Path | None, threads: int | None, observer: Observer
) -> Path:
    """Make the report of a run that has come to its end, and return where it lies.

    Parameters
    ----------
    run : Path
        The run folder.
    data : str or None
        Where the data set lies now, if it was moved.
    output : Path or None
        The file to write; by default that of the run.
    threads : int or None
        By default as many as the process may use.
    observer : Observer
        Told of the progress.

    Raises
    ------
    KerneletError
        If the folder is no run or the run did not come to its end, the data set has changed, or
        the file cannot be written.
    """
    configuration = load_configuration(run / CONFIGURATION)
    model = load_model(find_model_file(run))
    if "history" not in model.training_record:
        raise ModelFileError(
            f"The run {quoted(str(run))} has not come to its end, and is not measured yet.\n"
            f"  Let it go on: kernelet train --resume {quoted(str(run))}"
        )
    source = configuration.data if data is None else data
    dataset = load_data_of(configuration, source, observer, threads)
    path = run / REPORT if output is None else output
    write_report(path, measure(run, configuration, dataset, model, threads))
    return path
