"""The site has a place for every public name and every document."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import kernelet as kl

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("api/*.rst"))
# Written out with all that a module exports, unless names are listed.
MODULES = re.findall(r"automodule:: (\S+)\n   :members:\n", REFERENCE)


def documented() -> set[str]:
    """Return the names of the reference, without their modules."""
    names = set(re.findall(r"auto(?:function|class):: \S*\.(\w+)", REFERENCE))
    names |= {part.rsplit(".", 1)[1] for part in re.findall(r"automodule:: (\S+)", REFERENCE)}
    for module in MODULES:
        found = importlib.import_module(module)
        own = (name for name in vars(found) if not name.startswith("_"))
        names |= set(getattr(found, "__all__", own))
    return names


@pytest.mark.parametrize("name", [name for name in kl.__all__ if name != "__version__"])
def test_every_public_name_is_in_the_reference(name: str) -> None:
    # Modules that gather names documented elsewhere.
    assert name in documented() | {"datasets", "models"}


def test_every_document_is_in_the_table_of_contents() -> None:
    listed = re.findall(r"^([\w-]+)$", (DOCS / "index.md").read_text(encoding="utf-8"), re.M)
    assert {path.stem for path in DOCS.glob("*.md")} - {"index"} <= set(listed)


def test_the_reference_lists_its_pages() -> None:
    listed = re.findall(r"^(\w+)$", (DOCS / "api" / "index.md").read_text(encoding="utf-8"), re.M)
    assert {path.stem for path in DOCS.glob("api/*.rst")} == set(listed)
