"""Activation functions by name, as layers and users write them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import msgspec

from kernelet.errors import ConfigurationError
from kernelet.ops.activation import Activate
from kernelet.ops.softmax import Softmax as SoftmaxOp
from kernelet.program import Op, ProgramBuilder, Value


class ActivationFunction(msgspec.Struct, frozen=True):
    """A function applied to every element, or, for softmax, to the last axis.

    Attributes
    ----------
    name : str
        As in ``Dense(10, activation=name)``.
    op : Op or None
        The operation; None for the identity.
    """

    name: str
    op: Op | None

    def lower(self, build: ProgramBuilder, value: Value) -> Value:
        """Append the function to a program."""
        return value if self.op is None else build.add(self.op, value)


linear = ActivationFunction("linear", None)
relu = ActivationFunction("relu", Activate("relu"))
# Keras' slope for the function; the layer LeakyReLU has its own default.
leaky_relu = ActivationFunction("leaky_relu", Activate("leaky_relu", 0.2))
sigmoid = ActivationFunction("sigmoid", Activate("sigmoid"))
tanh = ActivationFunction("tanh", Activate("tanh"))
gelu = ActivationFunction("gelu", Activate("gelu"))
silu = ActivationFunction("silu", Activate("silu"))
softmax = ActivationFunction("softmax", SoftmaxOp())

_BY_NAME = {f.name: f for f in (linear, relu, leaky_relu, sigmoid, tanh, gelu, silu, softmax)}
_BY_NAME["swish"] = silu


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean …?`` for the nearest known name, or nothing.

    Examples
    --------
    >>> suggestion("rellu", ["relu", "tanh"])
    " Did you mean 'relu'?"
    """
    nearest = difflib.get_close_matches(name, list(known), n=1)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


def get(identifier: str | ActivationFunction | None) -> ActivationFunction:
    """Return an activation function.

    Parameters
    ----------
    identifier : str, ActivationFunction or None
        A name, a function of this module, or None for the identity.

    Raises
    ------
    ConfigurationError
        If there is no such activation.

    Examples
    --------
    >>> get("swish").name
    'silu'
    """
    if identifier is None:
        return linear
    if isinstance(identifier, ActivationFunction):
        return identifier
    found = _BY_NAME.get(identifier) if isinstance(identifier, str) else None
    if found is None:
        guess = suggestion(identifier, _BY_NAME) if isinstance(identifier, str) else ""
        raise ConfigurationError(
            f"there is no activation {identifier!r}.{guess} Known: {', '.join(_BY_NAME)}."
        )
    return found


def configured(identifier: str | ActivationFunction | None) -> str | None:
    """Return the name under which an activation stands in a layer's configuration.

    Raises
    ------
    ConfigurationError
        If there is no such activation.

    Examples
    --------
    >>> configured(relu), configured(None)
    ('relu', None)
    """
    return None if identifier is None else get(identifier).name
