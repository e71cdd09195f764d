"""`history.csv`: what each epoch brought, a line an epoch."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from kernelet.interchange.atomic import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def write_history(path: Path, history: Mapping[str, Sequence[float]]) -> None:
    """Write the whole history; a resumed run thereby writes what an uninterrupted one does.

    Parameters
    ----------
    path : Path
        The file.
    history : mapping of str to sequence of float
        A number an epoch for each column, all of one length.

    Notes
    -----
    Numbers are written so that reading them gives the same bits.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["epoch", *history])
    for epoch, row in enumerate(zip(*history.values(), strict=True), start=1):
        writer.writerow([epoch, *map(repr, row)])
    write_atomically(path, text.getvalue().encode("utf-8"))
