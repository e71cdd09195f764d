"""The command line: one module a command, each defining ``command``."""

from kernelet.cli.application import main, run

__all__ = ["main", "run"]
