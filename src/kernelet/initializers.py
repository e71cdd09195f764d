"""First values of the weights, with Keras' names, formulas and defaults.

A layer takes a name (``"he_normal"``) or one of the classes here. The values depend on the seed
and the position of the weight in its model alone, so one seed always gives the same network.
"""

from __future__ import annotations

import math
from typing import TypeAlias, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernelet import random
from kernelet.activations import suggestion
from kernelet.errors import ConfigurationError
from kernelet.program import Shape


class Initializer(msgspec.Struct, frozen=True, tag_field="name"):
    """Base class: configuration, and the values it stands for."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        """Return first values.

        Parameters
        ----------
        shape : tuple of int
            Of the weight, in Keras' layout.
        seed, key : int
            Of the model, and the position of the weight in it.

        Returns
        -------
        ndarray of float32
        """
        raise NotImplementedError


class Constant(Initializer, frozen=True, tag="constant"):
    """One value everywhere."""

    value: float = 0.0

    def __post_init__(self) -> None:
        _require_finite(value=self.value)

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return np.full(shape, self.value, dtype=np.float32)


class Zeros(Initializer, frozen=True, tag="zeros"):
    """Zero everywhere."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return np.zeros(shape, dtype=np.float32)


class Ones(Initializer, frozen=True, tag="ones"):
    """One everywhere."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return np.ones(shape, dtype=np.float32)


class RandomUniform(Initializer, frozen=True, tag="random_uniform"):
    """Uniform between two limits."""

    minval: float = -0.05
    maxval: float = 0.05

    def __post_init__(self) -> None:
        _require_finite(minval=self.minval, maxval=self.maxval)
        if self.minval > self.maxval:
            raise ConfigurationError(f"minval {self.minval} is above maxval {self.maxval}.")

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _uniform(shape, seed, key, self.minval, self.maxval)


class RandomNormal(Initializer, frozen=True, tag="random_normal"):
    """Normally distributed."""

    mean: float = 0.0
    stddev: float = 0.05

    def __post_init__(self) -> None:
        _require_finite(mean=self.mean, stddev=self.stddev)

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return random.normal(seed, key, shape, self.mean, self.stddev).astype(np.float32)


def fans(shape: Shape) -> tuple[int, int]:
    """Return how many inputs one output of a weight reads, and how many outputs one input feeds.

    Examples
    --------
    >>> fans((784, 10)), fans((5, 5, 6, 16))
    ((784, 10), (150, 400))
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    cells = math.prod(shape[:-2])
    return cells * shape[-2], cells * shape[-1]


def _require_finite(**numbers: float) -> None:
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise ConfigurationError(f"{name} must be a finite number, not {number}.")


def _uniform(shape: Shape, seed: int, key: int, low: float, high: float) -> NDArray[np.float32]:
    return random.uniform(seed, key, shape, low, high).astype(np.float32)


def _scaled_uniform(shape: Shape, seed: int, key: int, variance: float) -> NDArray[np.float32]:
    limit = math.sqrt(3.0 * variance)
    return _uniform(shape, seed, key, -limit, limit)


# Standard deviation of the standard normal distribution cut off at ±2.
_TRUNCATED_DEVIATION = 0.87962566103423978


def _scaled_normal(shape: Shape, seed: int, key: int, variance: float) -> NDArray[np.float32]:
    deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
    return random.truncated_normal(seed, key, shape, deviation=deviation).astype(np.float32)


class GlorotUniform(Initializer, frozen=True, tag="glorot_uniform"):
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010); the default."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_uniform(shape, seed, key, 2.0 / sum(fans(shape)))


class GlorotNormal(Initializer, frozen=True, tag="glorot_normal"):
    """Truncated normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_normal(shape, seed, key, 2.0 / sum(fans(shape)))


class HeUniform(Initializer, frozen=True, tag="he_uniform"):
    """Uniform with variance 2 / inputs (He et al. 2015), for rectified networks."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_uniform(shape, seed, key, 2.0 / fans(shape)[0])


class HeNormal(Initializer, frozen=True, tag="he_normal"):
    """Truncated normal with variance 2 / inputs (He et al. 2015), for rectified networks."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_normal(shape, seed, key, 2.0 / fans(shape)[0])


class LecunUniform(Initializer, frozen=True, tag="lecun_uniform"):
    """Uniform with variance 1 / inputs (LeCun et al. 1998)."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_uniform(shape, seed, key, 1.0 / fans(shape)[0])


class LecunNormal(Initializer, frozen=True, tag="lecun_normal"):
    """Truncated normal with variance 1 / inputs (LeCun et al. 1998)."""

    def __call__(self, shape: Shape, seed: int, key: int) -> NDArray[np.float32]:
        return _scaled_normal(shape, seed, key, 1.0 / fans(shape)[0])


AnyInitializer: TypeAlias = (
    Zeros
    | Ones
    | Constant
    | RandomUniform
    | RandomNormal
    | GlorotUniform
    | GlorotNormal
    | HeUniform
    | HeNormal
    | LecunUniform
    | LecunNormal
)

_CLASSES: tuple[type[AnyInitializer], ...] = get_args(AnyInitializer)
_BY_NAME = {str(cls.__struct_config__.tag): cls for cls in _CLASSES}


def get(identifier: str | AnyInitializer) -> AnyInitializer:
    """Return an initialiser.

    Parameters
    ----------
    identifier : str or Initializer
        A name, such as ``"he_normal"``, or an object of this module.

    Raises
    ------
    ConfigurationError
        If there is no such initialiser.

    Examples
    --------
    >>> get("he_normal")
    HeNormal()
    """
    if isinstance(identifier, Initializer):
        return identifier
    cls = _BY_NAME.get(identifier) if isinstance(identifier, str) else None
    if cls is None:
        guess = suggestion(identifier, _BY_NAME) if isinstance(identifier, str) else ""
        raise ConfigurationError(
            f"there is no initializer {identifier!r}.{guess} Known: {', '.join(_BY_NAME)}."
        )
    return cls()


_seed = 0


def set_default_seed(seed: int) -> None:
    """Set the seed of models that are made without one.

    Raises
    ------
    ConfigurationError
        If it is no integer of at least 0.
    """
    global _seed
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigurationError(f"a seed is an integer of at least 0, not {seed!r}.")
    _seed = seed


def default_seed() -> int:
    """Return the seed of models that are made without one; 0 unless it was set."""
    return _seed
