"""`kernelet bench`: how fast networks are here, and where the time goes."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from kernelet.model import Model

_MACHINE = "machine"
_PLAN_BATCH = 128
_BATCHES = {True: (32, 128), False: (1, 32, 128)}
# Losses that a model may be trained with that says nothing of one.
_LOSSES = ("sparse_categorical_crossentropy", "mean_squared_error")


@click.command("bench")
@click.argument("what", metavar="[MODEL|NETWORK|machine]", default="lenet5")
@click.option("--plan", is_flag=True, help="Time every step of one plan.")
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(1),
    multiple=True,
    metavar="B",
    help="Pictures a step; may be repeated.  [default: some usual ones; 128 with --plan]",
)
@click.option(
    "--training/--inference",
    "training",
    default=None,
    help="Steps of training, or predictions.  [default: both; training with --plan]",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    multiple=True,
    metavar="N",
    help="Threads; may be repeated.  [default: 1 and all; all with --plan]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="Of what is multiplied; auto: bfloat16 where the processor is faster with it."
    "  [default: auto for training, float32 for predictions]",
)
@click.option("--input", "shape", metavar="HxWxC", help="Pictures that a NETWORK is made for.")
@click.option("--classes", type=click.IntRange(2), help="Classes that a NETWORK tells apart.")
@click.option("--all", "every", is_flag=True, help="With --plan, show the shortest steps, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a measurement.")
def command(what: str, shape: str | None, classes: int | None, **given: Any) -> None:
    """Measure how fast a network is, and where its time goes.

    MODEL is a run folder or a .safetensors file; NETWORK a name such as lenet5. Pictures and
    labels are made up: their values do not matter. With --plan, every step of the network's plan
    is shown with its work, its time and how near it comes to what the machine can do; with
    `machine`, only that is measured.
    """
    from kernelet.cli.models import find_model

    asked = _Asked(**given)
    if what == _MACHINE:
        _refuse_for_machine(asked, shape, classes)
        _machine(asked)
        return
    if asked.every and not asked.plan:
        raise click.UsageError("--all shows more steps of a plan; give --plan with it.")
    model = find_model(what, shape, classes)
    if asked.plan:
        _plan(model, asked)
    else:
        for training in (True, False) if asked.training is None else (asked.training,):
            _speed(model, training, asked)


class _Asked(msgspec.Struct, frozen=True):
    """What is to be measured, as the options say."""

    plan: bool
    batch_sizes: tuple[int, ...]
    training: bool | None
    threads: tuple[int, ...]
    precision: str | None
    every: bool
    as_json: bool


def _refuse_for_machine(asked: _Asked, *more: object) -> None:
    plans = (asked.plan, asked.batch_sizes, asked.training, asked.precision, asked.every)
    given = (*plans, *more)
    if any(value not in (None, False, ()) for value in given):
        raise click.UsageError("`bench machine` takes no other options than --threads and --json.")


def _only(option: str, given: tuple[int, ...]) -> int | None:
    if len(given) > 1:
        raise click.UsageError(f"--plan takes one plan apart; give {option} once.")
    return given[0] if given else None


def _machine(asked: _Asked) -> None:
    from kernelet.profiling import measure_machine

    machine = measure_machine(asked.threads or None)
    if asked.as_json:
        _write(machine)
    else:
        from kernelet.cli.bench_display import show_machine

        show_machine(machine)


def _plan(model: Model, asked: _Asked) -> None:
    from kernelet.profiling import profile

    training = asked.training is not False
    if training:
        _make_ready(model)
    found = profile(
        model,
        _only("--batch-size", asked.batch_sizes) or _PLAN_BATCH,
        training=training,
        threads=_only("--threads", asked.threads),
        precision=asked.precision,
    )
    if asked.as_json:
        from kernelet.profiling.records import profile_record

        _write(profile_record(found))
    else:
        from kernelet.cli.bench_display import show_profile

        show_profile(found, every=asked.every)


def _speed(model: Model, training: bool, asked: _Asked) -> None:
    from kernelet.cli.bench_display import SpeedTable
    from kernelet.executors.native_processor import usable_threads
    from kernelet.profiling.speed import measure_speed

    if training:
        _make_ready(model)
    shown = None if asked.as_json else SpeedTable(model.name, training=training)
    threads = asked.threads or sorted({1, usable_threads()})
    for batch_size, count in product(asked.batch_sizes or _BATCHES[training], threads):
        speed = measure_speed(
            model, batch_size, training=training, threads=count, precision=asked.precision
        )
        if shown is None:
            _write(speed)
        else:
            shown.add(speed)
    if shown is not None:
        shown.show()


def _make_ready(model: Model) -> None:
    """Compile a model for training, with a loss that its output suits."""
    from kernelet.errors import ConfigurationError

    refused: ConfigurationError | None = None
    for loss in _LOSSES:
        model.compile("adam", loss)
        try:
            model.trainer.training_program()
        except ConfigurationError as error:
            refused = refused or error
        else:
            return
    assert refused is not None
    raise refused


def _write(measured: Any) -> None:
    import msgspec

    from kernelet.cli.json_lines import write_json

    write_json(msgspec.to_builtins(measured))
