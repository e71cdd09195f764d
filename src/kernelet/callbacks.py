"""Callbacks by Keras' names, and the checkpoints that an interrupted ``fit`` resumes from."""

from kernelet.training.callbacks.base import Callback
from kernelet.training.callbacks.csv_logger import CSVLogger
from kernelet.training.callbacks.filter_film import FilterFilm
from kernelet.training.callbacks.functions import LambdaCallback, LearningRateScheduler
from kernelet.training.callbacks.history import History
from kernelet.training.callbacks.monitoring import (
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from kernelet.training.checkpoints import Checkpointer

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpointer",
    "EarlyStopping",
    "FilterFilm",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
]
