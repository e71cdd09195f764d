"""The page about a picture, in a browser: its numbers against the float64 definition."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import Page, browser, needs_browser
from kernelet import layers
from kernelet.data.listing import visible
from kernelet.executors.reference import evaluate
from kernelet.explain import output_cell
from kernelet.explain.cell_stages import Pooled, WeightedSum
from kernelet.explain.feature_maps import call_names
from kernelet.explain.picture.learned import Learned, learned_from
from kernelet.explain.picture.page import MAXIMUM_BYTES, Subject, picture_page
from kernelet.layers import Input
from kernelet.model import Model
from kernelet.program import ProgramBuilder, StepContext

HOSTILE = "</script><script>document.title='owned'</script>\u202e<img src=x onerror=alert(1)>\n"


def network() -> Model:
    """A layer of every kind that a page shows, with branches, on colour pictures not square."""
    x = Input((14, 11, 3), name="picture")
    scaled = layers.Rescaling((1 / 64, 1 / 50, 1 / 70), (-2.0, -1.5, -1.0), name="scale")(x)
    first = layers.Conv2D(4, 3, padding="same", activation="relu", name="first")(scaled)
    strided = layers.Conv2D(6, (3, 2), strides=(2, 1), use_bias=False, name="strided")(first)
    norm = layers.BatchNormalization(name="norm")(strided)
    silu = layers.Activation("silu", name="silu")(norm)
    groups = layers.Conv2D(
        4, 3, padding="same", groups=2, dilation_rate=(1, 2), activation="gelu", name="groups"
    )(silu)
    means = layers.AveragePooling2D(2, padding="same", name="means")(groups)
    highest = layers.MaxPooling2D(3, 2, padding="same", name="highest")(silu)
    joined = layers.Concatenate(name="joined")([means, highest])
    up = layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="tanh", name="up")(
        joined
    )
    added = layers.Add(name="added")([up, up, up])
    ends = layers.Concatenate(name="ends")(
        [
            layers.Flatten(name="flat")(joined),
            layers.GlobalAveragePooling2D(name="average")(added),
            layers.Dropout(0.5, name="drop")(layers.GlobalMaxPooling2D(name="top")(added)),
        ]
    )
    hidden = layers.Dense(9, activation="leaky_relu", name="hidden")(ends)
    model = Model(x, layers.Dense(4, activation="softmax", name="classes")(hidden))
    random = np.random.default_rng(3)
    for name in model.weight_names:
        values = random.normal(0, 0.3, model.weights[name].shape)
        model.weights.assign(name, np.abs(values) + 0.2 if "variance" in name else values)
    return model


@dataclass(frozen=True)
class Explained:
    """A page on the disk, and every number of the network in float64."""

    file: Path
    html: str
    page: Page
    model: Model
    maps: dict[str, np.ndarray]


def defined(model: Model, picture: np.ndarray) -> dict[str, np.ndarray]:
    """Return what every call makes of a picture, in float64 from the first layer on."""
    build = ProgramBuilder()
    (name,) = model.graph.input_names
    value = build.input(name, picture.shape)
    values = model.graph.lower_calls(build, {name: value}, training=False)
    known: dict[Any, Any] = {value: picture[np.newaxis].astype(np.float64)}
    known |= {p.value: model.weights[p.name].astype(np.float64) for p in build.parameters}
    build.outputs |= {str(k): one for k, one in enumerate(values)}
    found = evaluate(build.finish(), known, StepContext(np.zeros(1, np.int64)))
    names = call_names(model.graph)
    return {name: found[one][0] for name, one in zip(names, values, strict=True)}


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explained]:
    model = network()
    random = np.random.default_rng(8)
    pictures = random.integers(0, 256, (30, 14, 11, 3)).astype(np.uint8)
    original = random.integers(0, 256, (70, 90, 3)).astype(np.uint8)
    html = picture_page(
        model,
        Subject(HOSTILE + ".png", pictures[0], original, "Cut."),
        [HOSTILE, "cat", "<b>dog</b>", "bird"],
        learned_from(model, pictures, "<i>some</i>"),
        {"Model": HOSTILE},
    )
    folder = tmp_path_factory.mktemp("page")
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    with browser(folder / "profile") as page:
        yield Explained(file, html, page, model, defined(model, pictures[0]))


def shown(page: Page, layer: int) -> dict[str, Any]:
    """Return what the inspector of a call shows."""
    script = """(number => {
      const panel = document.querySelector(`#layer-${number} .numbers`);
      const texts = (root, query) => [...root.querySelectorAll(query)].map(one => one.innerText);
      const rows = [...panel.querySelectorAll('.ledger tr')];
      return {
        value: Number(panel.querySelector('.result').dataset.value),
        heading: panel.querySelector('.result').innerText,
        steps: texts(panel, '.step'),
        rows: rows.map(row => [row.dataset.kind, row.cells[0].innerText, row.cells[1].innerText]),
        channels: [...panel.querySelectorAll('.grids')].map(one => ({
          number: Number(one.dataset.channel),
          grids: [...one.querySelectorAll('table')].map(table => texts(table, 'td')),
        })),
        grid: texts(panel, '.scroll > .grid td'),
        winner: texts(panel, '.winner'),
      };
    })"""
    found: dict[str, Any] = page.evaluate(f"{script}({layer})")
    return found


def until(page: Page, condition: str) -> None:
    """Wait for a condition, which comes with the next frames."""
    for _ in range(500):
        if page.evaluate(condition):
            return
        time.sleep(0.02)
    raise AssertionError(condition)


def decimal(text: str) -> Decimal:
    return Decimal(text.replace("−", "-"))


def go(explained: Explained, name: str, place: tuple[int, ...]) -> dict[str, Any]:
    """Open a cell by its address and return what is shown."""
    numbers = ",".join(map(str, place if len(place) == 3 else (0, 0, *place)))
    explained.page.evaluate(f"location.replace('#cell={name},{numbers}')")
    explained.page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    return shown(explained.page, list(explained.maps).index(name))


def adds_up(found: dict[str, Any], expected: float) -> None:
    """Check that a ledger adds up to the last digit, and to what the definition says."""
    rows = {kind: decimal(text) for kind, _, text in found["rows"]}
    parts = [decimal(text) for kind, _, text in found["rows"] if kind in ("part", "others")]
    products = [decimal(text) for one in found["channels"] for text in one["grids"][2]]
    if parts:
        assert sum(parts) == rows["sum"]
    if products and len(parts) in (0, len(found["channels"])):
        assert sum(products) == rows["sum"]
    zero = Decimal(0)
    total = rows["sum"] + rows.get("bias", zero) + rows.get("rounding", zero)
    assert total == rows.get("total", rows["sum"])
    last = Decimal(1).scaleb(int(rows["sum"].as_tuple().exponent))
    assert abs(float(total) - expected) <= 0.5 * float(last) + 2e-6 * (1 + abs(expected))
    assert abs(rows.get("rounding", zero)) <= 0.5 * float(last) * (2 + 300)


@needs_browser
def test_every_layer_against_the_definition(explained: Explained) -> None:
    explained.page.open(explained.file)
    random = np.random.default_rng(0)
    for name, array in list(explained.maps.items())[1:]:
        if name == "drop":  # it changes nothing, which the page says
            continue
        places = list(np.ndindex(array.shape))
        some = [places[0], places[-1], *(places[k] for k in random.permutation(len(places))[:4])]
        scale = float(np.abs(array).max())
        for place in some:
            found = go(explained, name, place)
            assert found["value"] == pytest.approx(array[place], abs=3e-6 * (1 + scale)), name
            assert found["heading"].startswith(name)
    assert explained.page.complaints == []
    assert explained.page.requests == [explained.file.as_uri()]


def before_activation(explained: Explained, name: str, place: tuple[int, ...]) -> float:
    """Return sum and bias of a weighted layer, before its activation, in float64."""
    stages = output_cell(explained.model, explained.maps["picture"], name, place).stages
    added = [s for s in stages if isinstance(s, WeightedSum) or s.kind == "bias"]
    return added[-1].value


@needs_browser
@pytest.mark.parametrize("name", ["first", "strided", "groups", "up", "hidden", "classes"])
def test_sums_add_up_exactly_as_shown(explained: Explained, name: str) -> None:
    explained.page.open(explained.file)
    array = explained.maps[name]
    places = list(np.ndindex(array.shape))
    for k in np.random.default_rng(1).permutation(len(places))[:6]:
        adds_up(go(explained, name, places[k]), before_activation(explained, name, places[k]))


@needs_browser
def test_colour_contributions_stand_apart(explained: Explained) -> None:
    explained.page.open(explained.file)
    found = go(explained, "first", (0, 4, 2))
    assert [row[1] for row in found["rows"][:3]] == ["red", "green", "blue"]
    seen = np.pad(explained.maps["scale"], [(1, 1), (1, 1), (0, 0)])[0:3, 4:7]
    products = seen * explained.model.weights["first/kernel"][..., 2]
    for channel, row, one in zip(range(3), found["rows"], found["channels"], strict=False):
        texts = one["grids"][2]
        assert sum(map(decimal, texts)) == decimal(row[2])
        expected = products[..., channel].ravel()
        digits = -int(decimal(texts[0]).as_tuple().exponent)
        for text, product in zip(texts, expected, strict=True):
            assert float(decimal(text)) == pytest.approx(product, abs=0.51 * 10.0**-digits + 1e-6)
        assert float(decimal(row[2])) == pytest.approx(expected.sum(), abs=9 * 10.0**-digits)
    assert found["steps"][-1].startswith("relu(")


@needs_browser
def test_pooling_shows_the_winner_and_the_mean(explained: Explained) -> None:
    explained.page.open(explained.file)
    read = explained.maps["silu"]
    found = go(explained, "highest", (0, 1, 3))
    window = output_cell(explained.model, explained.maps["picture"], "highest", (0, 1, 3)).stages[0]
    assert isinstance(window, Pooled)
    assert float(decimal(found["winner"][0])) == pytest.approx(window.value, rel=1e-3)
    assert len(found["grid"]) == 9
    assert found["grid"].count("–") == int((~window.inside).sum())
    row, column = map(int, re.findall(r"row (\d+), column (\d+)", found["steps"][0])[0])
    assert read[row, column, 3] == pytest.approx(window.value, abs=1e-5)
    mean = go(explained, "means", (0, 0, 1))
    total, count = re.findall(r"average: (.*) / (\d+) = ", mean["steps"][0])[0]
    assert float(decimal(total)) / int(count) == pytest.approx(
        explained.maps["means"][0, 0, 1], rel=2e-3, abs=1e-5
    )


@needs_browser
def test_the_mouse_alone_shows_numbers_until_a_cell_is_clicked(explained: Explained) -> None:
    page = explained.page
    page.open(explained.file)
    number = list(explained.maps).index("strided")
    image = f"document.querySelectorAll('#layer-{number} .maps img')[1]"
    move = f"""((row, column) => {{
      const box = {image}.getBoundingClientRect();
      {image}.dispatchEvent(new PointerEvent('pointermove', {{bubbles: true, pointerType: 'mouse',
        clientX: box.left + (column + 0.5) / 10 * box.width,
        clientY: box.top + (row + 0.5) / 6 * box.height}}));
      window.frames_drawn = 0;
      const count = () => {{ window.frames_drawn += 1; requestAnimationFrame(count); }};
      requestAnimationFrame(count);
    }})"""
    page.evaluate(f"{move}(2, 7)")
    until(page, "window.frames_drawn > 2")
    assert "row 2, column 7, map 1" in shown(page, number)["heading"]
    page.evaluate(f"{image}.closest('button').click()")  # as Enter does: the middle
    assert "row 3, column 5, map 1" in shown(page, number)["heading"]
    page.evaluate(f"{move}(2, 7)")
    until(page, "window.frames_drawn > 2")
    assert "row 3, column 5, map 1" in shown(page, number)["heading"]


@needs_browser
def test_maps_are_reached_by_keys(explained: Explained) -> None:
    page = explained.page
    page.open(explained.file)
    number = list(explained.maps).index("first")
    page.evaluate(f"document.querySelector('#layer-{number} .map').focus()")
    for key, code in (("ArrowRight", 39), ("ArrowRight", 39), ("ArrowLeft", 37)):
        page.press(key, code)
    focused = "document.activeElement.querySelector('img').alt"
    assert page.evaluate(focused) == "first, map 1"
    stops = f"document.querySelectorAll('#layer-{number} .map[tabindex=\\'0\\']').length"
    assert page.evaluate(stops) == 1
    page.evaluate("document.activeElement.click()")
    assert "map 1" in shown(page, number)["heading"]
    assert page.evaluate("document.activeElement.className") == "enlarged"


@needs_browser
def test_pointing_tapping_and_keys(explained: Explained) -> None:
    page = explained.page
    page.open(explained.file, 360)
    number = list(explained.maps).index("first")
    image = f"document.querySelectorAll('#layer-{number} .maps img')[2]"
    page.evaluate(f"{image}.scrollIntoView({{behavior: 'instant', block: 'center'}})")
    left, top, width, height = page.evaluate(
        f"(b => [b.left, b.top, b.width, b.height])({image}.getBoundingClientRect())"
    )
    page.click(left + 6.5 / 11 * width, top + 3.5 / 14 * height)
    found = shown(page, number)
    assert "row 3, column 6, map 2" in found["heading"]
    assert found["value"] == pytest.approx(explained.maps["first"][3, 6, 2], abs=1e-5)
    assert page.evaluate("location.hash") == "#cell=first,3,6,2"
    page.evaluate(f"document.querySelector('#layer-{number} .picker [tabindex]').focus()")
    for key, code in (("ArrowDown", 40), ("ArrowLeft", 37), ("PageDown", 34)):
        page.press(key, code)
    assert "row 4, column 5, map 3" in shown(page, number)["heading"]
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.complaints == []


def visible_title(explained: Explained) -> str:
    """Return the title of a page: the most probable class, and the name of the picture."""
    names = [HOSTILE, "cat", "<b>dog</b>", "bird"]
    best = names[int(explained.maps["classes"].argmax())]
    return f"{visible(best)}: {visible(HOSTILE + '.png')}"


@needs_browser
def test_hostile_names_stay_inert(explained: Explained) -> None:
    page = explained.page
    for scheme in ("light", "dark"):
        page.open(explained.file, scheme=scheme)
        go(explained, "classes", (0,))
        assert page.evaluate("document.title") == visible_title(explained)
        assert page.evaluate("document.querySelectorAll('main b, main i, [onerror]').length") == 0
        assert "\u202e" not in page.evaluate("document.documentElement.innerHTML")
        assert page.complaints == []
        assert page.requests == [explained.file.as_uri()]


def test_pages_are_the_same_each_time_and_small() -> None:
    picture = Subject("a.png", np.zeros((14, 11, 3), np.uint8))
    pages = {
        picture_page(network(), picture, ["a", "b", "c", "d"], Learned("none."), {})
        for _ in range(2)
    }
    (page,) = pages
    assert len(page.encode()) < MAXIMUM_BYTES / 2
