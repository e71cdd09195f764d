"""The survey of pictures that are in memory already."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from kernelet.data.doctor.examination import BLANK_DEVIATION, deviations, digests
from kernelet.data.doctor.survey import SIDE, Look, Place, Survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kernelet.data.dataset import Dataset


def survey_arrays(dataset: Dataset) -> Survey:
    """Look at every picture of a data set; its pictures have one size and form."""
    height, width, channels = dataset.image_shape
    form = "grey" if channels == 1 else "RGB"
    total = sum(map(len, dataset.splits.values()))
    thumbnails = np.empty((total, SIDE, SIDE, channels), np.uint8)
    looks: list[Look] = []
    for name, split in dataset.splits.items():
        _shrink(split.images, thumbnails[len(looks) : len(looks) + len(split)])
        blank = deviations(split.images) < BLANK_DEVIATION
        for row, digest in enumerate(digests(np.ascontiguousarray(split.images))):
            label = dataset.class_names[int(split.labels[row])]
            place = Place(dataset.name_of(name, row), name, label, row)
            looks.append(Look(place, (height, width), form, blank=bool(blank[row]), digest=digest))
    return Survey(dataset.source, looks, thumbnails, ())


def _shrink(images: NDArray[np.uint8], small: NDArray[np.uint8]) -> None:
    """Write small copies of pictures."""
    if images.shape[1:] == small.shape[1:]:
        small[...] = images
        return
    for picture, row in zip(images, small, strict=True):
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        resized = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        row[...] = np.asarray(resized).reshape(row.shape)
