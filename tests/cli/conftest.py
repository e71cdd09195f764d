"""The command line, called in this process or in one of its own, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import Command, Launch, Outcome, write_pictures
from kernelet.cli import main

IMPATIENT = """
import sys
import kernelet.cli
import kernelet.runs.training
kernelet.runs.training.CHECKPOINT_SECONDS = {}
sys.exit(kernelet.cli.main())
"""


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, and leave the user's cache alone."""
    monkeypatch.setenv("KERNELET_CACHE", str(tmp_path / "cache"))
    for name in ("KERNELET_DATA", "KERNELET_DEBUG", "KERNELET_ISA", "KERNELET_THREADS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    root = tmp_path / "shapes"
    write_pictures(root, 40)
    return root


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process."""

    def run(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        output, errors = capfd.readouterr()
        return Outcome(code, output, errors)

    return run


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start the command line as a process of its own; what still runs at the end is killed.

    With ``checkpoint_seconds=0`` it saves after every few steps.
    """
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: object, checkpoint_seconds: float | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        entry = ["-m", "kernelet"]
        if checkpoint_seconds is not None:
            entry = ["-c", IMPATIENT.format(checkpoint_seconds)]
        program = [sys.executable, *entry, *map(str, arguments)]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        started.append(subprocess.Popen(program, text=True, env=dict(os.environ), **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def trained(pictures: Path, command: Command) -> Path:
    """A run folder with a trained network."""
    outcome = command("train", pictures, "--epochs", 8, "--out", "trained", "--json")
    assert outcome.code == 0, outcome.output
    return Path("trained")
