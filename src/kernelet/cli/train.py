"""`kernelet train`: pictures in, a trained network out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from kernelet.cli import exit_codes
from kernelet.cli.parameters import FiniteRange

if TYPE_CHECKING:
    from kernelet.cli.interruption import Interruption
    from kernelet.runs.observer import Observer

_OPTIMIZERS = ("adamw", "adam", "sgd")

#: What may differ when a run is resumed; everything else is the run's own.
_FREE_ON_RESUME = frozenset({"data", "resume", "threads", "as_json"})


@click.command("train")
@click.argument("data", required=False)
@click.option(
    "--network",
    metavar="NAME",
    help="lenet5, small_vgg or large_vgg; by default what suits the pictures.",
)
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Passes over the pictures.")
@click.option("--minutes", type=FiniteRange(0, min_open=True), help="Time to train for.")
@click.option("--image-size", metavar="S|HxW", help="Size to bring pictures to, in pixels.")
@click.option(
    "--resize",
    type=click.Choice(["crop", "stretch"]),
    default="crop",
    show_default=True,
    help="How other proportions fit.",
)
@click.option("--channels", type=click.Choice(["1", "3"]), help="Train on grey (1) or RGB (3).")
@click.option("--batch-size", type=click.IntRange(1, 65_536), help="Pictures a step.")
@click.option(
    "--learning-rate",
    type=FiniteRange(0, min_open=True),
    help="Peak of the one-cycle schedule.",
)
@click.option(
    "--optimizer",
    type=click.Choice(_OPTIMIZERS),
    default="adamw",
    show_default=True,
    help="How weights follow gradients.",
)
@click.option("--weight-decay", type=FiniteRange(0), help="Pull of all kernels towards zero.")
@click.option(
    "--validation-split",
    type=FiniteRange(0, 0.9),
    default=0.1,
    show_default=True,
    help="Share set aside where there is no validation folder.",
)
@click.option(
    "--exclude",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Leave out the pictures that this list names, as kernelet doctor --write-list does.",
)
@click.option("--no-augment", is_flag=True, help="Do not flip and shift training pictures.")
@click.option(
    "--no-flip",
    is_flag=True,
    help="Do not mirror them: for letters, digits, and all that has a left and a right.",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="End after so many epochs without a better validation result.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Same seed, same result.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="The run folder; by default runs/NAME.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path),
    metavar="RUN",
    help="Go on with an interrupted run.",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of what is multiplied; auto: bfloat16 where the processor is faster with it.",
)
@click.option("--threads", type=click.IntRange(1, 1024), help="By default, all that are allowed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def command(context: click.Context, /, as_json: bool, **given: Any) -> int:
    """Train a network on pictures.

    DATA is a folder or .zip with a folder for each class, or with train, validation and test and
    the class folders in those; a folder of IDX files; an .npz; or fashion-mnist. Without DATA, the
    network learns the sample that comes with kernelet.
    """
    from kernelet.cli.interruption import Interruption
    from kernelet.cli.train_display import observer_for

    _refuse_changes(context)
    interruption = Interruption()
    with interruption.handled(), observer_for(as_json=as_json) as observer:
        finished = _run(given, observer, interruption)
    return exit_codes.FINE if finished else interruption.exit_code


def _run(given: dict[str, Any], observer: Observer, interruption: Interruption) -> bool:
    """Begin a run or go on with one; return whether it came to its end."""
    from kernelet.runs.request import TrainingRequest, parse_image_size
    from kernelet.runs.starting import resume_run, start_run

    resume, threads = given.pop("resume"), given.pop("threads")
    if resume is not None:
        return resume_run(resume, given["data"], threads, observer, interruption.saving)
    given["channels"] = given["channels"] and int(given["channels"])
    given["image_size"] = parse_image_size(given["image_size"])
    given["augment"] = not given.pop("no_augment")
    given["flip"] = not given.pop("no_flip")
    return start_run(TrainingRequest(**given), threads, observer, interruption.saving)


def _refuse_changes(context: click.Context) -> None:
    """Raise UsageError for options that an interrupted run has settled already."""
    if context.params["resume"] is None:
        return
    for parameter in context.command.params:
        name = str(parameter.name)
        changed = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if changed and name not in _FREE_ON_RESUME:
            raise click.UsageError(
                f"{parameter.opts[0]} cannot change while a run is resumed: it goes on as it "
                "began.\n  Leave the option out, or begin a new run.",
                context,
            )
