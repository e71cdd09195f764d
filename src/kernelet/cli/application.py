"""`kernelet`: finds the command, runs it, turns what goes wrong into a message and an exit code."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from kernelet._version import __version__
from kernelet.cli.failures import Interrupted, ReaderGone, report_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

#: In the order of the help text. A command's module imports what it works with when it runs, so
#: that help and completion answer at once.
COMMANDS = (
    "train",
    "evaluate",
    "predict",
    "explain",
    "doctor",
    "report",
    "summary",
    "convolve",
    "bench",
    "info",
)


class CommandModules(click.Group):
    """Commands read from the modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by name, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"kernelet.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        if args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            guess = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{guess}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; click would turn these exceptions into exits of its own."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGone from error
        except KeyboardInterrupt as error:
            raise Interrupted from error


@click.group(cls=CommandModules, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kernelet", message="%(prog)s %(version)s")
def application() -> None:
    """Train convolutional networks on your pictures, on the computer you have.

    Try `kernelet train` for a first run on pictures that come with kernelet, then
    `kernelet train FOLDER` with a folder for each class in it.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Default: those of the process.

    Returns
    -------
    int
        The exit code; see `kernelet.cli.exit_codes`.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # "×" must not fail where the locale lacks it
            stream.reconfigure(errors="backslashreplace")
    try:
        result = application.main(given, prog_name="kernelet", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as problem:
        return report_failure(problem, as_json="--json" in given)
    return result if isinstance(result, int) else 0


def run() -> NoReturn:
    """Run the command line as the whole of a process.

    Once all is written, the process ends at once: the interpreter would take apart every object
    first, for some 50 ms behind a training, and the system takes back their memory anyway.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            stream.flush()
    os._exit(code)
