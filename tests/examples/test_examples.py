"""Every example runs from start to end; what its page claims, it asserts itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("[0-9]*.py"))

pytest.importorskip("matplotlib", reason="examples draw with matplotlib, the `lab` extra")


def test_numbers_follow_each_other() -> None:
    numbers = [path.name.partition("_")[0] for path in EXAMPLES]
    assert numbers == [f"{number:02d}" for number in range(1, len(EXAMPLES) + 1)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs(path: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg", "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-W", "error", str(path)]
    # An answer that comes only after minutes is no answer; it takes seconds.
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout
    assert "assert " in path.read_text(encoding="utf-8")
