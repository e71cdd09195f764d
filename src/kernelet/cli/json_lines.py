"""Standard output as JSON: one object a line, written out at once."""

from __future__ import annotations

from typing import Any

import click
import msgspec


def write_json(value: Any) -> None:
    """Write one object on a line of its own; numbers that are not finite become null."""
    click.echo(msgspec.json.encode(value).decode("utf-8"))
