"""`kernelet explain`: a page about a picture, what a network makes of it and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@click.command("explain")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument(
    "pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html|FOLDER",
    help="The page to write; of several pictures, the folder for their pages. By default,"
    " PICTURE-explained.html in the current folder.",
)
@click.option(
    "--data",
    metavar="DATA",
    help="Pictures in which to look for what each filter answers to; by default those that the run"
    " learned from.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="By default, all that are allowed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a picture.")
def command(
    model: Path,
    pictures: Sequence[Path],
    output: Path | None,
    data: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Show what a network makes of pictures, down to the products behind one number.

    MODEL is a run folder or a .safetensors file. Each picture becomes a page of its own, a file
    that opens in any browser: the probabilities, where the network looks, the maps of every layer,
    what its filters answer to, and how every number of the maps comes about.
    """
    from kernelet.cli.progress import progress_bar
    from kernelet.executors.native_processor import usable_threads
    from kernelet.runs.classifier import load_classifier
    from kernelet.runs.explanation import explanation, learned_by

    pages = _pages(pictures, output)
    classifier = load_classifier(model)
    threads = usable_threads() if threads is None else threads
    read = _read(pictures, classifier.image_shape, classifier.resize, threads, as_json=as_json)
    with progress_bar("reading pictures to learn from", enabled=not as_json) as progress:
        learned = learned_by(classifier, model, data, threads, progress)
    for picture, pixels in read.items():
        page = explanation(classifier, model, picture, pixels, learned)
        _write(pages[picture], page)
        probabilities = classifier.probabilities(pixels[None], threads=threads)[0]
        _report(picture, pages[picture], probabilities, classifier.class_names, as_json=as_json)
    if not learned.patches and not as_json:
        from kernelet.text import inert

        click.echo(inert(learned.note), err=True)


def _pages(pictures: Sequence[Path], output: Path | None) -> dict[Path, Path]:
    """Return where the page of each picture goes, or refuse before anything is computed."""
    from kernelet.data.listing import quoted

    if output is not None and len(set(pictures)) == 1 and not output.is_dir():
        if output.suffix.lower() not in (".html", ".htm"):
            raise click.UsageError(f"-o is {quoted(str(output))}; expected a name like PAGE.html.")
        if not output.parent.is_dir():
            folder = quoted(str(output.parent))
            raise click.UsageError(f"-o is {quoted(str(output))}; there is no folder {folder}.")
        return {pictures[0]: output}
    if output is not None and output.suffix.lower() in (".html", ".htm") and not output.is_dir():
        raise click.UsageError(
            f"-o is {quoted(str(output))}, one page, and there are {len(set(pictures))} pictures,"
            " which become a page each; name a folder for them."
        )
    return _named(pictures, output or Path())


def _named(pictures: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """Return a page for each picture in a folder; of two with one name, the second gets a 2."""
    pages: dict[Path, Path] = {}
    for picture in dict.fromkeys(pictures):
        count, name = 1, f"{picture.stem}-explained"
        while (
            page := folder / f"{name}{'' if count == 1 else f'-{count}'}.html"
        ) in pages.values():
            count += 1
        pages[picture] = page
    return pages


def _read(
    pictures: Sequence[Path],
    image_shape: tuple[int, int, int],
    resize: str,
    threads: int,
    *,
    as_json: bool,
) -> dict[Path, NDArray[np.uint8]]:
    """Return the pixels of each picture as the network takes it, warning of those left out."""
    from kernelet.data import load_pictures
    from kernelet.data.listing import quoted
    from kernelet.errors import DataError
    from kernelet.text import inert

    read: dict[Path, NDArray[np.uint8]] = {}
    reasons: list[str] = []
    for picture in dict.fromkeys(pictures):
        if picture.is_dir() or picture.suffix.lower() == ".zip":
            what = "a folder" if picture.is_dir() else "an archive"
            raise DataError(
                f"{quoted(str(picture))} is {what}; expected pictures, which become a page each."
            )
        loaded = load_pictures(picture, image_shape=image_shape, resize=resize, threads=threads)
        if len(loaded):
            read[picture] = loaded.images[0]
        reasons += [f"{quoted(item.file)}: {item.reason}" for item in loaded.broken]
    if not read:
        listed = "\n".join(f"  {reason}" for reason in reasons[:10])
        raise DataError(f"None of {len(reasons):,} pictures could be read:\n{listed}")
    for reason in reasons:
        if as_json:
            from kernelet.cli.json_lines import write_json
            from kernelet.runs.events import Warned

            write_json(Warned(message=f"could not be read: {reason}"))
        else:
            click.echo(f"Warning: could not be read: {inert(reason)}", err=True)
    return read


def _write(path: Path, page: str) -> None:
    from kernelet.data.listing import quoted
    from kernelet.errors import UsageError
    from kernelet.interchange.atomic import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page.encode("utf-8"))
    except OSError as error:
        raise UsageError(f"{quoted(str(path))} cannot be written: {error.strerror}.") from error


def _report(
    picture: Path,
    page: Path,
    probabilities: NDArray[np.float32],
    names: Sequence[str],
    *,
    as_json: bool,
) -> None:
    from kernelet.runs.names import readable

    best = int(probabilities.argmax())
    probability = float(probabilities[best])
    if as_json:
        from kernelet.cli.json_lines import write_json

        write_json(
            {
                "file": readable(picture),
                "class": names[best],
                "probability": probability,
                "probabilities": dict(zip(names, map(float, probabilities), strict=True)),
                "page": readable(page),
            }
        )
    else:
        from kernelet.cli.text import share
        from kernelet.text import inert

        answer = f"{inert(names[best])}, {share(probability)}"
        click.echo(f"{inert(readable(picture))}: {answer}; {inert(readable(page))}")
