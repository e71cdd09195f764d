"""Models that commands are given: a network by its name, a run folder, or a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kernelet.model import Model


def find_model(name: str, shape: str | None, classes: int | None) -> Model:
    """Return a network by its name, or the model in a file.

    Parameters
    ----------
    name : str
        A network, a run folder or a file.
    shape : str or None
        Height, width and channels of the pictures that a network is made for.
    classes : int or None
        That a network tells apart.

    Raises
    ------
    ModelFileError
        If there is none.
    click.UsageError
        If shape or classes are given for a file, or cannot be read.
    ShapeError
        If the network does not take such pictures.
    """
    from kernelet.data.listing import quoted
    from kernelet.errors import ModelFileError
    from kernelet.interchange.safetensors import load_model
    from kernelet.networks import NETWORKS, make_network
    from kernelet.runs.folder import find_model_file

    if name in NETWORKS and not Path(name).exists():
        given = {} if classes is None else {"classes": classes}
        if shape is None:
            return NETWORKS[name](**given)
        return make_network(name, _parse_shape(shape), **given)
    if not Path(name).exists():
        raise ModelFileError(
            f"{quoted(name)} is neither a file or folder nor a network.\n"
            f"  Name a run folder, a .safetensors file, or one of {', '.join(NETWORKS)}."
        )
    if shape is not None or classes is not None:
        raise click.UsageError("--input and --classes are for networks; a model file has its own.")
    return load_model(find_model_file(Path(name)))


def _parse_shape(text: str) -> tuple[int, int, int]:
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})(?:[x×](\d{1,4}))?", text.strip())
    if match is None:
        raise click.UsageError(
            f"--input is {text!r}; expected height, width and channels, such as 28x28x1."
        )
    height, width, channels = match.groups(default="1")
    return int(height), int(width), int(channels)
