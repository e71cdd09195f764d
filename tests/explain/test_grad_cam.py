"""Grad-CAM against finite differences of the float64 definition."""

from __future__ import annotations

import numpy as np
import pytest

from kernelet import layers
from kernelet.errors import UsageError
from kernelet.executors.reference import evaluate
from kernelet.explain import feature_maps, grad_cam
from kernelet.explain.grad_cam import last_maps, spread
from kernelet.explain.receptive_field import ReceptiveFields
from kernelet.layers import Input
from kernelet.model import Model, Sequential
from kernelet.program import Program, ProgramBuilder, StepContext
from small_networks import full_network, pictures


def branched() -> Model:
    """Branches behind the last convolution, batch statistics, pictures that are not square."""
    x = Input((9, 12, 1))
    one = layers.Conv2D(4, 3, name="one")(layers.Rescaling(1 / 255)(x))
    norm = layers.BatchNormalization(name="norm")(one)
    relu = layers.Activation("silu", name="silu")(norm)
    two = layers.Conv2D(3, 3, strides=2, activation="tanh", name="two")(relu)
    ends = [
        layers.GlobalMaxPooling2D()(two),
        layers.GlobalAveragePooling2D()(relu),
        layers.Flatten()(layers.AveragePooling2D()(two)),
    ]
    return Model(x, layers.Dense(3, activation="softmax")(layers.Concatenate()(ends)))


def with_statistics(model: Model) -> Model:
    random = np.random.default_rng(4)
    for name in model.weight_names:
        values = random.normal(0, 0.4, model.weights[name].shape)
        model.weights.assign(name, np.abs(values) + 0.5 if "variance" in name else values)
    return model


def differences(model: Model, x: np.ndarray, target: int, number: int) -> np.ndarray:
    """Return the gradient of a score by the maps of a call by central differences in float64."""
    build = ProgramBuilder()
    (name,) = model.graph.input_names
    picture = build.input(name, x.shape)
    values = model.graph.lower_calls(build, {name: picture}, training=False)
    logits = build.nodes[-1].inputs[0]
    known = {p.value: model.weights[p.name].astype(np.float64) for p in build.parameters}
    context = StepContext(np.zeros(1, np.int64))
    forward = Program({}, {}, (), tuple(build.nodes), {})
    maps = values[number]
    before = evaluate(forward, {**known, picture: x[np.newaxis].astype(np.float64)}, context)
    produced = next(k for k, node in enumerate(build.nodes) if node.output == maps)
    rest = Program({}, {}, (), tuple(build.nodes[produced + 1 :]), {})
    gradient = np.zeros(maps.shape)
    for cell in np.ndindex(maps.shape):
        ends = []
        for sign in (1, -1):
            moved = before[maps].copy()
            moved[(0, *cell)] += sign * 1e-5
            found = evaluate(rest, {**before, maps: moved}, context)
            ends.append(found[logits][0, target])
        gradient[cell] = (ends[0] - ends[1]) / 2e-5
    return gradient


@pytest.mark.parametrize("layer", ["two", "silu", "norm"])
@pytest.mark.parametrize("target", [0, 2])
def test_weights_are_means_of_the_gradient(layer: str, target: int) -> None:
    model = with_statistics(branched())
    x = np.random.default_rng(5).integers(0, 256, (9, 12, 1)).astype(np.uint8)
    found = grad_cam(model, x, target, layer)
    number = list(model.graph.layers).index(layer)
    gradient = differences(model, x, target, number)
    np.testing.assert_allclose(found.weights, gradient.mean(axis=(0, 1)), rtol=1e-4, atol=1e-6)
    maps = feature_maps(model, x[np.newaxis], layer)[layer][0]
    expected = np.maximum((maps * found.weights).sum(axis=-1), 0)
    np.testing.assert_allclose(found.cells, expected, rtol=1e-4, atol=1e-6)
    assert found.target == target
    assert found.heat.shape == (9, 12)


def test_default_layer_and_class() -> None:
    model = with_statistics(branched())
    x = np.random.default_rng(6).integers(0, 256, (1, 9, 12, 1)).astype(np.uint8)
    found = grad_cam(model, x)
    assert found.layer == "two"
    assert found.target == model.predict(x)[0].argmax()
    images, _ = pictures(1)
    network = full_network()
    assert network.graph.calls[last_maps(network.graph)].name == "conv2d_1"
    ends = [layers.Flatten(), layers.Dense(2, activation="softmax")]
    without = Sequential([Input((8, 8, 3)), *network.layers[:8], *ends])
    assert grad_cam(without, images[0]).layer == "activation"


def test_single_output_stands_for_two_classes() -> None:
    conv = layers.Conv2D(3, 3, name="conv")
    dense = layers.Dense(1, activation="sigmoid")
    model = Sequential([Input((8, 8, 3)), conv, layers.GlobalAveragePooling2D(), dense], seed=2)
    images, _ = pictures(1)
    first, second = (grad_cam(model, images[0], target) for target in (0, 1))
    np.testing.assert_array_equal(first.weights, -second.weights)
    np.testing.assert_allclose(second.weights, dense.kernel[:, 0] / 36, rtol=1e-6)


def test_cells_lie_where_their_receptive_fields_do() -> None:
    model = Sequential([Input((9, 7, 1)), layers.Conv2D(1, 3, strides=2)])
    fields = ReceptiveFields(model.graph)
    cells = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    heat = spread(cells, fields, 1)
    assert heat.shape == (9, 7)
    np.testing.assert_array_equal(heat[1:8:2, 1:6:2], cells)
    assert heat[0, 0] == cells[0, 0]
    assert heat[2, 1] == pytest.approx((cells[0, 0] + cells[1, 0]) / 2)


@pytest.mark.parametrize(
    ("target", "layer", "message"),
    [
        (3, None, "target is 3; expected the number of a class, 0 to 2."),
        (-1, None, "target is -1"),
        (0, "dense", "'dense' returns (3,), not maps."),
        (0, "twoo", "there is no layer 'twoo'. Did you mean 'two'?"),
        (0, "two:2", "'two:2' is not called that often."),
    ],
)
def test_mistakes(target: int, layer: str | None, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        grad_cam(branched(), np.zeros((9, 12, 1)), target, layer)
    assert message in str(caught.value)


def test_networks_without_maps() -> None:
    model = Sequential([Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, "softmax")])
    with pytest.raises(UsageError, match="no convolution of pictures"):
        grad_cam(model, np.zeros((4, 4, 1)))
    maps = Sequential([Input((4, 4, 1)), layers.Conv2D(2, 3)])
    with pytest.raises(UsageError, match="one row of outputs"):
        grad_cam(maps, np.zeros((4, 4, 1)))
