"""From an exception to a message on the terminal and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback

import click

from kernelet.cli import exit_codes
from kernelet.cli.text import inert_lines
from kernelet.errors import KerneletError


class Terminated(BaseException):
    """The process was asked to end (SIGTERM) at a moment where nothing was left to save."""


class Interrupted(BaseException):
    """Ctrl-C came at a moment where nothing was left to save."""


class ReaderGone(BaseException):
    """Whoever read standard output closed it."""


def report_failure(problem: BaseException, *, as_json: bool) -> int:
    """Tell the user what went wrong.

    Parameters
    ----------
    problem : BaseException
        What ended the command.
    as_json : bool
        Write an ``error`` event to standard output in place of text to standard error.

    Returns
    -------
    int
        The exit code.
    """
    match problem:
        case SystemExit():
            return problem.code if isinstance(problem.code, int) else exit_codes.MISTAKE
        case ReaderGone() | BrokenPipeError():
            return _no_reader()
        case Interrupted() | KeyboardInterrupt() | click.Abort():
            message, code = "Interrupted.", exit_codes.INTERRUPTED
        case Terminated():
            message, code = "Terminated.", exit_codes.TERMINATED
        case _:
            message, code = _explained(problem)
    try:
        _show(message, code, as_json=as_json)
    except BrokenPipeError:
        return _no_reader()
    if os.environ.get("KERNELET_DEBUG") == "1" and not isinstance(problem, click.UsageError):
        traceback.print_exception(problem)
    return code


def _explained(problem: BaseException) -> tuple[str, int]:
    match problem:
        case click.UsageError():
            return _usage(problem), exit_codes.MISTAKE
        case click.ClickException():
            return problem.format_message(), exit_codes.MISTAKE
        case KerneletError():
            return str(problem), exit_codes.MISTAKE
        case MemoryError():
            return (
                "There is not enough memory.\n"
                "  Try a smaller --batch-size, a smaller --image-size or fewer pictures."
            ), exit_codes.MISTAKE
        case OSError() if problem.errno is not None:
            where = f"{problem.filename}: " if problem.filename is not None else ""
            return f"{where}{problem.strerror}.", exit_codes.MISTAKE
        case _:
            what = traceback.format_exception_only(problem)[-1].strip()
            return (
                f"This is a fault of kernelet, not of yours: {what}\n"
                "  Please report it: run the command again with KERNELET_DEBUG=1 set, and send\n"
                "  the traceback together with what `kernelet info` prints."
            ), exit_codes.FAULT


def _usage(problem: click.UsageError) -> str:
    lines = [problem.format_message()]
    if problem.ctx is not None:
        lines.append(f"  Try `{problem.ctx.command_path} --help`.")
    return "\n".join(lines)


def _show(message: str, code: int, *, as_json: bool) -> None:
    if as_json:
        from kernelet.cli.json_lines import write_json
        from kernelet.runs.events import Failed

        with contextlib.suppress(OSError):  # where standard output takes nothing, say it below
            write_json(Failed(message=message, exit_code=code))
            return
    else:
        sys.stdout.flush()
    click.echo(f"Error: {inert_lines(message)}", err=True)


def _no_reader() -> int:
    """Silence the interpreter, which flushes standard output once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exit_codes.NO_READER
