"""One sample at a time, with or without its batch axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernelet.errors import UsageError
from kernelet.model.base import Model


def one_sample(model: Model, x: Any) -> dict[str, NDArray[Any]]:
    """Return arrays by input name, each with a batch of one.

    Parameters
    ----------
    model : Model
    x : array_like, or several of them
        As for ``model.predict``; the batch axis may be missing where there is one input.

    Raises
    ------
    UsageError
        If there are more samples.
    ShapeError
        If `x` does not fit the model.
    """
    names = model.graph.input_names if model.built else ()
    if len(names) == 1 and not isinstance(x, dict):
        array = np.asarray(x)
        expected = model.graph.calls[model.graph.inputs[0]].shape
        x = array[np.newaxis] if array.shape == expected else array
    arrays = model.named_inputs(x)
    count = len(next(iter(arrays.values())))
    if count != 1:
        raise UsageError(f"one sample is explained at a time; x holds {count}. Take x[:1].")
    return arrays
