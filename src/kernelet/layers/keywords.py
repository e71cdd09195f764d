"""Names of arguments, checked with a hint where one is misspelt or comes from elsewhere."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Sequence
from typing import Any, Self

from kernelet.errors import ConfigurationError
from kernelet.layers.problems import repair_line

# What Keras takes and kernelet does not, by the whole name or the end of a long one.
_FOREIGN = {
    "lr": ["learning_rate"],
    "decay": ["weight_decay, or a schedule of kernelet.optimizers.schedules as the learning rate"],
    "reduction": ["leaving it out: a loss is the mean over the batch"],
    "input_dim": ["input_shape=(…,), or an Input in front"],
    "batch_size": ["leaving it out: a network takes batches of any size"],
    "batch_input_shape": ["input_shape, which leaves the batch out"],
    "regularizer": ["weight_decay in the optimizer, for example AdamW"],
}


class ChecksKeywords:
    """A class whose constructor says which arguments it knows where it is given another."""

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        if named:
            _require_known(cls, named)
        return super().__new__(cls)


def _require_known(cls: type, named: dict[str, Any]) -> None:
    initialize = cls.__init__  # type: ignore[misc]  # that of the class being made
    parameters = list(inspect.signature(initialize).parameters.values())[1:]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters]
    for name in named:
        if name not in known:
            raise ConfigurationError(_unknown(cls.__name__, name, known))


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    foreign = (end for end in _FOREIGN if name == end or (len(end) > 8 and name.endswith(end)))
    repairs = next((_FOREIGN[end] for end in foreign), None)
    hint = f" Did you mean {close[0]!r}?" if close and repairs is None else ""
    listed = f" Known: {', '.join(known)}." if known else ""
    return f"{kind} has no argument {name!r}.{hint}{listed}{repair_line(repairs or [])}"
