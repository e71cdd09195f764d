"""What to try where labels, loss and the last layer do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from kernelet.program import Shape

LabelKind = Literal["sparse", "categorical", "other"]

# More classes than anyone numbers by hand; beyond, the label is the mistake.
_MOST_CLASSES = 100_000


def repairs_of_classes(labels: NDArray[Any], classes: int) -> list[str]:
    """Return what to try where labels are not all numbers of classes.

    Parameters
    ----------
    labels : ndarray, shape (samples,)
        At least one of them none of 0 to ``classes − 1``.
    classes : int
        Outputs of the network.

    Examples
    --------
    >>> repairs_of_classes(np.array([1, 2, 3]), 3)
    ['y - 1 for classes numbered from 1', 'Dense(4) as the last layer']
    """
    if (labels != np.floor(labels)).any():
        return ["y.astype(int), if these are classes", 'the loss "mean_squared_error" if not']
    lowest, highest = int(labels.min()), int(labels.max())
    repairs = []
    if lowest >= 1 and highest == classes:
        repairs.append("y - 1 for classes numbered from 1")
    elif len(np.unique(labels)) <= classes:
        repairs.append("numpy.unique(y, return_inverse=True)[1], which numbers classes from 0")
    if lowest >= 0 and classes <= highest < _MOST_CLASSES:
        repairs.append(f"Dense({highest + 1}) as the last layer")
    return repairs


def repairs_of_shares(labels: NDArray[Any]) -> list[str]:
    """Return what to try where labels of yes and no are not all from 0 to 1.

    Examples
    --------
    >>> repairs_of_shares(np.array([-1, 1]))
    ['(y + 1) / 2']
    """
    values = np.unique(labels)
    if set(values.tolist()) <= {-1, 1}:
        return ["(y + 1) / 2"]
    if (values == np.floor(values)).all() and values[0] >= 0 and values[-1] < _MOST_CLASSES:
        classes = int(values[-1]) + 1
        layer = f'Dense({classes}, activation="softmax") as the last layer'
        repair = f'{layer} and the loss "sparse_categorical_crossentropy" for class numbers'
        return [repair, "y / 255"] if classes == 256 else [repair]
    return ["numbers from 0 to 1", 'the loss "mean_squared_error"']


def repairs_of_label_shape(kind: LabelKind, given: Shape, prediction: Shape) -> list[str]:
    """Return what to try where labels have a shape that the loss does not take.

    Parameters
    ----------
    kind : {"sparse", "categorical", "other"}
        Whether the loss takes the number of a class, one number a class, or numbers like those
        that the network returns.
    given : tuple of int
        Of the labels, with the samples.
    prediction : tuple of int
        Of one sample's output.

    Examples
    --------
    >>> repairs_of_label_shape("categorical", (20,), (4,))
    ['the loss "sparse_categorical_crossentropy" for class numbers', 'numpy.eye(4)[y]']
    """
    sample = given[1:]
    if kind == "sparse":
        if sample == prediction:
            return [
                'the loss "categorical_crossentropy" for one number a class',
                "y.argmax(axis=1)",
            ]
        return ["one class number a sample"]
    if len(given) == 1 and len(prediction) == 1:
        classes = prediction[0]
        if kind == "categorical":
            loss = 'the loss "sparse_categorical_crossentropy" for class numbers'
            return [loss, f"numpy.eye({classes})[y]"]
        return [
            "Dense(1) as the last layer for one number a sample",
            f'the loss "sparse_categorical_crossentropy" for {classes} classes',
        ]
    if len(sample) == 1 == len(prediction):
        return [f"Dense({sample[0]}) as the last layer"]
    return []
