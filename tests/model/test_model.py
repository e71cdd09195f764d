"""Sequential and graph models: shapes, names, weights, sharing, errors."""

from __future__ import annotations

import re
from typing import Any, cast

import numpy as np
import pytest

from kernelet import activations, layers, models
from kernelet.errors import ConfigurationError, ShapeError, UsageError
from kernelet.layers import Input
from kernelet.model import Model, Sequential

RANDOM = np.random.default_rng(11)


def small() -> Sequential:
    return Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def test_names_are_keras_and_counted_within_the_model() -> None:
    for _ in range(2):
        model = Sequential(
            [
                Input((20, 20, 1)),
                layers.Conv2D(2, 3),
                layers.Conv2D(2, 3, name="conv2d_1"),
                layers.Conv2D(2, 3),
                layers.LeakyReLU(),
                layers.MaxPooling2D(),
            ]
        )
        names = [layer.name for layer in model.layers]
        expected = ["conv2d", "conv2d_1", "conv2d_2", "leaky_re_lu", "max_pooling2d"]
        assert names == expected


def test_weights_stand_in_one_buffer_weights_first() -> None:
    model = small()
    assert model.weight_names == (
        "conv2d/kernel",
        "conv2d/bias",
        "batch_normalization/gamma",
        "batch_normalization/beta",
        "batch_normalization/moving_mean",
        "batch_normalization/moving_variance",
        "dense/kernel",
        "dense/bias",
    )
    weights = model.weights
    assert weights.buffer.ctypes.data % 64 == 0
    offsets = {name: weights.offset(name) for name in weights}
    assert all(offset % 16 == 0 for offset in offsets.values())
    statistics = [name for name in weights if "moving" in name]
    assert all((offsets[name] >= weights.weight_floats) == (name in statistics) for name in weights)
    covered = np.zeros(len(weights.buffer), bool)
    for name in weights:
        covered[offsets[name] : offsets[name] + weights[name].size] = True
        assert np.shares_memory(weights[name], weights.buffer)
    assert not weights.buffer[~covered].any()
    assert model.count_params() == 36 + 4 + 16 + 144 * 3 + 3


def test_get_and_set_weights() -> None:
    model = small()
    new = [RANDOM.normal(size=array.shape).astype(np.float32) for array in model.get_weights()]
    model.set_weights(new)
    for array, value in zip(model.get_weights(), new, strict=True):
        np.testing.assert_array_equal(array, value)
    np.testing.assert_array_equal(model.get_layer("dense").kernel, new[-2])
    with pytest.raises(ShapeError, match="expected 8 arrays"):
        model.set_weights(new[:-1])


def test_a_model_is_its_layers_one_after_another() -> None:
    model = small()
    x = RANDOM.normal(size=(5, 8, 8, 1)).astype(np.float32)
    value: Any = x
    for layer in model.layers:
        value = layer(value)
    np.testing.assert_allclose(model(x), value, rtol=1e-5)


def test_functional_and_sequential_agree() -> None:
    model = small()
    x = Input((8, 8, 1))
    y = x
    for layer in model.layers:
        y = layer(y)
    other = Model(x, y)
    assert other.weights is model.weights
    data = RANDOM.normal(size=(3, 8, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(other(data), model(data))


def test_branches_several_inputs_and_outputs() -> None:
    left, right = Input((4, 4, 2), name="left"), Input((4, 4, 2), name="right")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    a, b = shared(left), shared(right)
    both = layers.Add()([a, b])
    model = Model([left, right], [both, layers.Concatenate()([a, b])])
    assert model.output_shape == [(None, 4, 4, 3), (None, 4, 4, 6)]
    assert model.weight_names == ("shared/kernel", "shared/bias")
    x, y = RANDOM.normal(size=(2, 5, 4, 4, 2)).astype(np.float32)
    total, joined = model([x, y])
    np.testing.assert_allclose(total, shared(x) + shared(y), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(joined[..., :3], shared(x), rtol=1e-5, atol=1e-6)
    named, _ = model({"right": y, "left": x})
    np.testing.assert_array_equal(named, total)


def test_a_part_of_a_model_shares_its_weights() -> None:
    model = small()
    features = Model(
        model.inputs, model.get_layer("flatten")(model.outputs[0].parents[0].parents[0])
    )
    assert features.weights is model.weights
    assert features.output_shape == (None, 144)
    assert len(features.get_weights()) == 6


def test_layers_of_other_models_bring_their_values() -> None:
    base = small()
    kernel = base.get_layer("conv2d").kernel.copy()
    data = RANDOM.normal(size=(2, 8, 8, 1)).astype(np.float32)
    before = base(data)
    top = Sequential([base, layers.Dense(2, name="top")])
    np.testing.assert_array_equal(top.get_layer("conv2d").kernel, kernel)
    np.testing.assert_array_equal(base(data), before)
    assert top.output_shape == (None, 2)


def test_a_layer_of_another_model_keeps_its_shape() -> None:
    dense = layers.Dense(3, name="dense")
    Sequential([Input((4,)), dense])
    with pytest.raises(ShapeError, match=re.escape("dense/kernel has shape (4, 3)")):
        Sequential([Input((5,)), dense])


def test_sequential_learns_its_input_shape_from_data() -> None:
    model = Sequential([layers.Flatten(), layers.Dense(2)])
    with pytest.raises(UsageError, match="the shape of the model's input is not known yet"):
        model.count_params()
    assert model(np.zeros((3, 4, 4, 1))).shape == (3, 2)
    assert model.input_shape == (None, 4, 4, 1)
    other = Sequential([layers.Flatten(), layers.Dense(2)])
    assert other.predict(np.zeros((3, 5, 5, 1))).shape == (3, 2)


def test_input_shape_of_the_first_layer() -> None:
    model = Sequential([layers.Conv2D(2, 3, input_shape=(8, 8, 1)), layers.Flatten()])
    assert model.output_shape == (None, 72)
    assert [type(layer).__name__ for layer in model.layers] == ["Conv2D", "Flatten"]


def test_add_and_pop_keep_the_weights_that_stay() -> None:
    model = Sequential([Input((4,)), layers.Dense(3)])
    kernel = model.layers[0].kernel.copy()
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)
    model.pop()
    assert model.output_shape == (None, 3)
    np.testing.assert_array_equal(model.layers[0].kernel, kernel)


def test_trainable_is_read_when_a_program_is_made() -> None:
    model = small()
    model.get_layer("conv2d").trainable = False
    fixed = [p.name for p in model.graph.parameters() if not p.trainable]
    statistics = ["batch_normalization/moving_mean", "batch_normalization/moving_variance"]
    assert fixed == ["conv2d/kernel", "conv2d/bias", *statistics]
    model.trainable = False
    assert not model.trainable
    assert not any(p.trainable for p in model.graph.parameters())


def test_deep_models_need_no_recursion() -> None:
    model = Sequential([Input((4,)), *(layers.ReLU() for _ in range(1500))])
    assert len(model.layers) == 1500


def _input(shape: tuple[int, ...] = (4,)) -> Any:
    return Input(shape)


def _disconnected() -> Model:
    x, y = Input((4,), name="used"), Input((4,), name="other")
    return Model(x, layers.Add()([x, y]))


ERRORS = [
    (
        lambda: Sequential([cast("Any", layers.Dense)]),
        UsageError,
        (
            "Sequential takes layers, models and Input; got the class Dense. Did you"
            " forget its parentheses?"
        ),
    ),
    (lambda: Sequential([layers.Dense(3), Input((4,))]), UsageError, "Input comes first"),
    (
        lambda: Sequential([Input((4,)), layers.Dense(3, name="a"), layers.ReLU(name="a")]),
        ConfigurationError,
        "two layers are called 'a'; names must be unique within a model.",
    ),
    (lambda: Model(cast("Any", np.zeros(3)), _input()), UsageError, "takes symbolic tensors"),
    (_disconnected, UsageError, "depend on the input 'other', which is not among the inputs"),
    (
        lambda: small().get_layer("conv2"),
        UsageError,
        "there is no layer 'conv2'. Did you mean 'conv2d'?",
    ),
    (lambda: small().get_layer(index=9), UsageError, "there are 4 layers, no layer 9."),
    (
        lambda: small()(np.zeros((2, 8, 8))),
        ShapeError,
        "input 'input_layer' takes (8, 8, 1) a sample, got (8, 8).\n  Try x[..., numpy.newaxis]",
    ),
    (
        lambda: small()(np.zeros((8, 8, 1))),
        ShapeError,
        "takes (8, 8, 1) a sample, got (8, 1).\n  Try x[numpy.newaxis] for a single sample.",
    ),
    (lambda: small()({"x": np.zeros((1, 8, 8, 1))}), UsageError, "expected inputs named"),
    (
        lambda: Sequential(cast("Any", layers.Dense(3))),
        UsageError,
        "Sequential takes a list of layers; got one Dense.\n  Try square brackets around it.",
    ),
    (
        lambda: Sequential([Input((3,)), cast("Any", "relu")]),
        UsageError,
        "got the text 'relu'. Try Activation('relu'), if that is meant.",
    ),
    (
        lambda: Sequential([Input((3,)), cast("Any", activations.relu)]),
        UsageError,
        "got the function 'relu'. Try Activation('relu').",
    ),
    (
        lambda: small().set_weights(cast("Any", None)),
        UsageError,
        "weights are a list of arrays, not NoneType.",
    ),
    (lambda: Sequential().pop(), UsageError, "there is no layer to remove."),
]


@pytest.mark.parametrize(("make", "error", "text"), ERRORS, ids=[text for *_, text in ERRORS])
def test_errors(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        make()


def test_a_shared_layer_takes_one_shape() -> None:
    x = Input((8, 8, 1))
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    with pytest.raises(ShapeError) as raised:
        Model(x, shared(shared(x)))
    assert str(raised.value) == (
        "Conv2D 'shared': kernel has shape (3, 3, 1, 2) from an earlier call, and this input"
        " needs (3, 3, 2, 2).\n"
        "  8×8 → shared\n"
        "  Try a layer of its own for this input."
    )


def test_training_needs_compile() -> None:
    with pytest.raises(UsageError) as raised:
        small().fit(np.zeros((2, 8, 8, 1)), [0, 1])
    assert str(raised.value) == (
        "the model has no optimizer and loss yet; call compile(optimizer, loss, metrics) first."
    )


def test_a_model_learns_by_its_own_methods() -> None:
    model = small()
    x = np.zeros((64, 8, 8, 1), np.float32)
    y = np.arange(64) % 2
    x[y == 1, :4] = 1
    before = model.get_weights()
    model.compile("adam", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=16, epochs=8, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    scores = model.evaluate(x, y, verbose=0, return_dict=True)
    assert isinstance(scores, dict)
    assert set(scores) == {"loss", "accuracy"}
    np.testing.assert_allclose(model.predict(x), model(x), rtol=1e-5, atol=1e-6)
    after = model.get_weights()
    assert not any(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_layers_know_what_they_read_and_return() -> None:
    model = small()
    features = Model(model.input, model.layers[-2].output)
    assert features.weights is model.weights
    x = RANDOM.random((2, 8, 8, 1), np.float32)
    np.testing.assert_array_equal(model.layers[-1](features(x)), model(x))
    assert model.layers[0].input is model.input
    assert features.layers[0].output is features.input
    both = layers.Add()
    a, b = Input((3,)), Input((3,))
    branched = Model([a, b], [both([a, b]), a])
    assert both.input == [a, b] == branched.input
    assert branched.output == [both.output, a]
    unplaced = layers.Flatten()
    with pytest.raises(UsageError, match="Flatten has no input and output before it is part of"):
        _ = unplaced.output


def test_a_layer_keeps_its_place_in_its_first_model() -> None:
    inner = small()
    output = inner.layers[0].output
    outer = Input((8, 8, 1))
    Model(outer, inner(outer))
    assert inner.layers[0].output is output


@pytest.mark.parametrize("axis", [-1, 3])
def test_channels_may_be_named_by_their_number(axis: int) -> None:
    x = Input((8, 8, 4))
    y = layers.BatchNormalization(axis=axis)(x)
    assert layers.concatenate([x, y], axis=axis).shape == (None, 8, 8, 8)
    assert layers.BatchNormalization(axis=1)(Input((5,))).shape == (None, 5)


@pytest.mark.parametrize("make", [layers.BatchNormalization, layers.Concatenate])
def test_other_axes_than_the_channels(make: Any) -> None:
    x = Input((8, 8, 4))
    layer = make(axis=1)
    with pytest.raises(ShapeError, match=r"works along the channels, axis -1, .*; got axis=1\."):
        layer([x, x] if make is layers.Concatenate else x)


def test_tensors_are_shown_without_their_graph() -> None:
    x = Input((3,))
    for _ in range(60):  # 2⁶⁰ ways lead back to the input
        x = layers.add([x, x])
    assert re.fullmatch(r"<SymbolicTensor of shape \(None, 3\) from Add\(.*\)>", repr(x))


def test_short_names() -> None:
    assert layers.MaxPool2D is layers.MaxPooling2D
    assert layers.AvgPool3D is layers.AveragePooling3D
    assert layers.GlobalAvgPool1D is layers.GlobalAveragePooling1D
    assert models.Sequential is Sequential
    x = Input((4, 4, 2))
    assert isinstance(layers.add([x, x], name="sum").layer, layers.Add)
