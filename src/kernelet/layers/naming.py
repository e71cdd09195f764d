"""Names of layers: as Keras makes them, but counted within one network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelet.errors import ConfigurationError

if TYPE_CHECKING:
    from kernelet.layers.base import Layer

_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.\-]*")


def snake_case(name: str) -> str:
    """Return a class name as Keras names its layers.

    Examples
    --------
    >>> snake_case("MaxPooling2D"), snake_case("Conv2D"), snake_case("ReLU")
    ('max_pooling2d', 'conv2d', 're_lu')
    """
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def check_name(name: str) -> None:
    """Raise ConfigurationError for a name that cannot be part of a weight's name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a layer's name is made of letters, digits, '_', '.' and '-', not {name!r}."
        )


def _own_name(layer: Layer) -> str | None:
    """Return the name a layer was given, or that of its weights in a buffer."""
    return layer.given_name or (layer.name if layer.built else None)


def names_of(layers: Sequence[Layer]) -> list[str]:
    """Return one name a layer: its own, or its class with a number from the second on.

    Raises
    ------
    ConfigurationError
        If two layers were given one name.
    """
    given = [layer.given_name for layer in layers if layer.given_name is not None]
    for name, count in Counter(given).items():
        if count > 1:
            raise ConfigurationError(
                f"two layers are called {name!r}; names must be unique within a model."
            )
    names: dict[Layer, str] = {la: la.given_name for la in layers if la.given_name is not None}
    taken = set(given)
    for layer in layers:
        own = _own_name(layer)
        if own is not None and own not in taken:
            names[layer] = own
            taken.add(own)
    counts: dict[str, int] = {}
    for layer in layers:
        if layer not in names:
            names[layer] = _numbered(snake_case(type(layer).__name__), counts, taken)
    return [names[layer] for layer in layers]


def _numbered(base: str, counts: dict[str, int], taken: set[str]) -> str:
    """Return ``base``, ``base_1``, ``base_2``, …: the first that is free."""
    while True:
        count = counts.get(base, 0)
        counts[base] = count + 1
        name = f"{base}_{count}" if count else base
        if name not in taken:
            taken.add(name)
            return name
