"""The folder of a run: where each file lies, and who may write to it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Self

from kernelet.data.listing import quoted
from kernelet.errors import ModelFileError, UsageError
from kernelet.interchange.atomic import TEMPORARY_FILES

if TYPE_CHECKING:
    from types import TracebackType

_LOCK = "lock"
_MODEL = "model.safetensors"
#: What was asked for, and the report, in every run folder.
CONFIGURATION = "config.json"
REPORT = "report.html"


class RunFolder:
    """A run folder held by this process, and by no other, until it is closed.

    The lock is the operating system's (``flock``): it vanishes with the process that holds it,
    however that ends.

    Attributes
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _acquire(path)

    @classmethod
    def create(cls, wanted: Path) -> RunFolder:
        """Make a new folder: the wanted one or, where that exists, the first of -2, -3, ….

        Raises
        ------
        UsageError
            If no folder can be made there.
        """
        if not wanted.name:  # "", ".", "/"
            raise _cannot_make(wanted, "it is not the name of a new folder")
        candidates = chain([wanted], (wanted.with_name(f"{wanted.name}-{n}") for n in count(2)))
        for path in candidates:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.mkdir()
            except FileExistsError:
                if not path.parent.is_dir():
                    raise _cannot_make(path, "a file is in the way") from None
                continue
            except OSError as error:
                raise _cannot_make(path, error.strerror) from error
            return cls(path)
        raise AssertionError("unreachable")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Take hold of an existing run folder.

        Raises
        ------
        UsageError
            If it is no run folder, cannot be written to, or another process holds it.
        """
        if not (path / CONFIGURATION).is_file():
            raise UsageError(
                f"{quoted(str(path))} is not a run folder: it has no {CONFIGURATION}.\n"
                "  Name a folder that `kernelet train` made, such as runs/NAME."
            )
        if not os.access(path, os.W_OK):
            raise _cannot_write(path, os.strerror(errno.EACCES))
        folder = cls(path)
        for leftover in path.glob(TEMPORARY_FILES):  # of a process that was killed while it wrote
            leftover.unlink(missing_ok=True)
        return folder

    @property
    def model_file(self) -> Path:
        """The best network so far; at the end of the run, the result."""
        return self.path / _MODEL

    @property
    def configuration_file(self) -> Path:
        """What the run was asked to do, with every choice made."""
        return self.path / CONFIGURATION

    @property
    def history_file(self) -> Path:
        """Losses and accuracies, a line an epoch."""
        return self.path / "history.csv"

    @property
    def report_file(self) -> Path:
        """The page by which a person can judge the run."""
        return self.path / REPORT

    @property
    def last(self) -> Path:
        """The folder with what is needed to resume."""
        return self.path / "last"

    def discard(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def find_model_file(path: Path) -> Path:
    """Return the model file that a path names: itself, or the one of a run folder.

    Raises
    ------
    ModelFileError
        If there is none.
    """
    if path.is_dir():
        if (path / _MODEL).is_file():
            return path / _MODEL
        hint = "the run has not kept a network yet" if (path / CONFIGURATION).is_file() else None
        raise ModelFileError(
            f"{quoted(str(path))} has no {_MODEL}"
            + (f": {hint}." if hint else ".\n  Name a run folder or a .safetensors file.")
        )
    if not path.exists():
        raise ModelFileError(
            f"{quoted(str(path))} does not exist; expected a run folder or a .safetensors file."
        )
    return path


def _cannot_make(path: Path, why: str | None) -> UsageError:
    return UsageError(
        f"The run folder {quoted(str(path))} cannot be made: {why}.\n"
        "  Choose another place with --out FOLDER."
    )


def _cannot_write(path: Path, why: str | None) -> UsageError:
    return UsageError(
        f"{quoted(str(path))} cannot be written to: {why}.\n"
        "  Copy it to a place that can and name the copy."
    )


def _acquire(path: Path) -> int:
    try:
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _cannot_write(path, error.strerror) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise UsageError(
            f"{quoted(str(path))} is in use by another run (process {holder or 'unknown'}).\n"
            "  Wait for it to end or stop it; it can be resumed afterwards."
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock
