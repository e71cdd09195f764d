"""Shapes for operations with sliding windows: every special case once, and random ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kernelet.geometry import Padding, SlidingWindow, sliding_window


@dataclass(frozen=True)
class Case:
    """One convolution.

    Attributes
    ----------
    size, kernel, strides, dilation : tuple of int
        Along each axis that the window slides over, one to three; strides and dilation of () are 1.
    padding : str, int or pairs
        As layers take it.
    channels, filters, groups, batch : int
        Of pictures and filters, and how many pictures.
    """

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    padding: Padding = "valid"
    strides: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    channels: int = 1
    filters: int = 1
    groups: int = 1
    batch: int = 3
    name: str = field(default="", compare=False)

    @property
    def window(self) -> SlidingWindow:
        """The resolved window."""
        return sliding_window(self.size, self.kernel, self.padding, self.strides, self.dilation)

    def __str__(self) -> str:
        return self.name


CASES = (
    Case((5, 5), (3, 3), name="textbook"),
    Case((1, 1), (1, 1), name="one cell"),
    Case((28, 28), (5, 5), "same", filters=6, batch=17, name="lenet first"),
    Case((14, 14), (5, 5), channels=6, filters=16, batch=33, name="lenet second"),
    Case((6, 7), (1, 1), channels=20, filters=9, name="pointwise"),
    Case((6, 7), (1, 1), strides=(2, 3), channels=3, filters=4, name="strided pointwise"),
    Case((7, 5), (3, 2), "full", channels=2, filters=5, name="full"),
    Case((7, 6), (4, 2), "same", channels=3, filters=3, name="same, even kernel"),
    Case((7, 9), (3, 5), "same", strides=(2, 3), channels=2, filters=7, name="same, strided"),
    Case((8, 8), (3, 3), "same", strides=(3, 2), channels=4, filters=8, name="stride of a kernel"),
    Case((9, 11), (2, 2), strides=(3, 4), channels=2, filters=2, name="stride beyond the kernel"),
    Case((9, 8), (3, 3), "same", dilation=(2, 3), channels=3, filters=4, name="dilated"),
    Case((9, 9), (3, 3), 2, (2, 2), (2, 2), 2, 3, name="dilated and strided"),
    Case((5, 6), (3, 3), 4, channels=2, filters=3, name="more padding than the kernel"),
    Case((4, 5), (3, 3), ((2, 0), (0, 3)), channels=2, filters=3, name="asymmetric padding"),
    Case((3, 3), (5, 5), "same", channels=2, filters=4, name="kernel beyond the picture"),
    Case((2, 9), (2, 7), ((1, 0), (6, 1)), channels=3, filters=2, name="one row"),
    Case((6, 6), (3, 3), "same", channels=6, filters=6, groups=6, name="depthwise"),
    Case(
        (7, 21),
        (3, 5),
        "same",
        channels=37,
        filters=37,
        groups=37,
        batch=17,
        name="depthwise, wide",
    ),
    Case((9, 20), (5, 3), 1, (1, 2), (2, 1), 18, 18, 18, name="depthwise, strided"),
    Case((8, 12), (3, 7), "full", (2, 1), (1, 2), 5, 5, 5, name="depthwise, far taps"),
    Case((6, 5), (3, 3), "same", channels=4, filters=8, groups=4, name="depthwise, two filters"),
    Case((5, 5), (3, 3), "valid", (2, 1), (1, 2), 6, 10, 2, name="groups"),
    Case((4, 4), (3, 3), "same", channels=17, filters=19, batch=16, name="odd channels"),
    Case((3, 19), (3, 3), "same", channels=8, filters=32, batch=1, name="one picture"),
    Case((7, 21), (3, 3), "same", (1, 2), channels=40, filters=35, name="many channels"),
    Case((9, 8), (2, 3), "full", (1, 1), (2, 2), 36, 34, 2, name="groups of many channels"),
    Case((50,), (7,), "same", channels=3, filters=9, batch=17, name="1-D"),
    Case((23,), (4,), "full", (3,), (2,), 4, 6, 2, name="1-D, everything"),
    Case((40,), (5,), "causal", dilation=(4,), channels=2, filters=8, name="1-D, causal"),
    Case((3,), (8,), ((6, 1),), channels=5, filters=2, name="1-D, kernel beyond the signal"),
    Case((5, 6, 7), (3, 3, 3), "same", channels=2, filters=9, batch=17, name="3-D"),
    Case((4, 5, 9), (2, 3, 3), "same", (2, 1, 3), (1, 2, 1), 4, 6, 2, name="3-D, everything"),
    Case((3, 4, 9), (2, 3, 3), "same", channels=5, filters=5, groups=5, name="3-D, depthwise"),
    Case((6, 5, 4), (3, 1, 2), ((2, 0), 1, (0, 3)), (1, 2, 1), name="3-D, asymmetric padding"),
    Case((2, 2, 9), (4, 5, 3), "same", channels=3, filters=4, name="3-D, kernel beyond the volume"),
)


# The longest axis and the largest kernel by the number of axes.
_LIMITS = {1: (40, 9), 2: (12, 5), 3: (6, 3)}


def _padding(generator: np.random.Generator, axes: int) -> Padding:
    chosen = generator.integers(5)
    if chosen < 3:
        return ("valid", "same", "full")[chosen]
    if chosen == 3:
        return int(generator.integers(0, 4))
    sides = generator.integers(0, 4, (axes, 2)).tolist()
    return tuple((before, after) for before, after in sides)


def random_case(generator: np.random.Generator) -> Case:
    """Return a random small convolution over one to three axes whose kernel fits."""

    def sizes(high: int) -> tuple[int, ...]:
        return tuple(generator.integers(1, high + 1, axes).tolist())

    while True:
        axes = int(generator.choice([1, 2, 2, 3]))
        length, kernel = _LIMITS[axes]
        most = 20 if axes < 3 else 10
        groups = int(generator.choice([1, 1, 1, 2, 3]))
        case = Case(
            size=sizes(length),
            kernel=sizes(kernel),
            padding=_padding(generator, axes),
            strides=sizes(3),
            dilation=sizes(2),
            channels=groups * int(generator.integers(1, most // groups + 1)),
            filters=groups * int(generator.integers(1, most // groups + 1)),
            groups=groups,
            batch=int(generator.choice([1, 5, 16, 19])),
        )
        if min(case.window.output) >= 1:
            return case
