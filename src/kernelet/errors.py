"""Exceptions that a user's mistake raises; each says what was expected, what came, what to do."""

from __future__ import annotations


class KerneletError(Exception):
    """Base class of every error that a user can cause and repair."""


class UsageError(KerneletError, ValueError):
    """A function or command was called in a way it does not support."""


class ShapeError(KerneletError, ValueError):
    """Shapes that do not fit together."""


class DataError(KerneletError):
    """Pictures, labels or files of a data set that cannot be used."""


class ConfigurationError(KerneletError):
    """A layer, optimizer or run configured with a value that makes no sense."""


class ModelFileError(KerneletError):
    """A model or checkpoint file that is damaged, foreign or too new."""


class TrainingError(KerneletError):
    """Training that cannot go on, for example because the loss became NaN.

    Attributes
    ----------
    rows : tuple of int
        Rows of the training samples to look at first; empty where none is to blame.
    """

    def __init__(self, message: str, rows: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.rows = rows
