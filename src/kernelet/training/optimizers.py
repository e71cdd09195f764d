"""Optimizers by Keras' names, arguments and defaults; formulas in `kernelet.ops.updates`."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from kernelet.errors import ConfigurationError
from kernelet.layers.keywords import ChecksKeywords
from kernelet.ops.updates import AdamUpdate, ClipByNorm, ClipByValue, GlobalNorm, SGDUpdate
from kernelet.program import Op, Parameter, ProgramBuilder, Value
from kernelet.training.names import lookup
from kernelet.training.schedules import Rate, rates


def _require(condition: bool, name: str, expected: str, value: object) -> None:
    if not condition:
        raise ConfigurationError(f"{name} must be {expected}, not {value!r}.")


@dataclass
class Optimizer(ChecksKeywords, ABC):
    """What optimizers share.

    Attributes
    ----------
    learning_rate : float, schedule or function from a step to a rate
        May be changed during training, for example by a callback.
    weight_decay : float or None
        Share of each weight, times the learning rate, that every step takes away, apart from the
        gradient.
    clipnorm : float or None
        Longest gradient of a single weight array; longer ones are scaled.
    clipvalue : float or None
        Largest magnitude of a number of a gradient.
    global_clipnorm : float or None
        Longest gradient of all weights together.
    name : str
        For messages.
    """

    learning_rate: Rate = 0.01
    weight_decay: float | None = field(default=None, kw_only=True)
    clipnorm: float | None = field(default=None, kw_only=True)
    clipvalue: float | None = field(default=None, kw_only=True)
    global_clipnorm: float | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)
    _undecayed: list[str] = field(default_factory=list, init=False)

    slots: ClassVar[tuple[str, ...]] = ()
    """Names of what is kept for every weight; the ones in use depend on the arguments."""

    def __post_init__(self) -> None:
        self.name = self.name or type(self).__name__.lower()
        rates(self.learning_rate, 0, 1)
        clippings = {
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
        }
        given = {name: limit for name, limit in clippings.items() if limit is not None}
        for name, limit in given.items():
            _require(math.isfinite(limit) and limit > 0, name, "a positive number", limit)
        if len(given) > 1:
            raise ConfigurationError(f"only one of {', '.join(given)} can be used at a time.")
        decay = self.weight_decay
        if decay is not None:
            _require(math.isfinite(decay) and decay >= 0, "weight_decay", "at least 0", decay)
        self.validate()

    @abstractmethod
    def validate(self) -> None:
        """Raise ConfigurationError for arguments that make no sense."""

    @abstractmethod
    def update(self, weight_decay: float) -> Op:
        """Return the operation ``(parameter, gradient, *slots) → (parameter, *slots)``."""

    def exclude_from_weight_decay(self, var_names: Sequence[str]) -> None:
        """Leave some weights out of weight decay.

        Parameters
        ----------
        var_names : sequence of str
            Regular expressions, searched for in ``<layer>/<weight>``.

        Raises
        ------
        ConfigurationError
            If one is no regular expression.

        Examples
        --------
        >>> optimizer = AdamW()
        >>> optimizer.exclude_from_weight_decay(["/bias$", "/gamma$", "/beta$"])
        >>> optimizer.decay_of("conv2d/bias"), optimizer.decay_of("conv2d/kernel")
        (0.0, 0.004)
        """
        for pattern in var_names:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigurationError(
                    f"{pattern!r} is no regular expression: {error}."
                ) from None
        self._undecayed.extend(var_names)

    def decay_of(self, weight: str) -> float:
        """Return the weight decay of one weight, named ``<layer>/<weight>``."""
        excluded = any(re.search(pattern, weight) for pattern in self._undecayed)
        return 0.0 if excluded else float(self.weight_decay or 0.0)

    def apply(
        self, build: ProgramBuilder, parameters: Sequence[Parameter], gradients: Sequence[Value]
    ) -> None:
        """Emit the updates of all weights.

        The first slots of all weights are declared before the second ones, so that each kind
        lies in memory in the order of the weights.
        """
        clipped = self._clipped(build, gradients)
        slots = [
            [self._slot(build, slot, parameter) for parameter in parameters] for slot in self.slots
        ]
        for k, parameter in enumerate(parameters):
            update = self.update(self.decay_of(parameter.name))
            kept = [values[k] for values in slots]
            results = build.apply(update, parameter.value, clipped[k], *kept)
            build.updates.update(zip((parameter.value, *kept), results, strict=True))

    @staticmethod
    def _slot(build: ProgramBuilder, slot: str, parameter: Parameter) -> Value:
        return build.parameter(f"{parameter.name}/{slot}", parameter.value.shape, "slot")

    def _clipped(self, build: ProgramBuilder, gradients: Sequence[Value]) -> list[Value]:
        if self.clipvalue is not None:
            return [build.add(ClipByValue(self.clipvalue), g) for g in gradients]
        if self.clipnorm is not None:
            limit = ClipByNorm(self.clipnorm)
            return [build.add(limit, g, build.add(GlobalNorm(), g)) for g in gradients]
        if self.global_clipnorm is not None and gradients:
            norm = build.add(GlobalNorm(), *gradients)
            return [build.add(ClipByNorm(self.global_clipnorm), g, norm) for g in gradients]
        return list(gradients)


@dataclass
class SGD(Optimizer):
    """Stochastic gradient descent, with momentum on request.

    Attributes
    ----------
    momentum : float
        Share of the last step that is kept, at least 0 and below 1.
    nesterov : bool
        Whether momentum looks ahead.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9, nesterov=True).slots
    ('velocity',)
    """

    learning_rate: Rate = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    def validate(self) -> None:
        _require(0 <= self.momentum < 1, "momentum", "at least 0 and below 1", self.momentum)

    @property
    def slots(self) -> tuple[str, ...]:  # type: ignore[override]
        """The velocity, where there is momentum."""
        return ("velocity",) if self.momentum else ()

    def update(self, weight_decay: float) -> Op:
        return SGDUpdate(self.momentum, self.nesterov, weight_decay)


@dataclass
class Adam(Optimizer):
    """Adam: steps of a size that adapts to each weight (Kingma and Ba, 2015).

    Attributes
    ----------
    beta_1, beta_2 : float
        Share of the running means of gradient and squared gradient that is kept.
    epsilon : float
        Added to the root of the mean square.
    """

    learning_rate: Rate = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    slots: ClassVar[tuple[str, ...]] = ("momentum", "velocity")

    def validate(self) -> None:
        for name, beta in (("beta_1", self.beta_1), ("beta_2", self.beta_2)):
            _require(0 <= beta < 1, name, "at least 0 and below 1", beta)
        _require(
            math.isfinite(self.epsilon) and self.epsilon > 0,
            "epsilon",
            "a positive number",
            self.epsilon,
        )

    def update(self, weight_decay: float) -> Op:
        return AdamUpdate(self.beta_1, self.beta_2, self.epsilon, weight_decay)


@dataclass
class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019)."""

    weight_decay: float | None = 0.004


OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}


def get(optimizer: str | Optimizer) -> Optimizer:
    """Return an optimizer from its name, or the optimizer itself.

    Raises
    ------
    ConfigurationError
        If there is no optimizer of that name.

    Examples
    --------
    >>> get("adam").learning_rate
    0.001
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    return lookup("optimizer", optimizer, OPTIMIZERS)()
