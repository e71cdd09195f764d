"""Layers called on arrays: values, weights of their own, and errors."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kernelet import layers
from kernelet.errors import DataError, ShapeError, UsageError

RANDOM = np.random.default_rng(5)


def test_textbook_correlation() -> None:
    a = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    w = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    layer = layers.Conv2D(1, 3, use_bias=False)
    pictures = np.array(a, np.float32)[None, :, :, None]
    layer(pictures)
    layer.set_weights([np.array(w)[:, :, None, None]])
    assert layer(pictures)[0, :, :, 0].tolist() == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]


def test_weights_are_made_once_at_the_first_call() -> None:
    layer = layers.Dense(3)
    assert not layer.built
    assert layer.get_weights() == []
    first = layer(np.ones((2, 4)))
    kernel = layer.kernel
    assert kernel.shape == (4, 3)
    assert layer.bias.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(layer(np.ones((2, 4))), first)
    np.testing.assert_allclose(first[0], kernel.sum(axis=0), rtol=1e-6)
    kernel[...] = 1
    assert layer(np.ones((1, 4))).tolist() == [[4, 4, 4]]


def test_another_input_shape_needs_another_layer() -> None:
    layer = layers.Dense(3)
    layer(np.ones((2, 4)))
    with pytest.raises(ShapeError) as raised:
        layer(np.ones((2, 5)))
    assert str(raised.value) == (
        "dense/kernel has shape (4, 3) from an earlier input, and this one needs (5, 3)."
        " Try a layer of its own for this input."
    )


def test_whole_numbers_and_uint8_are_taken_as_they_are() -> None:
    layer = layers.Rescaling(0.5, (1.0, 2.0))
    pictures = np.array([[[[0, 255]]]])
    expected = [[[[1.0, 129.5]]]]
    for dtype in (np.uint8, np.int32, np.int64, np.float32, np.float64):
        assert layer(pictures.astype(dtype)).tolist() == expected


def test_add_and_concatenate() -> None:
    x, y = RANDOM.integers(-9, 9, (2, 3, 4, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(layers.Add()([x, y, x]), x + y + x)
    np.testing.assert_array_equal(layers.Concatenate()([x, y]), np.concatenate([x, y], axis=-1))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.ReLU(), [0.0, 2.0]),
        (layers.ReLU(negative_slope=0.5), [-0.5, 2.0]),
        (layers.LeakyReLU(), [-0.3, 2.0]),
        (layers.Activation("leaky_relu"), [-0.2, 2.0]),
        (layers.Activation("linear"), [-1.0, 2.0]),
        (layers.Activation("tanh"), [np.tanh(-1.0), np.tanh(2.0)]),
        (layers.Softmax(), [1 / (1 + np.exp(3.0)), 1 / (1 + np.exp(-3.0))]),
    ],
    ids=repr,
)
def test_activation(layer: layers.Layer, expected: list[float]) -> None:
    np.testing.assert_allclose(layer([[-1.0, 2.0]])[0], expected, rtol=1e-6)


def test_dropout_and_augmentation_act_in_training_alone() -> None:
    x = np.ones((8, 6, 6, 2), np.float32)
    x[:, 0] = 3
    for layer in (layers.Dropout(0.5), layers.RandomFlip(), layers.RandomTranslation(0.4, 0.4)):
        np.testing.assert_array_equal(layer(x), x)
        assert not np.array_equal(layer(x, training=True), x)
    kept = layers.Dropout(0.75)(np.ones((50, 40)), training=True)
    assert set(np.unique(kept)) == {0.0, 4.0}


def test_batch_normalization_uses_the_batch_in_training_and_running_averages_outside() -> None:
    x = RANDOM.normal(3.0, 2.0, (32, 4, 4, 2)).astype(np.float32)
    layer = layers.BatchNormalization()
    np.testing.assert_allclose(layer(x), x / np.sqrt(1.001), rtol=1e-5)
    # Running averages move in every call in training, as in Keras.
    normal = layer(x, training=True)
    np.testing.assert_allclose(normal.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(normal.std(axis=(0, 1, 2)), 1, rtol=1e-3)
    np.testing.assert_allclose(layer.moving_mean, 0.01 * x.mean(axis=(0, 1, 2)), rtol=1e-4)
    variance = 0.99 + 0.01 * x.var(axis=(0, 1, 2))
    np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-4)
    layer.trainable = False
    frozen = layer(x, training=True)
    np.testing.assert_allclose(frozen, layer(x), rtol=1e-6)
    assert abs(frozen.mean()) > 1


def test_arrays_that_cannot_be_a_batch() -> None:
    with pytest.raises(ShapeError) as raised:
        layers.Dense(3)(np.ones(4))
    assert str(raised.value) == (
        "Dense works on a batch of samples, whose first axis counts them; got an array of shape"
        " (4,). Try x[numpy.newaxis] for a single sample."
    )
    with pytest.raises(ShapeError, match=re.escape("Dense got no samples: an array of shape")):
        layers.Dense(3)(np.ones((0, 4)))
    with pytest.raises(DataError, match="x must hold real numbers, not texts such as 'a'"):
        layers.Dense(3)([["a", "b"]])
    with pytest.raises(ShapeError) as raised:
        layers.Conv2D(3, 3)(np.ones((8, 8, 1)))
    assert str(raised.value) == (
        "Conv2D needs pictures of (height, width, channels), behind an axis that counts them; got"
        " an array of shape (8, 8, 1).\n"
        "  Try x[numpy.newaxis] for a single sample or x[..., numpy.newaxis] where channels are"
        " missing."
    )


def test_weights_before_they_exist() -> None:
    with pytest.raises(UsageError, match="Dense has no weights before"):
        layers.Dense(3).set_weights([])
    with pytest.raises(AttributeError, match="no attribute 'kernel' before its first call"):
        _ = layers.Dense(3).kernel


def test_set_weights_changes_all_or_nothing() -> None:
    layer = layers.Dense(2)
    layer(np.ones((1, 2)))
    before = layer.get_weights()
    with pytest.raises(ShapeError, match=re.escape("dense/bias has shape (2,)")):
        layer.set_weights([np.zeros((2, 2)), np.zeros(3)])
    with pytest.raises(ShapeError, match=re.escape("expected 2 arrays (dense/kernel, dense/bias)")):
        layer.set_weights([np.zeros((2, 2))])
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
