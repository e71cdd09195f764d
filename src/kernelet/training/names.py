"""Things by name, with a hint where a name is misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from kernelet.errors import ConfigurationError

T = TypeVar("T")

_MODULES = {"loss": "losses", "metric": "metrics", "optimizer": "optimizers"}


def lookup(kind: str, name: object, table: Mapping[str, T]) -> T:
    """Return an entry of a table of names.

    Parameters
    ----------
    kind : str
        What the table holds, for the message.
    name : object
        Name in snake case or as a class is written; anything but a known name raises.
    table : mapping
        By name in snake case.

    Raises
    ------
    ConfigurationError
        If the table has no such name.

    Examples
    --------
    >>> lookup("colour", "red", {"red": 1})
    1
    """
    if isinstance(name, str):
        key = name.lower()
        if key in table:
            return table[key]
        joined = {known.replace("_", ""): known for known in table}
        if key in joined:
            return table[joined[key]]
        close = difflib.get_close_matches(key, table, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
    else:
        raise ConfigurationError(
            f"a {kind} is a name or an object of kernelet.{_MODULES.get(kind, kind)}, not {name!r}."
            f"\n  Known names: {', '.join(sorted(table))}."
        )
    raise ConfigurationError(
        f"there is no {kind} {name!r}.{hint} Known: {', '.join(sorted(table))}."
    )
