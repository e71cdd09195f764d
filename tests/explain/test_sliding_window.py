"""The sliding window, step by step: data, text and film strip."""

from __future__ import annotations

import doctest
import importlib
import xml.etree.ElementTree as ElementTree
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

import kernelet as kl
from kernelet.convolution import convolve
from kernelet.convolution.arguments import Mode
from kernelet.errors import KerneletError, ShapeError, UsageError
from kernelet.explain import sliding_window
from kernelet.explain.svg import COLOURS, MONO_ADVANCE

A = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
W = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]

TEXTBOOK = """\
correlation, valid: rows 5 − 3 + 1 = 3, columns 5 − 3 + 1 = 3

[0, 0]    3·0 + 3·1 + 2·2
        + 0·2 + 0·2 + 1·0
        + 3·0 + 1·1 + 2·2 = 12

[0, 1]    3·0 + 2·1 + 1·2
        + 0·2 + 1·2 + 3·0
        + 1·0 + 2·1 + 2·2 = 12

[0, 2]    2·0 + 1·1 + 0·2
        + 1·2 + 3·2 + 1·0
        + 2·0 + 2·1 + 3·2 = 17

[1, 0]    0·0 + 0·1 + 1·2
        + 3·2 + 1·2 + 2·0
        + 2·0 + 0·1 + 0·2 = 10

[1, 1]    0·0 + 1·1 + 3·2
        + 1·2 + 2·2 + 2·0
        + 0·0 + 0·1 + 2·2 = 17

[1, 2]    1·0 + 3·1 + 1·2
        + 2·2 + 2·2 + 3·0
        + 0·0 + 2·1 + 2·2 = 19

[2, 0]    3·0 + 1·1 + 2·2
        + 2·2 + 0·2 + 0·0
        + 2·0 + 0·1 + 0·2 = 9

[2, 1]    1·0 + 2·1 + 2·2
        + 0·2 + 0·2 + 2·0
        + 0·0 + 0·1 + 0·2 = 6

[2, 2]    2·0 + 2·1 + 3·2
        + 0·2 + 2·2 + 2·0
        + 0·0 + 0·1 + 1·2 = 14

12  12  17
10  17  19
 9   6  14"""


@pytest.mark.parametrize("name", ["numbers", "sliding_window", "svg"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.explain.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_textbook_example() -> None:
    shown = kl.explain.sliding_window(A, W, "valid")
    assert shown.result.tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    assert shown.result.dtype.kind == "i"
    assert shown.to_text() == TEXTBOOK
    middle = shown.steps[4]
    assert middle.cell == middle.corner == (1, 1)
    assert middle.products.tolist() == [[0, 1, 6], [2, 4, 0], [0, 0, 4]]
    assert middle.total == 17


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(
    ("size", "taps"), [((5, 6), (3, 3)), ((4, 7), (2, 4)), ((1, 1), (1, 1)), ((9,), (4,))]
)
def test_results_and_steps_agree_with_scipy(
    size: tuple[int, ...], taps: tuple[int, ...], mode: Mode, flip: bool
) -> None:
    random = np.random.default_rng(3)
    a, w = random.integers(-9, 10, size), random.integers(-9, 10, taps)
    shown = sliding_window(a, w, mode, flip=flip)
    operator = signal.convolve if flip else signal.correlate
    assert np.array_equal(shown.result, operator(a, w, mode))
    assert len(shown.steps) == shown.result.size
    for step in shown.steps:
        check_step(a, shown.window, step)
        assert step.total == shown.result[step.cell]


def check_step(a: NDArray[Any], window: NDArray[Any], step: Any) -> None:
    """Look each value up in the signal, where the step says it lies."""
    for offset in np.ndindex(window.shape):
        place = tuple(np.add(step.corner, offset))
        own = all(0 <= k < n for k, n in zip(place, a.shape, strict=True))
        assert step.inside[offset] == own
        assert step.values[offset] == (a[place] if own else 0)
        assert step.products[offset] == step.values[offset] * window[offset]
    assert step.total == step.products.sum()


def test_same_as_the_operator() -> None:
    shown = sliding_window(A, W, "same", flip=True)
    assert np.array_equal(shown.result, convolve(A, W, "same"))


def test_window_larger_than_the_signal() -> None:
    shown = sliding_window([1, 2], [1, 2, 3, 4], "same")
    assert shown.result.tolist() == signal.correlate([1, 2], [1, 2, 3, 4], "same").tolist()


def test_text_shows_padding_and_negative_numbers() -> None:
    assert sliding_window([1, -2], [0.5, -1], "full", flip=True).to_text() == (
        "convolution, full: cells 2 + 2 − 2 + 1 = 3\n\n"
        "[0]   (0)·(−1) +    1·0.5 = 0.5\n"
        "[1]     1·(−1) + (−2)·0.5 = −2\n"
        "[2]  (−2)·(−1) +  (0)·0.5 = 2\n\n"
        "0.5  −2  2"
    )


def drawn(svg: str) -> tuple[ElementTree.Element, list[str]]:
    """Return the root of a drawing and its texts."""
    root = ElementTree.fromstring(svg)
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    return root, texts


def test_film_strip_shows_numbers_sums_and_results() -> None:
    _, texts = drawn(sliding_window(A, W, "valid").to_svg())
    assert texts[0] == "Correlation, valid: rows 5 − 3 + 1 = 3, columns 5 − 3 + 1 = 3"
    assert [text for text in texts if text.endswith(" of 9")] == [f"{k} of 9" for k in range(1, 10)]
    sums = [
        text.split(" = ")[1]
        for text in (t.replace("\xa0", " ") for t in texts[4:])
        if " = " in text
    ]
    assert sums == ["12", "12", "17", "10", "17", "19", "9", "6", "14"]
    assert sum(text.startswith("×") for text in texts) == 9 * 9


def test_film_strip_marks_window_and_padding() -> None:
    shown = sliding_window(A, W, "same")
    svg = shown.to_svg(steps=[0])
    root, texts = drawn(svg)
    boxes = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    classes = [box.get("class", "") for box in boxes]
    # 7·7 cells under the window's way, 5·5 of them the signal's; one more in the legend.
    assert sum("f-absent" in name for name in classes) == 7 * 7 - 5 * 5 + 1
    assert sum("f-seen" in name for name in classes) == 4 + 1
    outlines = [box for box in boxes if box.get("stroke-width") == "2.5"]
    assert len(outlines) == 1
    assert outlines[0].get("class") == "hollow s-mark"
    assert "padding, a zero that is not in the signal" in texts
    assert "padding" not in sliding_window(A, W, "valid").to_svg()


def test_everything_stays_on_the_paper() -> None:
    wide = np.arange(12).reshape(3, 4) * -1234.5
    for shown in (
        sliding_window(A, W, "full"),
        sliding_window(wide, [[0.123, -4.567]], "valid"),
        sliding_window(list(range(9)), [1, 2], "full"),
    ):
        root, _ = drawn(shown.to_svg())
        width, height = float(root.get("width", "0")), float(root.get("height", "0"))
        for box in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert float(box.get("x", "")) + float(box.get("width", "")) <= width
            assert float(box.get("y", "")) + float(box.get("height", "")) <= height
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            if "mono" in text.get("class", "") and text.get("text-anchor") == "start":
                advance = MONO_ADVANCE * float(text.get("font-size", ""))
                assert float(text.get("x", "")) + advance * len(text.text or "") <= width


def test_drawings_load_nothing_and_follow_the_scheme() -> None:
    svg = sliding_window(A, W, "same").to_svg()
    addresses = [part for part in ("http://", "https://", "url(", "@import", "href") if part in svg]
    assert addresses == ["http://"], "the name of the SVG language itself"
    assert svg.count("http://") == 1
    light, dark = svg.split("@media screen and (prefers-color-scheme:dark)")
    for name, (on_light, on_dark) in COLOURS.items():
        assert f".f-{name}{{fill:{on_light}}}" in light
        assert f".f-{name}{{fill:{on_dark}}}" in dark


def brightness(colour: str) -> float:
    """Relative luminance, as the Web Content Accessibility Guidelines 2 define it."""
    channels = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        *(("ink", ground) for ground in ("paper", "seen", "done", "new")),
        ("faint", "paper"),
        ("faint", "absent"),
        ("mark", "seen"),
        ("mark", "absent"),
    ],
)
def test_figures_stand_out_from_their_ground(ink: str, ground: str) -> None:
    for scheme in (0, 1):
        dark, bright = sorted(brightness(COLOURS[name][scheme]) for name in (ink, ground))
        assert (bright + 0.05) / (dark + 0.05) >= (4.5 if ink == "ink" else 3)


def test_notebooks_show_what_is_not_too_long() -> None:
    assert sliding_window(A, W, "valid")._repr_svg_() is not None
    assert sliding_window(np.ones((40, 40)), np.ones((2, 2)))._repr_svg_() is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: sliding_window([[1, 2]], [[1, 2, 3]], "valid"),
            ShapeError,
            (
                "A window of 1×3 does not fit a signal of 1×2.\n"
                '  Try mode="same" or mode="full", or a smaller window.'
            ),
        ),
        (
            lambda: sliding_window([1, 2], [[1]]),
            ShapeError,
            "a and w must both have one axis or both have two; a has 1 and w has 2.",
        ),
        (
            lambda: sliding_window([], [1]),
            ShapeError,
            "a is empty; expected at least one cell.",
        ),
        (
            lambda: sliding_window([1j], [1]),
            UsageError,
            "a holds complex128; expected whole numbers or floating point.",
        ),
        (
            lambda: sliding_window([1], [1], "some"),  # type: ignore[arg-type]
            UsageError,
            'mode must be "valid", "same" or "full", not \'some\'.',
        ),
        (
            lambda: sliding_window(np.ones((200, 200)), np.ones((3, 3)), "same"),
            UsageError,
            (
                "This makes 360,000 products; at most 100,000 are listed.\n"
                "  Take a part of the signal, or kernelet.correlate for the result alone."
            ),
        ),
        (
            lambda: sliding_window(A, W).to_svg(steps=[9]),
            UsageError,
            "steps must be numbers from 0 to 8; there is no step 9.",
        ),
        (
            lambda: sliding_window(A, W).to_svg(steps=[]),
            UsageError,
            "steps must be numbers from 0 to 8; no step is named.",
        ),
        (
            lambda: sliding_window(A, W).to_svg(columns=0),
            UsageError,
            "columns must be at least 1, not 0.",
        ),
        (
            lambda: sliding_window(np.ones((20, 20)), W).to_svg(),
            UsageError,
            (
                "A film strip of 324 steps would have 234,576 cells; at most 50,000 are drawn.\n"
                "  Name fewer steps, such as steps=range(10), or take a smaller signal."
            ),
        ),
    ],
)
def test_mistakes(call: Any, error: type[KerneletError], message: str) -> None:
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == message
