"""`kernelet predict`: name what is on pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from kernelet.data import Pictures


@click.command("predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "pictures",
    metavar="PICTURE|FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a table with the probability of every class; - for standard output.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="By default, all that are allowed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture.")
def command(
    model: Path,
    pictures: Sequence[Path],
    csv_file: Path | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Name what is on pictures.

    MODEL is a run folder or a .safetensors file. Files, folders (and all below) and .zip archives
    can be named.
    """
    from kernelet.cli.progress import progress_bar
    from kernelet.data import load_pictures
    from kernelet.executors.native_processor import usable_threads
    from kernelet.runs.classifier import load_classifier

    if as_json and csv_file is not None:
        raise click.UsageError("--json and --csv are two forms of one result; choose one.")
    classifier = load_classifier(model)
    with progress_bar("reading pictures", enabled=not as_json) as progress:
        loaded = load_pictures(
            pictures,
            image_shape=classifier.image_shape,
            resize=classifier.resize,
            threads=usable_threads() if threads is None else threads,
            progress=progress,
        )
    _refuse_nothing(loaded)
    probabilities = classifier.probabilities(loaded.images, threads=threads)
    names = classifier.class_names
    if as_json:
        _write_json(loaded, probabilities, names)
    elif csv_file is not None:
        _write_csv(csv_file, loaded, probabilities, names)
    else:
        _print_table(loaded, probabilities, names)
    _warn_of_broken(loaded, as_json=as_json)


def _refuse_nothing(loaded: Pictures) -> None:
    """Raise DataError where no picture could be read."""
    from kernelet.data.listing import quoted
    from kernelet.errors import DataError

    if len(loaded):
        return
    listed = "\n".join(f"  {quoted(item.file)}: {item.reason}" for item in loaded.broken[:10])
    raise DataError(f"None of {len(loaded.broken):,} pictures could be read:\n{listed}")


def _write_json(loaded: Pictures, probabilities: NDArray[np.float32], names: Sequence[str]) -> None:
    from kernelet.cli.json_lines import write_json

    for file, row in zip(loaded.files, probabilities, strict=True):
        best = int(row.argmax())
        write_json(
            {
                "file": file,
                "class": names[best],
                "probability": float(row[best]),
                "probabilities": dict(zip(names, map(float, row), strict=True)),
            }
        )


def _write_csv(
    path: Path, loaded: Pictures, probabilities: NDArray[np.float32], names: Sequence[str]
) -> None:
    import csv
    import io

    from kernelet.interchange.atomic import write_atomically
    from kernelet.text import inert

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "class", "probability", *names])
    for file, row in zip(loaded.files, probabilities, strict=True):
        best = int(row.argmax())
        shown = [f"{value:.6f}" for value in row]
        writer.writerow([file, names[best], shown[best], *shown])
    if str(path) == "-":
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomically(path, text.getvalue().encode("utf-8"))
        click.echo(f"{len(loaded):,} pictures: {inert(str(path))}")


def _print_table(
    loaded: Pictures, probabilities: NDArray[np.float32], names: Sequence[str]
) -> None:
    from kernelet.cli.text import share
    from kernelet.text import inert, table

    rows = [("file", "class", "probability")]
    for file, row in zip(loaded.files, probabilities, strict=True):
        best = int(row.argmax())
        rows.append((inert(file), inert(names[best]), share(float(row[best]))))
    click.echo(table(rows, left=(0, 1)))


def _warn_of_broken(loaded: Pictures, *, as_json: bool) -> None:
    """List what could not be read; with JSON as warning events, so that each line stays JSON."""
    from kernelet.text import inert

    for item in loaded.broken:
        message = f"{item.file} could not be read: {item.reason}"
        if as_json:
            from kernelet.cli.json_lines import write_json
            from kernelet.runs.events import Warned

            write_json(Warned(message=message))
        else:
            click.echo(f"Warning: {inert(message)}", err=True)
