"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from kernelet.cli.application import COMMANDS, application

README = Path(__file__).parents[2] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def shown_commands() -> list[list[str]]:
    inline = re.findall(r"`(kernelet [^`]*)`", README.read_text(encoding="utf-8"))
    lines = [line for block in blocks("sh") for line in block.splitlines()] + inline
    words = (line.partition("#")[0].split() for line in lines)
    return [line[1:] for line in words if line[:1] == ["kernelet"]]


def test_python_runs(capfd: pytest.CaptureFixture[str]) -> None:
    (program,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), names)
    output = capfd.readouterr().out
    assert "28 − 3 + 1 = 26" in output
    loss, accuracy = eval(output.splitlines()[-1])
    assert 0 < loss < 1
    assert accuracy > 0.7
    assert names["probabilities"].shape == (3, 10)  # type: ignore[attr-defined]


@pytest.mark.parametrize("arguments", shown_commands(), ids=" ".join)
def test_commands_exist(arguments: list[str]) -> None:
    name, *rest = arguments
    assert name in COMMANDS
    command = application.get_command(click.Context(application), name)
    assert command is not None
    if rest and rest != ["--help"]:
        command.make_context(name, rest)
