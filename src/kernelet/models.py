"""Models by Keras' names."""

from kernelet.interchange.safetensors import load_model
from kernelet.model import Model, Sequential

__all__ = ["Model", "Sequential", "load_model"]
