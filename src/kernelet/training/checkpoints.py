"""Checkpoints: everything that an interrupted run needs to go on to the same bits.

Two generations alternate in a folder, so that a crash while one is written, or a damaged file,
leaves the other. Each is a safetensors file with the weights, the optimizer's slots and arrays of
callbacks, and in its metadata one JSON object with the rest and a SHA-256 over all of it.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from kernelet.errors import ConfigurationError, ModelFileError, TrainingError, UsageError
from kernelet.interchange.atomic import TEMPORARY_FILES, write_atomically
from kernelet.weights import Weights

FORMAT = 1
_NAMES = ("state-0.safetensors", "state-1.safetensors")
_KEY = "kernelet_checkpoint"
_WEIGHTS, _SLOTS = "weights", "slots"

Arrays = dict[str, NDArray[Any]]


class Checkpoint(msgspec.Struct, frozen=True, eq=False):
    """What was saved.

    Attributes
    ----------
    number : int
        Counts the checkpoints of a run; the largest is the latest.
    configuration : dict
        What the run must share with the one that goes on.
    state : dict
        Position, averages and callbacks, as `Loop.state` gives them.
    arrays : dict of str to ndarray
        ``weights``, ``slots`` and arrays of callbacks.
    """

    number: int
    configuration: dict[str, Any]
    state: dict[str, Any]
    arrays: Arrays


def _digest(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _split(callbacks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Arrays]:
    """Take arrays out of the states of callbacks; a name stands in their place."""
    plain: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for k, callback in enumerate(callbacks):
        state: dict[str, Any] = {}
        kept: list[str] = []
        for name, value in callback["state"].items():
            if isinstance(value, np.ndarray):
                arrays[f"callback{k}/{name}"] = value
                kept.append(name)
            else:
                state[name] = value
        plain.append({"class": callback["class"], "state": state, "arrays": kept})
    return plain, arrays


def _joined(callbacks: list[dict[str, Any]], arrays: Arrays) -> list[dict[str, Any]]:
    """Put arrays back into the states of callbacks."""
    return [
        {
            "class": callback["class"],
            "state": {
                **callback["state"],
                **{name: arrays[f"callback{k}/{name}"].copy() for name in callback["arrays"]},
            },
        }
        for k, callback in enumerate(callbacks)
    ]


def _read(path: Path) -> Checkpoint:
    """Return a checkpoint whose bytes are all as they were written."""
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{path}: not a readable checkpoint ({error}).") from None
    try:
        text = metadata[_KEY]
        content = json.loads(text)
        if content["format"] > FORMAT:
            raise ModelFileError(
                f"{path}: a checkpoint of format {content['format']}; this version of kernelet "
                f"reads up to {FORMAT}. Update kernelet to resume."
            )
        if metadata["sha256"] != _digest(text, arrays):
            raise ModelFileError(f"{path}: damaged, its checksum does not match.")
        state = dict(content["state"])
        state["callbacks"] = _joined(state["callbacks"], arrays)
        return Checkpoint(content["number"], content["configuration"], state, arrays)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ModelFileError(f"{path}: not a checkpoint of kernelet.") from None


def load_checkpoint(folder: str | Path) -> Checkpoint | None:
    """Return the latest undamaged checkpoint of a folder, None where there is none at all.

    Raises
    ------
    ModelFileError
        If there are checkpoints and none can be used; the message says why for each.
    """
    found: list[Checkpoint] = []
    problems: list[str] = []
    for name in _NAMES:
        path = Path(folder) / name
        if path.exists():
            try:
                found.append(_read(path))
            except ModelFileError as error:
                problems.append(str(error))
    if not found and problems:
        raise ModelFileError("no checkpoint can be used:\n  " + "\n  ".join(problems))
    return max(found, key=lambda checkpoint: checkpoint.number, default=None)


class Checkpointer:
    """Saves training now and then, and finds what was saved.

    Parameters
    ----------
    folder : str or Path
        Of one run alone; made where it does not exist.
    every_seconds : float
        Time between two checkpoints; 0 saves after every call of the engine.
    identity : str
        Whatever else the run depends on, such as a fingerprint of the data; a checkpoint with
        another identity is refused.

    Examples
    --------
    >>> checkpointer = Checkpointer("runs/mine/last", every_seconds=30)
    """

    def __init__(self, folder: str | Path, every_seconds: float = 30.0, identity: str = "") -> None:
        if not every_seconds >= 0:
            raise ConfigurationError(f"every_seconds must be at least 0, not {every_seconds!r}.")
        self.folder = Path(folder)
        self.every_seconds = every_seconds
        self.identity = identity
        self._number = 0
        self._saved = time.monotonic()

    def begin(self, weights: Weights, slots: Weights, configuration: dict[str, Any]) -> None:
        """Take what every checkpoint holds; called by ``fit``."""
        self._weights, self._slots = weights, slots
        self._configuration = {**configuration, "identity": self.identity}
        # What a process that was killed while it wrote has left behind.
        for leftover in self.folder.glob(TEMPORARY_FILES):
            leftover.unlink(missing_ok=True)

    def due(self) -> bool:
        """Return whether it is time for another checkpoint."""
        return time.monotonic() - self._saved >= self.every_seconds

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint over the older of the two there are.

        Raises
        ------
        TrainingError
            If the file cannot be written; earlier checkpoints stay.
        """
        callbacks, arrays = _split(state["callbacks"])
        arrays |= {_WEIGHTS: self._weights.buffer, _SLOTS: self._slots.buffer}
        content = {
            "format": FORMAT,
            "number": self._number + 1,
            "configuration": self._configuration,
            "state": {**state, "callbacks": callbacks},
        }
        text = json.dumps(content)
        metadata = {_KEY: text, "sha256": _digest(text, arrays)}
        path = self.folder / _NAMES[(self._number + 1) % len(_NAMES)]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, safetensors.numpy.save(arrays, metadata))
        except (OSError, UsageError) as error:
            raise TrainingError(
                f"the checkpoint {path} was not saved: {error} The one before it is intact. Make "
                "room, or see to it that the folder may be written; then resume."
            ) from error
        self._number += 1
        self._saved = time.monotonic()

    def resume(self) -> Checkpoint | None:
        """Load the latest checkpoint into weights and slots; None where there is none.

        Raises
        ------
        ModelFileError
            If none of the checkpoints can be used.
        ConfigurationError
            If the run that was interrupted was configured otherwise.
        """
        checkpoint = load_checkpoint(self.folder)
        if checkpoint is None:
            return None
        self._require_same(checkpoint.configuration)
        for name, weights in ((_WEIGHTS, self._weights), (_SLOTS, self._slots)):
            saved = checkpoint.arrays.get(name)
            if saved is None or saved.shape != weights.buffer.shape:
                raise ModelFileError(f"{self.folder}: the checkpoint's {name} do not fit.")
            weights.buffer[...] = saved
        self._number = checkpoint.number
        return checkpoint

    def _require_same(self, configuration: dict[str, Any]) -> None:
        ours = json.loads(json.dumps(self._configuration))
        different = [
            f"{name}: was {configuration.get(name)!r}, is {ours.get(name)!r}"
            for name in ours
            if configuration.get(name) != ours.get(name)
        ]
        if different:
            raise ConfigurationError(
                f"the run in {self.folder} was configured otherwise and cannot go on to the same "
                "result:\n  " + "\n  ".join(different) + "\n  Resume it as it was started, or "
                "start another run."
            )
