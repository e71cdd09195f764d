"""Object files of the instruction sets: nothing in one may stand in for code of another."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BUILDS = Path(__file__).parents[1] / "build"
OBJECTS = sorted(
    file
    for file in BUILDS.glob("*/CMakeFiles/kernelet_engine.dir/engine/isa/*.o")
    if not file.relative_to(BUILDS).parts[0].startswith("sanitize")  # adds symbols of its own
)

pytestmark = [
    pytest.mark.skipif(not OBJECTS, reason="the engine was not compiled in this folder"),
    pytest.mark.skipif(shutil.which("nm") is None, reason="needs binutils' nm"),
]


def shared_symbols(file: Path) -> list[str]:
    """Symbols that `file` defines and the linker matches by name with other files."""
    listing = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--demangle", "--format=posix", str(file)],
        capture_output=True,
        text=True,
        check=True,
    )
    # "NAME TYPE VALUE SIZE", where a demangled name may contain spaces.
    return [line.rsplit(" ", 3)[0] for line in listing.stdout.splitlines()]


@pytest.mark.parametrize("file", OBJECTS, ids=lambda file: f"{file.parts[-6]}-{file.stem}")
def test_every_shared_name_says_its_instruction_set(file: Path) -> None:
    """The linker keeps one of two functions of one name, for every processor."""
    level = file.name.removesuffix(".cpp.o")
    symbols = shared_symbols(file)
    tables = [f"kernelet::{level}::{kind}_table" for kind in ("kernel", "bfloat16")]
    assert set(symbols).intersection(tables)
    assert [name for name in symbols if f"kernelet::{level}::" not in name] == []
