"""Optimizers and, in ``schedules``, learning-rate schedules, by Keras' names."""

from kernelet.optimizers import schedules
from kernelet.training.optimizers import SGD, Adam, AdamW, Optimizer, get

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "get", "schedules"]
