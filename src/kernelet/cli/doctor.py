"""`kernelet doctor`: what is wrong with a set of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernelet.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kernelet.data.doctor import Diagnosis, Finding

_MOST_THREADS = 1024


@click.command("doctor")
@click.argument("data")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Also list the labels that this network contradicts.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.html",
    help="Write a page with the pictures.",
)
@click.option(
    "--write-list",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write what to leave out, for kernelet train --exclude FILE.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, _MOST_THREADS),
    help="By default, all that are allowed.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    data: str,
    model: Path | None,
    output: Path | None,
    write_list: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Look for what spoils a training before it does.

    Broken and suspicious files, copies and near copies within and across train, validation and
    test, labels that disagree, classes that are small or unequal, odd forms; with --model, labels
    that a trained network contradicts. DATA is what `kernelet train` takes. Exits with 1 where
    there are errors or warnings.
    """
    diagnosis = _diagnose(data, model, threads, pictures=output is not None, quiet=as_json)
    findings = diagnosis.findings
    page = None if output is None else _write_page(output, diagnosis)
    left_out = None
    if write_list is not None:
        from kernelet.data.doctor import write_exclusion

        left_out = write_exclusion(findings, write_list)
    if as_json:
        from kernelet.cli.doctor_display import findings_json
        from kernelet.cli.json_lines import write_json

        write_json(findings_json(findings, page=page, left_out=left_out))
    else:
        from kernelet.cli.doctor_display import findings_text

        click.echo(findings_text(findings))
        if write_list is not None:
            _tell_list(data, write_list, left_out or 0)
        if page is not None:
            click.echo(f"page: {page}")
    return exit_codes.FINE if findings.clean else exit_codes.FOUND


def _diagnose(
    data: str, model: Path | None, threads: int | None, *, pictures: bool, quiet: bool
) -> Diagnosis:
    from kernelet.cli.progress import task_progress
    from kernelet.data.doctor import diagnose
    from kernelet.executors.native_processor import usable_threads
    from kernelet.explain.doctor_page import MOST_GROUPS

    further = None if model is None else _doubts(model, data, threads)
    with task_progress(enabled=not quiet) as progress:
        return diagnose(
            data,
            threads=usable_threads() if threads is None else threads,
            progress=progress,
            previews=MOST_GROUPS if pictures else 0,
            further=further,
        )


def _doubts(model: Path, data: str, threads: int | None) -> Callable[[], Sequence[Finding]]:
    """Load the network at once, so that a wrong name is told before the pictures are read."""
    from kernelet.runs.classifier import load_classifier
    from kernelet.runs.doubts import doubts

    classifier = load_classifier(model)
    return lambda: doubts(classifier, data, threads)


def _write_page(path: Path, diagnosis: Diagnosis) -> str:
    from kernelet.cli.text import inert
    from kernelet.explain.doctor_page import doctor_page
    from kernelet.interchange.atomic import write_atomically
    from kernelet.runs.names import readable

    page = doctor_page(diagnosis.findings, diagnosis.previews)
    write_atomically(path, page.encode("utf-8"))
    return inert(readable(path))


def _tell_list(data: str, path: Path, count: int) -> None:
    import shlex

    from kernelet.cli.text import inert
    from kernelet.runs.names import readable

    if count == 0:
        click.echo("list: nothing is to be left out")
        return
    list_name = shlex.quote(readable(path))
    pictures = f"{count:,} picture{'' if count == 1 else 's'}"
    click.echo(f"list: {pictures}; to train without {'it' if count == 1 else 'them'}:")
    click.echo(inert(f"  kernelet train {shlex.quote(data)} --exclude {list_name}"))
