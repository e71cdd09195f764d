"""`kernelet report`: the page by which a run can be judged, made anew."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("data", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write it; by default report.html in the run folder.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="By default, all that are allowed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    run: Path, data: str | None, output: Path | None, threads: int | None, as_json: bool
) -> None:
    """Write the report of a run again.

    RUN is a run folder whose training came to its end. `kernelet train` writes the report by
    itself; this makes it for runs of before, and where DATA was moved.
    """
    from kernelet.cli.train_display import observer_for
    from kernelet.runs.names import readable
    from kernelet.runs.reporting import report_again
    from kernelet.text import inert

    with observer_for(as_json=as_json) as observer:
        path = readable(report_again(run, data, output, threads, observer))
    if as_json:
        from kernelet.cli.json_lines import write_json

        write_json({"report": path})
    else:
        click.echo(f"report: {inert(path)}")
