"""Models: graphs of layers with their weights."""

from kernelet.model.base import Model, lower_model
from kernelet.model.sequential import Sequential

__all__ = ["Model", "Sequential", "lower_model"]
