"""Pictures side by side: signed colours, enlarged filters, layout."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kernelet.convolution import filters
from kernelet.explain import comparison
from kernelet.explain.comparison import Panel, filter_picture, side_by_side, signed_picture

BLUE, RED, WHITE = (33, 102, 172), (178, 24, 43), (255, 255, 255)


def test_examples() -> None:
    result = doctest.testmod(comparison)
    assert result.attempted > 0
    assert result.failed == 0


def test_signed_colours() -> None:
    picture = signed_picture(np.array([[-4.0, -1.0, 0.0, 1.0, 4.0]]), 2)
    pixels = [picture.getpixel((x, 0)) for x in range(5)]
    assert pixels[0] == BLUE
    assert pixels[2] == WHITE
    assert pixels[4] == RED
    halves = np.array([pixels[1], pixels[3]])
    assert np.abs(halves - (np.array([BLUE, RED]) + 255) / 2).max() <= 0.5
    assert signed_picture(np.zeros((1, 1)), 0).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize(
    ("window", "size"),
    [
        (np.eye(3), (194, 194)),
        (np.ones((1, 9)), (191, 23)),
        (np.ones((97, 97)), (99, 99)),
        (np.ones((1000, 500)), (98, 194)),
    ],
)
def test_filters_are_enlarged_by_whole_factors(
    window: NDArray[np.float64], size: tuple[int, int]
) -> None:
    assert filter_picture(window).size == size


def has_text(window: NDArray[np.float64]) -> bool:
    """Return whether anything stands in a cell but its colour."""
    side = 192 // len(window)
    cell = np.asarray(filter_picture(window))[3 : side - 2, 3 : side - 2].reshape(-1, 3)
    return len(np.unique(cell, axis=0)) > 1


def test_numbers_are_written_where_they_fit() -> None:
    assert has_text(np.full((3, 3), 0.1111))
    assert has_text(np.full((9, 9), 1.0))
    assert not has_text(np.full((9, 9), 0.00001234))
    assert not has_text(np.full((15, 15), 1.0))


def test_channels_stand_below_one_another() -> None:
    window = np.stack([np.full((3, 3), value) for value in (1.0, -1.0, 0.0)], axis=2)
    pixels = np.asarray(filter_picture(window))
    middle = pixels[:, 5]
    first = [int((middle == colour).all(axis=1).argmax()) for colour in (RED, BLUE)]
    assert 0 < first[0] < first[1]


def test_panels_do_not_overlap_and_captions_are_wrapped() -> None:
    black = Panel(Image.new("RGB", (30, 40), "black"), ("name", "word " * 40), "=")
    wide = Panel(Image.new("RGB", (200, 90), "blue"), ("x" * 80,))
    pixels = np.asarray(side_by_side([[black, wide], [black]]))
    assert (pixels == (0, 0, 0)).all(axis=2).sum() >= 2 * 30 * 40
    assert (pixels == (0, 0, 255)).all(axis=2).sum() == 200 * 90
    border = np.concatenate([pixels[:5].reshape(-1, 3), pixels[:, -5:].reshape(-1, 3)])
    assert (border == 255).all()


@pytest.mark.parametrize(
    ("written", "drawn"), [("5 − 3 + 1, 3×3", "5 - 3 + 1, 3x3"), ("図.png", "?.png")]
)
def test_captions_keep_to_the_characters_of_the_font(written: str, drawn: str) -> None:
    one, other = (side_by_side([[Panel(Image.new("RGB", (9, 9)), (t,))]]) for t in (written, drawn))
    assert one.tobytes() == other.tobytes()


def test_filters_of_the_library_can_all_be_drawn() -> None:
    for name in filters.FILTERS:
        assert max(filter_picture(filters.parse(name)).size) <= 194
