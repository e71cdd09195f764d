"""From pairs of pictures that look alike to groups of copies."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet.data.doctor.chance import MOST_COPIES
from kernelet.data.doctor.groups import Repeats, find_repeats
from kernelet.data.doctor.similar import SimilarPairs
from kernelet.data.doctor.survey import Look, Place, Survey


def chained(pictures: int) -> Repeats:
    """Return what is found where each picture looks like the next one."""
    looks = [
        Look(Place(f"{row}.png", "train", "a", row), (9, 9), "RGB", "PNG", 1, 1, False, b"%d" % row)
        for row in range(pictures)
    ]
    survey = Survey("here", looks, np.zeros((pictures, 8, 8, 3), np.uint8), ())
    pairs = np.array([(row, row + 1) for row in range(pictures - 1)], np.int64)
    found = SimilarPairs(pairs, np.zeros((0, 2), np.int64))
    return find_repeats(survey, (), lambda _: found, lambda row: looks[row].digest)


@pytest.mark.parametrize("pictures", [2, 1 + MOST_COPIES])
def test_some_that_look_alike_are_copies(pictures: int) -> None:
    repeats = chained(pictures)
    assert repeats.near == [[(row,) for row in range(pictures)]]
    assert repeats.lookalikes == 0


def test_more_that_look_alike_are_one_kind() -> None:
    repeats = chained(2 + MOST_COPIES)
    assert repeats.near == []
    assert repeats.lookalikes == 2 + MOST_COPIES
