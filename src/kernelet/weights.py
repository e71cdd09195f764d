"""The weights of a network: one flat float32 buffer and a named view for each of them."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet.errors import ShapeError
from kernelet.executors.aligned import ALIGNMENT, aligned
from kernelet.executors.base import State
from kernelet.program import Parameter, Shape


class Entry(msgspec.Struct, frozen=True):
    """Place of one parameter in the buffer.

    Attributes
    ----------
    name : str
        ``<layer>/<weight>``.
    shape : tuple of int
    role : str
        "weight", "statistic" or "slot".
    offset : int
        Floats before it in the buffer; a multiple of `ALIGNMENT`.
    """

    name: str
    shape: Shape
    role: str
    offset: int

    @property
    def size(self) -> int:
        """Number of floats."""
        return math.prod(self.shape)


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


class Weights(Mapping[str, NDArray[np.float32]]):
    """Named views into one contiguous buffer: weights first, then statistics, then slots.

    The padding between two parameters is zero, so that an optimizer may run over the whole buffer.

    Parameters
    ----------
    parameters : iterable of Parameter
        In layer order, which iteration keeps.

    Attributes
    ----------
    weight_floats : int
        Length of the leading part that holds the weights and no statistic.

    Examples
    --------
    >>> from kernelet.program import ProgramBuilder
    >>> build = ProgramBuilder()
    >>> kernel = build.parameter("dense/kernel", (3, 2), "weight", True)
    >>> weights = Weights(build.parameters)
    >>> weights["dense/kernel"].shape, weights.buffer.shape
    ((3, 2), (16,))
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        listed = list(parameters)
        places: dict[str, Entry] = {}
        end = 0
        for role in ("weight", "statistic", "slot"):
            for parameter in listed:
                if parameter.role == role:
                    places[parameter.name] = Entry(parameter.name, parameter.value.shape, role, end)
                    end += _padded(parameter.value.size)
            if role == "weight":
                self.weight_floats = end
        self.entries: tuple[Entry, ...] = tuple(places[p.name] for p in listed)
        self._entries = places
        self._buffer = aligned(end)
        self._buffer[:] = 0
        self._alone = self._references()
        self._version = 0

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        entry = self._entries[name]
        return self.buffer[entry.offset : entry.offset + entry.size].reshape(entry.shape)

    @property
    def buffer(self) -> NDArray[np.float32]:
        """All parameters, float32, of shape (n,), aligned to 64 bytes."""
        self.changed()
        return self._buffer[:]

    def changed(self) -> None:
        """Note that parameters may change, as they may through every array that is handed out."""
        self._version += 1

    def version(self) -> int | None:
        """Return a number that is another one wherever a parameter may have changed.

        None while there are arrays outside through which parameters may change unnoticed.
        """
        return self._version if self._references() == self._alone else None

    def _references(self) -> int:
        # Every view, and every view of a view, refers to the array that owns the memory.
        return sys.getrefcount(self._buffer.base)

    def state(self, slots: Weights | None = None) -> State:
        """Return the parameters, and the optimizer's slots, as executors read and update them."""
        kept = Weights(()) if slots is None else slots
        offsets = {entry.name: entry.offset for entry in (*self.entries, *kept.entries)}
        return State(self._buffer, kept._buffer, offsets, self)

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def offset(self, name: str) -> int:
        """Return the number of floats before a parameter."""
        return self._entries[name].offset

    def count(self) -> int:
        """Return the number of weights and statistics, without padding."""
        return sum(entry.size for entry in self.entries)

    def assign(self, name: str, values: Any) -> None:
        """Overwrite one parameter.

        Raises
        ------
        ShapeError
            If the shapes differ.
        """
        array = np.asarray(values, dtype=np.float32)
        expected = self._entries[name].shape
        if array.shape != expected:
            raise ShapeError(f"{name} has shape {expected}; got an array of shape {array.shape}.")
        self[name][...] = array

    def require(self, parameters: Iterable[Parameter]) -> None:
        """Check that the buffer holds parameters in the shapes that a program reads them in.

        Raises
        ------
        ShapeError
            If a shape differs: the engine would read the wrong floats.
        """
        for parameter in parameters:
            expected = self._entries[parameter.name].shape
            if parameter.value.shape != expected:
                raise ShapeError(
                    f"{parameter.name} has shape {expected} from an earlier input, and this one"
                    f" needs {parameter.value.shape}. Try a layer of its own for this input."
                )

    def sha256(self) -> str:
        """Return the SHA-256 of names, shapes and values in order, as hexadecimal digits."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(f"{entry.name}{list(entry.shape)}".encode())
            digest.update(self[entry.name].astype("<f4").tobytes())
        return digest.hexdigest()
