"""`kernelet convolve`: a filter over a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kernelet.convolution.arguments import Mode
    from kernelet.convolution.filtering import Normalization
    from kernelet.convolution.problem import Boundary

# Below this share, what was cut off cannot be seen.
_WORTH_SAYING = 0.01


class _ListingFilters(click.Command):
    """A command whose help ends with all filters, read when it is asked for."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from kernelet.convolution.filters import FILTERS, usage

        del ctx
        with formatter.section("Filters"):
            formatter.write_text(", ".join(map(usage, FILTERS)))


@click.command("convolve", cls=_ListingFilters)
@click.argument("picture", type=click.Path(path_type=Path))
@click.option(
    "--filter",
    "specification",
    metavar="FILTER",
    required=True,
    help="NAME, NAME:VALUE,... such as sobel-x or gaussian:3, or FILE.npy (rows x columns, or rows"
    " x columns x channels).",
)
@click.option(
    "--mode",
    type=click.Choice(("valid", "same", "full")),
    default="same",
    show_default=True,
    help="How far the filter may move over the border.",
)
@click.option(
    "--boundary",
    type=click.Choice(("fill", "wrap", "symm")),
    default="symm",
    show_default=True,
    help="What lies beyond the border: zeros, the picture again, or its mirror image.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="OUT.png",
    required=True,
    help="The picture to write.",
)
@click.option(
    "--normalize",
    type=click.Choice(("clip", "stretch", "abs")),
    default="clip",
    show_default=True,
    help="Cut off below black and above white, spread over the whole range, or show absolute"
    " values.",
)
@click.option(
    "--compare", is_flag=True, help="Write input, filter and output side by side instead."
)
@click.option(
    "--as-pattern",
    is_flag=True,
    help="Look for the filter as it is drawn: no flip, and the channels added up to one map.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    picture: Path,
    specification: str,
    mode: Mode,
    boundary: Boundary,
    output: Path,
    normalize: Normalization,
    compare: bool,
    as_pattern: bool,
    as_json: bool,
) -> None:
    """Convolve a picture with a filter, channel by channel.

    PICTURE is turned upright and keeps its transparency, and 16 bits where it has them.
    `kernelet convolve photo.jpg --filter sobel-x --normalize abs -o edges.png` shows the edges.
    """
    from kernelet.cli.convolve_display import Shown
    from kernelet.cli.text import inert_lines, share
    from kernelet.convolution.filtering import filter_photo, normalized
    from kernelet.convolution.filters import parse
    from kernelet.data.photos import Photo, encode_png, read_photo
    from kernelet.interchange.atomic import write_atomically

    _check_output(picture, output)
    weights = parse(specification)
    photo = read_photo(picture)
    filtered = filter_photo(photo, weights, mode, boundary, as_pattern=as_pattern)
    pixels, cut_off = normalized(filtered.answer, photo.pixels.dtype, normalize)
    # A profile of three colours says nothing about a single map.
    profile = photo.profile if pixels.shape == filtered.values.shape else None
    result = Photo(pixels, filtered.alpha, profile)
    shown = Shown(
        picture.name, specification, mode, boundary, normalize, photo, weights, filtered, result
    )
    write_atomically(output, shown.comparison() if compare else encode_png(result))
    if as_json:
        from kernelet.cli.json_lines import write_json

        write_json({**shown.facts(), "output": str(output), "cut_off": cut_off})
        return
    click.echo(inert_lines("\n".join((*shown.ledger(), str(output)))))
    if cut_off >= _WORTH_SAYING:
        others = "stretch" if normalize == "abs" else "abs or stretch"
        click.echo(
            f"{share(cut_off)} of the values were beyond black or white and cut off;"
            f" --normalize {others} shows them.",
            err=True,
        )


def _check_output(picture: Path, output: Path) -> None:
    """Refuse, before anything is computed, what could not be written or would be lost."""
    from kernelet.data.listing import quoted

    name = quoted(str(output))
    if output.suffix.lower() != ".png":
        raise click.UsageError(f"-o is {name}; expected a name that ends in .png.")
    if not output.parent.is_dir():
        raise click.UsageError(f"-o is {name}; there is no folder {quoted(str(output.parent))}.")
    if output.exists() and picture.exists() and output.samefile(picture):
        raise click.UsageError(f"-o is {name}, the picture itself; name another file.")
