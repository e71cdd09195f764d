"""The shell of pages: nothing foreign runs, pictures and charts hold the numbers."""

from __future__ import annotations

import base64
import doctest
import hashlib
import importlib
import io
import re
from xml.etree import ElementTree

import jinja2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kernelet.errors import ShapeError
from kernelet.explain.charts import Bar, bar_chart, confusion_chart, line_chart, ticks
from kernelet.explain.pages import map_uri, picture_uri, render
from kernelet.explain.pages.images import colour_map

HOSTILE = "<script>alert(1)</script>\u202egnp.exe\n\x1b[2J"


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize("name", ["charts", "pages.rendering", "pages.images"])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"kernelet.explain.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


def test_text_stays_text_and_nothing_may_load() -> None:
    page = render("base.html", title=HOSTILE, sections={"one": HOSTILE})
    assert "<script" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy.group(1).startswith("default-src &#39;none&#39;; img-src data:;")
    assert policy.group(1).endswith("script-src &#39;none&#39;")
    assert not re.search(r'(src|href)="(?!#|data:)', page)


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="title"):
        render("base.html", sections={})


def test_pictures_hold_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (np.asarray(decoded(picture_uri(pixels))) == pixels).all()
    assert (np.asarray(decoded(picture_uri(pixels[..., :1]))) == pixels[..., 0]).all()
    stretched = np.asarray(decoded(picture_uri(np.array([[-1.0, 0.0, 3.0]]))))
    assert stretched.tolist() == [[0, 64, 255]]
    assert np.asarray(decoded(picture_uri(np.full((2, 2), 7.0)))).tolist() == [[128, 128]] * 2
    with pytest.raises(ShapeError, match=r"got \(2, 2, 5\)"):
        picture_uri(np.zeros((2, 2, 5), np.uint8))


def test_maps_show_numbers_in_order_and_the_sign() -> None:
    numbers = np.array([[-2.0, 0.0, 1.0, np.nan]])
    indices = np.asarray(decoded(map_uri(numbers, signed=True)))
    assert indices.tolist() == [[0, 128, 191, 0]]
    colours = np.asarray(decoded(map_uri(numbers, signed=True)).convert("RGB"))
    assert (colours[0, :2] == colour_map(signed=True)[[0, 128]]).all()
    with pytest.raises(ShapeError, match="a map has the shape"):
        map_uri(np.zeros((2, 2, 1)))


def lightness(colours: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE L* of sRGB colours."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance: NDArray[np.float64] = linear @ np.array([0.2126, 0.7152, 0.0722])
    return 116 * np.cbrt(luminance) - 16


def test_colours_get_lighter_evenly() -> None:
    steps = np.diff(lightness(colour_map(signed=False)[::15]))
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.min()
    signed = lightness(colour_map(signed=True)[::15])
    assert (np.diff(signed[:9]) > 0).all()
    assert (np.diff(signed[9:]) < 0).all()
    np.testing.assert_allclose(signed, signed[::-1], atol=6)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0.913, 0.931), (-3, 12), (0, 4e-3), (1e6, 5e7), (0.2, 0.2000001)]
)
def test_ticks_are_few_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 5
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)
    steps = np.diff(found)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)


def points_of(svg: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(svg)
    lines = root.iter("{http://www.w3.org/2000/svg}polyline")
    return [
        [
            (float(x), float(y))
            for x, y in (pair.split(",") for pair in line.attrib["points"].split())
        ]
        for line in lines
    ]


def test_a_curve_stands_where_its_numbers_say() -> None:
    values = [1.0, 0.5, np.nan, 0.25, 0.0]
    svg = line_chart({"loss": values}, "loss", "epoch", limits=(0, 1)).to_svg()
    lines = points_of(svg)
    first, second = (
        line for line in lines if len({y for _, y in line}) == len({x for x, _ in line}) == 2
    )
    grid = sorted(line[0][1] for line in lines if len(line) == 2 and line[0][1] == line[1][1])
    top, bottom = grid[0], grid[-1]
    heights = [(bottom - y) / (bottom - top) for _, y in (*first, *second)]
    np.testing.assert_allclose(heights, [1.0, 0.5, 0.25, 0.0], atol=1e-3)


def test_hostile_names_are_text_in_charts() -> None:
    bars = bar_chart([Bar(HOSTILE, 0.5, (0.25, 0.75), "1 of 2"), Bar("none", None)], "recall")
    map_ = confusion_chart(np.eye(2, dtype=np.int64), [HOSTILE] * 2, "confusion")
    curves = line_chart({HOSTILE: [1.0], "b": [2.0]}, "loss", "epoch")
    for drawing in (bars, map_, curves):
        root = ElementTree.fromstring(drawing.to_svg())
        assert {element.tag.split("}")[1] for element in root.iter()} <= {
            "svg", "title", "style", "rect", "text", "polyline", "circle",
        }  # fmt: skip


def test_scripts_are_allowed_by_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelet.explain.pages import rendering

    environment = rendering._environment()
    source = "document.title = '</' + 'x';\n"
    loader = jinja2.ChoiceLoader([environment.loader, jinja2.DictLoader({"one.js": source})])  # type: ignore[list-item]
    monkeypatch.setattr(environment, "loader", loader)
    page = render("base.html", ("one.js",), title="t", sections={})
    content = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert content is not None
    digest = base64.b64encode(hashlib.sha256(content.group(1).encode()).digest()).decode()
    assert f"script-src &#39;sha256-{digest}&#39;" in page
