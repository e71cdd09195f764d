"""`kernelet summary`: the layers of a network, their arithmetic and their cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kernelet.model import Model


@click.command("summary")
@click.argument("model", metavar="MODEL|NETWORK")
@click.option("--input", "shape", metavar="HxWxC", help="Pictures that a NETWORK is made for.")
@click.option("--classes", type=click.IntRange(2), help="Classes that a NETWORK tells apart.")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    metavar="B",
    help="Pictures a step that the memory of training is forecast for [default: 32].",
)
@click.option(
    "--savings", is_flag=True, help="Compare convolutions with dense layers and matrices."
)
@click.option(
    "--diagram",
    "drawing",
    type=click.Path(path_type=Path),
    metavar="FILE.svg",
    help="Draw the network with the sizes of its maps.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    model: str,
    shape: str | None,
    classes: int | None,
    batch_size: int | None,
    savings: bool,
    drawing: Path | None,
    as_json: bool,
) -> None:
    """Show layers, shapes with their arithmetic, and what each holds, costs and sees.

    MODEL is a run folder or a .safetensors file; NETWORK a name such as lenet5.
    """
    from kernelet.cli.models import find_model
    from kernelet.explain import savings as savings_of
    from kernelet.explain import summarize

    found = find_model(model, shape, classes)
    summary = summarize(found, batch_size)
    saved = savings_of(found) if savings else None
    if drawing is not None:
        _draw(found, drawing)
    if as_json:
        import msgspec

        from kernelet.cli.json_lines import write_json

        more: dict[str, Any] = {} if saved is None else {"savings": saved}
        if drawing is not None:
            more["diagram"] = str(drawing)
        write_json({**msgspec.to_builtins(summary), **more})
    else:
        from kernelet.cli.text import inert_lines

        click.echo(inert_lines(summary.to_text()))
        if saved is not None:
            click.echo(inert_lines(f"\n{saved.to_text()}"))
        if drawing is not None:
            click.echo(inert_lines(f"\ndiagram: {drawing}"))


def _draw(model: Model, file: Path) -> None:
    from kernelet.data.listing import quoted
    from kernelet.explain import diagram
    from kernelet.interchange.atomic import write_atomically

    name = quoted(str(file))
    if file.suffix.lower() != ".svg":
        raise click.UsageError(f"--diagram is {name}; expected a name that ends in .svg.")
    if not file.parent.is_dir():
        raise click.UsageError(
            f"--diagram is {name}; there is no folder {quoted(str(file.parent))}."
        )
    write_atomically(file, diagram(model).to_svg().encode())
