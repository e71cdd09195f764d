"""The shift report: what becomes of the answer, and of each layer's map, when pictures move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from kernelet.data.dataset import Dataset
from kernelet.data.listing import visible
from kernelet.errors import ShapeError, UsageError
from kernelet.explain.charts import heat_map, line_chart
from kernelet.explain.equivariance import LayerEquivariance, equivariance
from kernelet.explain.moving import moved
from kernelet.explain.numbers import number_text
from kernelet.explain.probabilities import class_probabilities
from kernelet.ops.augmentation import FILLS, Fill
from kernelet.text import table

if TYPE_CHECKING:
    from kernelet.data import Split
    from kernelet.explain.svg import Drawing
    from kernelet.model import Model

# Maps of so many pictures are compared, which the engine computes side by side: each gives as many
# differences as it has cells.
_MAPPED = 16
# Pictures that are answered in one call: as many as this holds, or those of one displacement.
_TOGETHER_BYTES = 8 << 20
# By default, at most so many displacements in each direction.
_STEPS = 4


class ShiftReport(msgspec.Struct, frozen=True, eq=False):
    """What a network answers when pictures move; see `shift`.

    Attributes
    ----------
    displacements : tuple of int
        Pixels, rising, the same downwards (below 0: upwards) and to the right (left).
    accuracy : ndarray of float64, shape (displacements, displacements)
        Share of the pictures whose class is still recognised, moved so far down (row) and to the
        right (column).
    probability : ndarray of float64, shape (displacements, displacements)
        Mean probability of the true class.
    pictures : int
        That were moved.
    fill : {"nearest", "constant", "reflect"}
        What entered them.
    layers : tuple of LayerEquivariance
        How well each layer's map moves along.
    """

    displacements: tuple[int, ...]
    accuracy: NDArray[np.float64]
    probability: NDArray[np.float64]
    pictures: int
    fill: Fill
    layers: tuple[LayerEquivariance, ...]

    @property
    def filling(self) -> str:
        """What entered the pictures, in words."""
        return {
            "nearest": "the pixel at the border, repeated",
            "constant": "zeros",
            "reflect": "the picture mirrored at its border",
        }[self.fill]

    def to_text(self) -> str:
        """Return the accuracy by displacement, and the layers, as tables."""
        names = list(map(number_text, self.displacements))
        grid = [["down \\ right", *names]]
        grid += [
            [name, *(f"{100 * value:.1f} %" for value in row)]
            for name, row in zip(names, self.accuracy.tolist(), strict=True)
        ]
        layers = [("layer", "kind", "moved by", "inside", "cells", "everywhere")]
        layers += self.layer_rows()
        return (
            f"Accuracy on {self.pictures:,} pictures moved by so many pixels; "
            f"what enters them: {self.filling}\n{table(grid)}\n\n"
            "Difference between the map of the moved picture and the moved map, in deviations\n"
            f"{table(layers, left=(0, 1))}"
        )

    def layer_rows(self) -> list[tuple[str, str, str, str, str, str]]:
        """Return name, kind, displacement, error inside, cells and error everywhere as texts."""
        rows = []
        for layer in self.layers:
            down, right = layer.displacement
            distance = f"{down}" if down == right else f"{down}, {right}"
            inside, everywhere = map(_error_text, (layer.inside, layer.everywhere))
            name = visible(layer.name)
            rows.append((name, layer.kind, distance, inside, f"{layer.cells:,}", everywhere))
        return rows

    def charts(self) -> tuple[Drawing, Drawing, Drawing]:
        """Return drawings of accuracy by both displacements, and of both numbers by one."""
        names = list(map(number_text, self.displacements))
        texts = [[f"{100 * value:.0f}" for value in row] for row in self.accuracy.tolist()]
        middle = self.displacements.index(0)
        title = "Accuracy in %, moved down and right"
        grid = heat_map(self.accuracy, texts, names, names, title, [(middle, middle)])
        curves = [
            line_chart(
                {"accuracy": line[0].tolist(), "probability": line[1].tolist()},
                f"Moved {direction}",
                "pixels",
                x=self.displacements,
                limits=(0, 1),
                percent=True,
            )
            for direction, *line in (
                ("to the right", self.accuracy[middle], self.probability[middle]),
                ("down", self.accuracy[:, middle], self.probability[:, middle]),
            )
        ]
        return grid, curves[0], curves[1]

    def to_svg(self) -> str:
        """Return the accuracy by displacement as the text of an SVG file."""
        return self.charts()[0].to_svg()

    def _repr_html_(self) -> str:
        from kernelet.explain.pages import fragment

        return fragment("shift.html", shift=self)


def _error_text(error: float | None) -> str:
    """Return an error in two figures; below what rounding makes of float32, as a power."""
    if error is None:
        return "–"
    return f"{error:.1e}" if 0 < error < 1e-3 else f"{error:.3f}"


def shift(
    model: Model,
    data: Dataset | Split | tuple[ArrayLike, ArrayLike],
    *,
    displacements: Sequence[int] | None = None,
    pictures: int = 500,
    fill: Fill = "nearest",
    precision: str = "float32",
    threads: int | None = None,
) -> ShiftReport:
    """Move pictures and see whether the answer stays, and whether each layer's map moves along.

    Parameters
    ----------
    model : Model
        A classifier of pictures whose outputs are probabilities.
    data : Dataset, Split, or pair of arrays
        Pictures with their classes; of a data set, its test pictures, else those for validation,
        else those for training. A pair is (images, labels), of shapes (pictures, height, width,
        channels) and (pictures,).
    displacements : sequence of int, optional
        Pixels to move by, each in both directions, also combined. Default: up to a quarter of the
        shorter side, at most four in each direction.
    pictures : int
        Most pictures to use, evenly chosen.
    fill : {"nearest", "constant", "reflect"}
        What enters at the side that a picture leaves: the pixel at the border repeated, 0, or the
        picture mirrored.
    precision : {"float32", "bfloat16", "auto"}
        Of the answers, as for `Model.predict`; layers' maps are compared in float32.
    threads : int, optional
        By default as many as the process may use.

    Returns
    -------
    ShiftReport
        Prints as tables.

    Raises
    ------
    ShapeError
        If the arrays are not pictures with one class each, or the model takes others.
    UsageError
        For an unknown fill, no pictures, or displacements as large as the pictures.

    Notes
    -----
    For a map f with stride s, and x moved by s pixels written as Tx, a layer's error compares
    f(Tx) with f(x) moved by one cell. For convolutions it is 0 but for rounding wherever neither
    padding nor what entered the picture is in a cell's receptive field.

    Examples
    --------
    >>> from kernelet.layers import Conv2D, Dense, GlobalAveragePooling2D, Input
    >>> from kernelet.model import Sequential
    >>> layers = [Input((12, 12, 1)), Conv2D(4, 3, name="conv"), GlobalAveragePooling2D()]
    >>> model = Sequential([*layers, Dense(2, activation="softmax")])
    >>> images = np.random.default_rng(0).random((8, 12, 12, 1))
    >>> report = shift(model, (images, np.zeros(8, int)), displacements=[1, 3])
    >>> report.displacements, report.accuracy.shape
    ((-3, -1, 0, 1, 3), (5, 5))
    >>> report.layers[0].name, report.layers[0].inside < 1e-6
    ('conv', True)
    """
    images, labels = _arrays(data)
    _check(model, images, labels, pictures, fill)
    chosen = np.linspace(0, len(images) - 1, min(pictures, len(images))).round().astype(np.int64)
    images, labels = images[chosen], labels[chosen]
    distances = _displacements(displacements, images.shape[1:3])
    answers = np.empty((2, len(distances), len(distances)))
    together = max(1, _TOGETHER_BYTES // images.nbytes)
    for row, down in enumerate(distances):
        lowered = moved(images, down, 0, fill)
        for column in range(0, len(distances), together):
            some = distances[column : column + together]
            shown = np.concatenate([moved(lowered, 0, right, fill) for right in some])
            found = _answers(model, shown, labels, precision, threads)
            answers[:, row, column : column + together] = found
    return ShiftReport(
        displacements=distances,
        accuracy=answers[0],
        probability=answers[1],
        pictures=len(images),
        fill=fill,
        layers=equivariance(model, images[:: -(-len(images) // _MAPPED)], fill),
    )


def _arrays(data: Dataset | Split | tuple[ArrayLike, ArrayLike]) -> tuple[NDArray[Any], ...]:
    if isinstance(data, tuple | list):
        if len(data) != 2:
            raise UsageError(f"expected (images, labels), got {len(data)} arrays.")
        images, labels = map(np.asarray, data)
        return images, labels
    split = data.splits[data.measured] if isinstance(data, Dataset) else data
    return split.images, split.labels


def _check(
    model: Model, images: NDArray[Any], labels: NDArray[Any], pictures: int, fill: str
) -> None:
    if images.ndim != 4 or labels.shape != images.shape[:1] or not len(images):
        raise ShapeError(
            "expected images of shape (pictures, height, width, channels) and labels of shape "
            f"(pictures,), at least one; got {images.shape} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise ShapeError(f"labels are class numbers, integers; got {labels.dtype}.")
    model.named_inputs(images[:1])
    shapes = [tensor.sample_shape for tensor in model.outputs]
    classes = max(2, shapes[0][0]) if len(shapes) == 1 and len(shapes[0]) == 1 else 0
    if not classes:
        raise ShapeError(
            f"the model's output is {shapes}, not one row of probabilities; the shift report is "
            "for classifiers. For maps alone, compare kernelet.explain.feature_maps."
        )
    if not 0 <= labels.min() <= labels.max() < classes:
        raise ShapeError(
            f"the model tells {classes} classes apart, labels must be from 0 to {classes - 1}; "
            f"got {labels.min()} to {labels.max()}."
        )
    if pictures < 1:
        raise UsageError(f"pictures must be at least 1, not {pictures}.")
    if fill not in FILLS:
        raise UsageError(f"fill must be one of {', '.join(FILLS)}, not {fill!r}.")


def _displacements(wanted: Sequence[int] | None, size: Sequence[int]) -> tuple[int, ...]:
    """Return displacements in both directions and 0, rising."""
    side = min(size)
    if wanted is None:
        step = max(1, side // 4 // _STEPS)
        wanted = [step * k for k in range(1, _STEPS + 1) if step * k < side]
    distances = {abs(int(one)) for one in wanted}
    if distances and max(distances) >= side:
        raise UsageError(
            f"displacements must be below the shorter side of the pictures, {side}; "
            f"got {max(distances)}."
        )
    return tuple(sorted({0, *distances, *(-one for one in distances)}))


def _answers(
    model: Model, images: NDArray[Any], labels: NDArray[Any], precision: str, threads: int | None
) -> NDArray[np.float64]:
    """Return accuracy and mean probability of the true class, each time the labels repeat."""
    probabilities = class_probabilities(model, images, precision=precision, threads=threads)
    times = probabilities.reshape(-1, len(labels), probabilities.shape[1])
    right = times.argmax(axis=2) == labels
    of_truth = np.ascontiguousarray(times[:, np.arange(len(labels)), labels])
    return np.stack([right.mean(axis=1), of_truth.mean(axis=1, dtype=np.float64)])
