"""LeNet-5."""

from __future__ import annotations

from collections.abc import Sequence

from kernelet.layers import Conv2D, Dense, Flatten, MaxPooling2D
from kernelet.model import Sequential
from kernelet.networks.parts import MIDDLE, Statistics, entrance


def lenet5(
    input_shape: Sequence[int] = (28, 28, 1),
    classes: int = 10,
    *,
    mean: Statistics = MIDDLE,
    deviation: Statistics = MIDDLE,
    flip: bool = False,
    shift: float = 0.0,
    seed: int | None = None,
) -> Sequential:
    """Return LeNet-5 (LeCun et al. 1998), with rectifiers and maximum pooling as used today.

    Two stages of 5×5 convolution and pooling with 6 and 16 maps, then dense layers of 120, 84
    and ``classes``. On pictures of 32×32 and more the first convolution is "valid", as in the
    paper; on smaller ones, such as 28×28, "same", which leads to the same sizes.

    Parameters
    ----------
    input_shape : sequence of int
        Height, width, channels; at least 16×16.
    classes : int
        Number of classes.
    mean, deviation : float or sequence of float
        Of the pictures, 0 to 255, for all channels or one a channel.
    flip : bool
        Whether training pictures are mirrored left to right at random.
    shift : float
        Largest random shift of training pictures, as a part of their size.
    seed : int, optional
        Key of the first weights.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> lenet5().count_params()
    61706
    """
    padding = "valid" if min(input_shape[:2]) >= 32 else "same"
    return Sequential(
        [
            *entrance(input_shape, mean, deviation, flip=flip, shift=shift),
            Conv2D(6, 5, padding=padding, activation="relu", name="conv1"),
            MaxPooling2D(name="pool1"),
            Conv2D(16, 5, activation="relu", name="conv2"),
            MaxPooling2D(name="pool2"),
            Flatten(name="flatten"),
            Dense(120, activation="relu", name="dense1"),
            Dense(84, activation="relu", name="dense2"),
            Dense(classes, activation="softmax", name="classes"),
        ],
        name="lenet5",
        seed=seed,
    )
