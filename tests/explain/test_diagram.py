"""The diagram: proportions, labels, and that nothing lies on top of anything else."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import pytest

from kernelet import layers
from kernelet.errors import UsageError
from kernelet.explain.diagram import diagram
from kernelet.explain.diagram_layout import columns, rows
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from kernelet.networks import large_vgg, lenet5, small_vgg

SVG = "{http://www.w3.org/2000/svg}"
Rectangle = tuple[float, float, float, float]


def residual() -> Model:
    """Two blocks with a way around them, then three branches of several depths."""
    x = Input((16, 16, 3))
    y = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(x)
    for block in range(2):
        z = layers.Conv2D(8, 3, padding="same", name=f"first{block}")(y)
        z = layers.BatchNormalization()(z)
        z = layers.Conv2D(8, 3, padding="same", name=f"second{block}")(z)
        y = layers.Add(name=f"sum{block}")([z, y])
    branches = [
        layers.Conv2D(4, 1, name="thin")(y),
        layers.Conv2D(4, 5, padding="same", name="wide")(layers.Conv2D(2, 1, name="narrow")(y)),
        layers.AveragePooling2D(3, 1, padding="same", name="mean")(y),
    ]
    y = layers.GlobalMaxPooling2D(name="top")(layers.Concatenate(name="all")(branches))
    return Model(x, layers.Dense(3, activation="softmax", name="classes")(y), name="residual")


def encoder_and_decoder() -> Model:
    x = Input((32, 32, 1))
    wide = layers.Conv2D(4, 3, padding="same", name="wide")(x)
    middle = layers.Conv2D(8, 3, strides=2, padding="same", name="middle")(wide)
    deep = layers.Conv2D(16, 3, strides=2, padding="same", name="deep")(middle)
    up = layers.Conv2DTranspose(8, 2, strides=2, name="up")(deep)
    joined = layers.Concatenate(name="joined")([up, middle])
    out = layers.Conv2DTranspose(4, 2, strides=2, name="out")(joined)
    return Model(x, layers.Add(name="end")([out, wide]), name="encoder_and_decoder")


def two_inputs_and_outputs() -> Model:
    one, two = Input((8, 8, 1), name="one"), Input((8, 8, 1), name="two")
    both = layers.Concatenate(name="both")([one, two])
    return Model([one, two], [both, layers.Flatten(name="flat")(one)], name="several")


MODELS = {
    model.name: model
    for model in (
        lenet5(), small_vgg(), large_vgg(), residual(), encoder_and_decoder(),
        two_inputs_and_outputs(),
        Sequential([Input((100, 2)), layers.Conv1D(3, 5), layers.GlobalMaxPooling1D()], name="1d"),
        Sequential([Input((8, 9, 10, 1)), layers.Conv3D(3, 2), layers.Flatten()], name="3d"),
    )
}  # fmt: skip


class Drawn:
    """An SVG file, read back."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        self.width = float(self.root.attrib["width"])
        self.height = float(self.root.attrib["height"])
        self.groups = {self.title(group): group for group in self.root.findall(f"{SVG}g")}

    @staticmethod
    def title(group: ET.Element) -> str:
        return (group.findtext(f"{SVG}title") or "").split(":")[0].split(" ")[0]

    def front(self, name: str) -> Rectangle:
        """Left, top, right and bottom of a box's front."""
        rect = self.groups[name].find(f"{SVG}rect")
        assert rect is not None
        x, y, width, height = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        return x, y, x + width, y + height

    def texts(self, name: str) -> list[ET.Element]:
        return self.groups[name].findall(f"{SVG}text")

    def extent(self, name: str) -> Rectangle:
        """Left, top, right and bottom of a box with its labels, from a wide estimate of them."""
        left, top, right, bottom = self.front(name)
        for text in self.texts(name):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            half = len(text.text or "") * float(text.attrib["font-size"]) * 0.56 / 2
            left, right, bottom = min(left, x - half), max(right, x + half), max(bottom, y)
        for face in self.groups[name].findall(f"{SVG}polygon"):
            for pair in face.attrib["points"].split():
                x, y = map(float, pair.split(","))
                right, top = max(right, x), min(top, y)
        return left, top, right, bottom

    def lines(self) -> list[list[tuple[float, float]]]:
        """Connections as points close to one another."""
        found = []
        for line in self.root.findall(f"{SVG}polyline"):
            corners = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
            found.append(_between(corners))
        for path in self.root.findall(f"{SVG}path"):
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
            points = list(zip(numbers[::2], numbers[1::2], strict=True))
            found.append(_bezier(points))
        return found


def _between(corners: list[tuple[float, ...]]) -> list[tuple[float, float]]:
    steps = [k / 50 for k in range(51)]
    return [
        (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]))
        for a, b in pairwise(corners)
        for t in steps
    ]


def _bezier(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    found = []
    for k in range(0, len(points) - 1, 3):
        for t in (step / 20 for step in range(21)):
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(
                (
                    sum(w * x for w, (x, _) in zip(weights, points[k : k + 4], strict=True)),
                    sum(w * y for w, (_, y) in zip(weights, points[k : k + 4], strict=True)),
                )
            )
    return found


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return MODELS[request.param]


def test_boxes_with_their_labels_keep_apart_and_on_the_paper(model: Model) -> None:
    shown = Drawn(diagram(model).to_svg())
    extents = {name: shown.extent(name) for name in shown.groups}
    assert len(extents) == len(diagram(model).stages)
    for left, top, right, bottom in extents.values():
        assert 0 <= left < right <= shown.width
        assert 0 <= top < bottom <= shown.height
    for (one, a), (two, b) in combinations(extents.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one} and {two} overlap"


def test_connections_run_into_no_box_and_no_label(model: Model) -> None:
    shown = Drawn(diagram(model).to_svg())
    extents = {name: shown.extent(name) for name in shown.groups}
    fronts = {name: shown.front(name) for name in shown.groups}
    lines = shown.lines()
    assert len(lines) >= len(shown.groups) - len(model.inputs)
    for line in lines:
        ends = {
            name
            for name, (left, top, right, bottom) in extents.items()
            for x, y in (line[0], line[-1])
            if left - 8 <= x <= right + 8 and top <= y <= bottom
        }
        for x, y in line:
            for name, (left, top, right, bottom) in extents.items():
                if name in ends:
                    # Its own box it may touch, not the labels below.
                    assert not (left < x < right and fronts[name][3] + 6 < y < bottom)
                else:
                    assert not (left < x < right and top < y < bottom), f"a line crosses {name}"


def test_every_stage_says_its_name_its_size_and_its_window(model: Model) -> None:
    drawn = diagram(model)
    shown = Drawn(drawn.to_svg())
    for stage in drawn.stages:
        texts = [text.text for text in shown.texts(stage.name)]
        assert texts[:3] == [stage.name, "×".join(map(str, stage.shape)), stage.notes[0]]
        assert set(stage.notes) <= set(", ".join(filter(None, texts)).split(", "))
    names = [layer.name for stage in drawn.stages for layer in stage.layers]
    assert sorted(names) == sorted(call.name for call in model.graph.calls)


def test_sides_follow_the_maps() -> None:
    shown = Drawn(diagram(lenet5()).to_svg())
    heights = {
        name: bottom - top
        for name, (_, top, _, bottom) in ((name, shown.front(name)) for name in shown.groups)
    }
    assert heights["conv1"] == heights["input_layer"] == 92
    assert heights["pool1"] == pytest.approx(92 / 2)
    assert heights["conv2"] == pytest.approx(92 * 10 / 28, abs=0.01)
    assert heights["pool2"] == pytest.approx(92 * 5 / 28, abs=0.01)
    assert heights["flatten"] > heights["dense1"] > heights["dense2"] > heights["classes"]
    tall = Sequential([Input((40, 10, 1)), layers.MaxPooling2D((1, 2), name="pool")])
    face = Drawn(diagram(tall).to_svg()).groups["input_layer"].find(f"{SVG}polygon")
    assert face is not None
    points = [tuple(map(float, pair.split(","))) for pair in face.attrib["points"].split()]
    assert points[1][0] - points[0][0] == pytest.approx(0.32 * 92 * 10 / 40, abs=0.01)


def test_windows_strides_and_what_reworks_maps() -> None:
    notes = {stage.name: stage.notes for stage in diagram(large_vgg()).stages}
    assert notes["input_layer"] == ("Input", "RandomFlip", "RandomTranslation", "Rescaling")
    assert notes["conv2d"] == ("Conv2D 3×3", "stride 2", "BatchNormalization", "relu")
    assert notes["max_pooling2d"] == ("MaxPooling2D 2×2",)
    x = Input((9, 9, 4))
    conv = layers.Conv2D(4, (3, 1), (1, 2), dilation_rate=2, groups=2, name="conv")(x)
    pool = layers.MaxPooling2D(3, 1, name="pool")(conv)
    notes = {stage.name: stage.notes for stage in diagram(Model(x, pool)).stages}
    assert notes["conv"] == ("Conv2D 3×1", "stride 1×2", "dilation 2", "2 groups")
    assert notes["pool"] == ("MaxPooling2D 3×3", "stride 1")


def test_rows_end_where_the_paper_does() -> None:
    for width in (300, 500, 960):
        assert Drawn(diagram(large_vgg()).to_svg(width)).width <= width
    assert Drawn(diagram(lenet5()).to_svg(300)).height > Drawn(diagram(lenet5()).to_svg()).height
    with pytest.raises(UsageError, match="width must be at least 240 pixels, not nan"):
        diagram(lenet5()).to_svg(float("nan"))


def test_branches_stay_together() -> None:
    made = columns([[], [0], [1], [0, 2], [3]])
    assert [[slot.stage for slot in column] for column in made] == [
        [0],
        [1, None],
        [2, None],
        [3],
        [4],
    ]
    assert rows(made, [10] * 5, 20) == [[0], [1, 2, 3], [4]]


def test_connections_cross_no_more_than_they_must() -> None:
    """Two chains side by side, given crosswise."""
    made = columns([[], [], [1], [0], [2, 3]])
    above, below = made[1]
    assert (above.before[0].stage, below.before[0].stage) == (made[0][0].stage, made[0][1].stage)


def test_names_are_text() -> None:
    model = lenet5()
    model.name = "<script>alert(1)</script>\x00\u202e&"
    svg = diagram(model).to_svg()
    root = ET.fromstring(svg)
    title = root.findtext(f"{SVG}title") or ""
    assert title == "<script>alert(1)</script>\\x00\\u202e&"
    assert not root.findall(f".//{SVG}script")
    assert "\u202e" not in svg


def test_notebooks_get_the_drawing_and_it_loads_nothing() -> None:
    svg = diagram(lenet5())._repr_svg_()
    assert svg == diagram(lenet5()).to_svg()
    assert re.findall(r"(?:https?:)?//[^ \"']+", svg) == ["http://www.w3.org/2000/svg"]
    assert "href" not in svg
    assert "prefers-color-scheme:dark" in svg
