"""What a classifier answers, as a probability for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from kernelet.model import Model

# As large as the engine likes, small enough for the memory of any network.
_BATCH = 128


def class_probabilities(
    model: Model, images: NDArray[Any], *, precision: str = "float32", threads: int | None = None
) -> NDArray[np.float32]:
    """Return the probability of each class for each picture.

    Parameters
    ----------
    model : Model
        With one output of probabilities, or of the probability of the second of two classes.
    images : ndarray, shape (pictures, height, width, channels)
        At least one.
    precision : {"float32", "bfloat16", "auto"}
        As for `Model.predict`.
    threads : int, optional
        By default as many as the process may use.

    Returns
    -------
    ndarray of float32, shape (pictures, classes)
    """
    outputs: NDArray[np.float32] = model.predict(
        images, batch_size=_BATCH, precision=precision, threads=threads
    )
    if outputs.shape[1] == 1:
        return np.concatenate((1 - outputs, outputs), axis=1)
    return outputs
