"""The command line: one module a command, each defining ``command``."""

from kernelet.cli.application import main

__all__ = ["main"]
