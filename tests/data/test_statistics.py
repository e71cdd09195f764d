from __future__ import annotations

import numpy as np
import pytest

from kernelet.data.dataset import Dataset, Split
from kernelet.data.statistics import channel_statistics


@pytest.mark.parametrize("shape", [(700, 5, 4, 3), (1, 1, 1, 1), (300, 16, 16, 1), (257, 7, 9, 2)])
def test_statistics_are_those_of_numpy(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    means, deviations = channel_statistics(images)
    np.testing.assert_allclose(means, images.mean(axis=(0, 1, 2)), rtol=1e-12)
    expected = images.std(axis=(0, 1, 2))
    np.testing.assert_allclose(deviations, np.where(expected == 0, 1, expected), rtol=1e-12)


def test_white_pictures_are_added_up_exactly() -> None:
    images = np.full((600, 33, 17, 1), 255, np.uint8)
    assert channel_statistics(images) == ([255.0], [1.0])
    images[0, 0, 0, 0] = 254
    count = images.size
    (mean,), (deviation,) = channel_statistics(images)
    assert mean == (255 * count - 1) / count
    assert deviation == (count - 1) ** 0.5 / count


def test_a_data_set_knows_those_of_its_training_pictures() -> None:
    train = Split(np.full((2, 3, 3, 1), 7, np.uint8), np.zeros(2, np.int32))
    other = Split(np.full((2, 3, 3, 1), 9, np.uint8), np.zeros(2, np.int32))
    assert Dataset(("a",), train, other, None, "here").statistics == ([7.0], [1.0])
