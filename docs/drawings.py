"""Drawings that end a block of an example, shown on its page as notebooks show them."""

from __future__ import annotations

import ast
from typing import Any


def scrape(block: Any, variables: dict[str, Any], configuration: dict[str, Any]) -> str:
    """Return reStructuredText with the SVG of a block's last expression; empty if it has none."""
    statements = ast.parse(block.content).body
    last = variables["example_globals"].get("___")
    if not isinstance(statements[-1], ast.Expr) or not hasattr(last, "_repr_svg_"):
        return ""
    opening = '<div class="drawing" tabindex="0" role="region" aria-label="Drawing">'
    html = [opening, *last._repr_svg_().splitlines(), "</div>"]
    return "\n".join([".. raw:: html", "", *(f"    {line}" for line in html), "", ""])
