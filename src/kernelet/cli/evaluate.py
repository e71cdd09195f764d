"""`kernelet evaluate`: how well a network does on pictures whose classes are known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kernelet.data import Dataset
    from kernelet.runs.scores import Scores

_SPLITS = ("test", "validation", "train")


@click.command("evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data")
@click.option(
    "--split",
    type=click.Choice(_SPLITS),
    help="The part to use; by default test, else validation, else all.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="By default, all that are allowed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: Path, data: str, split: str | None, threads: int | None, as_json: bool) -> None:
    """Measure accuracy, and the recall of each class.

    MODEL is a run folder or a .safetensors file; DATA is what `kernelet train` takes. Classes are
    matched by name.
    """
    from kernelet.cli.progress import progress_bar
    from kernelet.data import load_dataset
    from kernelet.executors.native_processor import usable_threads
    from kernelet.runs.classifier import load_classifier
    from kernelet.runs.scores import score

    classifier = load_classifier(model)
    with progress_bar("reading pictures", enabled=not as_json) as progress:
        dataset = load_dataset(
            data,
            image_size=classifier.image_shape[:2],
            channels=classifier.image_shape[2],
            resize=classifier.resize,
            class_names=classifier.class_names,
            validation_split=0,
            threads=usable_threads() if threads is None else threads,
            progress=progress,
        )
    chosen = _choose(dataset, split)
    pictures = dataset.splits[chosen]
    probabilities = classifier.probabilities(pictures.images, threads=threads)
    scores = score(probabilities, pictures.labels, classifier.class_names)
    seen = classifier.was_trained_on(data) and chosen != "test"
    measured_on = chosen if len(dataset.splits) > 1 or split is not None else "all"
    if as_json:
        _print_json(scores, measured_on, dataset, seen=seen)
    else:
        _print_text(scores, measured_on, dataset)
        if seen:
            click.echo("Warning: the network was trained on some of these pictures.", err=True)


def _choose(dataset: Dataset, wanted: str | None) -> str:
    """Return the name of the split to evaluate on."""
    from kernelet.errors import DataError

    if wanted is None:
        return dataset.measured
    if wanted not in dataset.splits:
        raise DataError(
            f"{dataset.source} has no {wanted} pictures; it has {', '.join(dataset.splits)}.\n"
            "  Leave out --split, or name one of these."
        )
    return wanted


def _print_json(scores: Scores, split: str, dataset: Dataset, *, seen: bool) -> None:
    from kernelet.cli.json_lines import write_json

    write_json(
        {
            "accuracy": scores.accuracy,
            "loss": scores.loss,
            "per_class": scores.per_class,
            "confusion": scores.confusion.tolist(),
            "classes": dataset.class_names,
            "split": split,
            "seen_in_training": seen,
            "pictures": int(scores.confusion.sum()),
            "broken": [{"file": item.file, "reason": item.reason} for item in dataset.broken],
        }
    )


def _print_text(scores: Scores, split: str, dataset: Dataset) -> None:
    from kernelet.cli.text import inert_lines, share
    from kernelet.cli.text_scores import class_table

    click.echo(inert_lines(dataset.describe()))
    click.echo()
    click.echo(class_table(scores))
    click.echo()
    pictures = f"{scores.confusion.sum():,} pictures, {split}"
    click.echo(f"accuracy {share(scores.accuracy)}, loss {scores.loss:.4f} ({pictures})")
