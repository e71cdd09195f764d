"""Which part of kernelet may import which, read off the sources."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "kernelet"

# From the ground up. A part imports from its own row and from those above it
# here, never from those below.
ROWS = (
    ("_version", "errors", "notebook", "text"),
    ("data", "geometry", "random", "runs"),
    ("program",),
    ("ops",),
    ("plan",),
    ("executors",),
    ("activations", "convolution", "initializers", "layers", "weights"),
    ("model",),
    (
        "callbacks",
        "datasets",
        "explain",
        "interchange",
        "losses",
        "metrics",
        "models",
        "networks",
        "optimizers",
        "training",
        "utils",
    ),
    ("profiling", "runs"),
    ("cli",),
)
ROW_OF = {part: row for row, parts in enumerate(ROWS) for part in parts}

# fit, evaluate, predict, summary and save are methods of a model, as in Keras;
# their work is in the parts above it, imported when one of them is called.
UPWARD_INSIDE_FUNCTIONS = {
    ("model", "explain"),
    ("model", "interchange"),
    ("model", "training"),
}

# Modules that one place alone knows.
ENGINE = "kernelet._engine"
ENGINE_USER = "executors/native"
TORCH_USER = "executors/torch"


@dataclass(frozen=True)
class Import:
    """One imported module, with where and how it is imported."""

    file: Path
    line: int
    module: str
    inside_function: bool

    @property
    def place(self) -> str:
        return self.file.relative_to(PACKAGE).as_posix()

    def __str__(self) -> str:
        return f"{self.place}:{self.line} imports {self.module}"


def part_of(module: str) -> str:
    """Return "ops" for "kernelet.ops.dense"."""
    return module.split(".")[1]


def imported_modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "relative imports hide what is imported"
    if node.module == "kernelet":
        return [f"kernelet.{alias.name}" for alias in node.names]
    return [node.module or ""]


def imports_below(node: ast.AST, file: Path, inside_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for module in imported_modules(child):
                yield Import(file, child.lineno, module, inside_function)
        late = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        # What only a type checker reads is never imported at all.
        late = late or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
        yield from imports_below(child, file, inside_function or late)


@functools.cache
def all_imports() -> list[Import]:
    files = sorted(PACKAGE.rglob("*.py"))
    return [
        found
        for file in files
        for found in imports_below(ast.parse(file.read_text(encoding="utf-8")), file, False)
    ]


def parts() -> set[str]:
    named = {path.stem for path in PACKAGE.glob("*.py")}
    named |= {path.parent.name for path in PACKAGE.glob("*/*.py")}
    return named - {"__init__", "__main__"}


def goes_down(found: Import) -> bool:
    importer = found.place.split("/")[0].removesuffix(".py")
    imported = part_of(found.module)
    if importer not in ROW_OF or found.module == ENGINE:
        return True
    if found.inside_function and (importer, imported) in UPWARD_INSIDE_FUNCTIONS:
        return True
    return imported in ROW_OF and ROW_OF[imported] <= ROW_OF[importer]


def test_every_part_has_a_row() -> None:
    assert parts() <= set(ROW_OF), "give the new part its row in ROWS"


def test_imports_go_down() -> None:
    own = [found for found in all_imports() if found.module.startswith("kernelet.")]
    assert own
    assert [str(found) for found in own if not goes_down(found)] == []


def test_only_the_native_executor_knows_the_engine() -> None:
    others = [
        str(found)
        for found in all_imports()
        if found.module == ENGINE and not found.place.startswith(ENGINE_USER)
    ]
    assert others == []


def test_only_the_torch_executor_knows_pytorch_and_imports_it_late() -> None:
    others = [
        str(found)
        for found in all_imports()
        if found.module.split(".")[0] == "torch"
        and not (found.place.startswith(TORCH_USER) and found.inside_function)
    ]
    assert others == []


def test_engine_knows_nothing_of_python() -> None:
    include = re.compile(r'#\s*include\s*[<"](Python\.h|pybind|nanobind|numpy)')
    sources = [file for file in (ROOT / "engine").rglob("*") if file.suffix in (".h", ".cpp")]
    assert sources
    assert [str(file) for file in sources if include.search(file.read_text())] == []


@pytest.mark.parametrize("module", ["PIL", "click", "jinja2", "rich", "torch"])
def test_import_leaves_alone_what_only_some_commands_need(module: str) -> None:
    program = f"import kernelet, sys; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
