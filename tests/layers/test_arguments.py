"""Arguments that make no sense are refused with a text that says what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernelet import activations, initializers, layers
from kernelet.errors import ConfigurationError
from kernelet.layers import arguments

# For arguments that a type checker would refuse.
ANY: Any = layers

CASES: list[tuple[Callable[[], Any], str]] = [
    (lambda: layers.Conv2D(0, 3), "filters must be an integer of at least 1, not 0."),
    (lambda: layers.Conv2D(True, 3), "filters must be an integer of at least 1, not True."),
    (
        lambda: layers.Conv2D(4, (3, 0)),
        (
            "kernel_size must be an integer of at least 1 or a pair of them (rows, columns),"
            " not (3, 0)."
        ),
    ),
    (
        lambda: layers.Conv2D(4, 3, strides="2"),  # type: ignore[arg-type]
        "strides must be an integer of at least 1 or a pair of them (rows, columns), not '2'.",
    ),
    (
        lambda: ANY.Conv2D(4, 3, strides=1.5),
        "strides must be an integer of at least 1 or a pair of them (rows, columns), not 1.5.",
    ),
    (
        lambda: ANY.Conv2D(4, None),
        "kernel_size must be an integer of at least 1 or a pair of them (rows, columns), not None.",
    ),
    (
        lambda: layers.Conv2D(4, 3, padding="causal"),
        (
            'padding must be "valid", "same", "full", an integer of at least 0, a pair'
            " (rows, columns) or a pair of pairs ((top, bottom), (left, right)), not 'causal'."
        ),
    ),
    (
        lambda: layers.Conv1D(4, (3, 3)),
        "kernel_size must be an integer of at least 1, not (3, 3).",
    ),
    (
        lambda: layers.MaxPooling3D((2, 2)),
        (
            "pool_size must be an integer of at least 1 or three of them (planes, rows, columns),"
            " not (2, 2)."
        ),
    ),
    (
        lambda: layers.Conv1D(4, 3, padding=((1, 2), (3, 4))),
        (
            'padding must be "valid", "same", "full", "causal", an integer of at least 0 or a pair'
            " (before, after), not ((1, 2), (3, 4))."
        ),
    ),
    (
        lambda: layers.Conv3D(4, 3, padding=(1, 2)),
        (
            'padding must be "valid", "same", "full", an integer of at least 0, three of them'
            " (planes, rows, columns) or three pairs ((front, back), (top, bottom), (left, right)),"
            " not (1, 2)."
        ),
    ),
    (
        lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2),
        "output_padding must be from 0 to 1, below the stride of 2, not 2.",
    ),
    (
        lambda: layers.Conv2D(4, 3, data_format="channels_first"),
        (
            "data_format must be None or \"channels_last\", not 'channels_first': pictures are"
            " (height, width, channels); transpose the data with numpy.moveaxis(x, 1, -1)."
        ),
    ),
    (
        lambda: layers.Conv2D(5, 3, groups=2),
        "5 filters do not fall into 2 groups; filters must be a multiple of groups.",
    ),
    (
        lambda: layers.Dense(4, activation="rellu"),
        (
            "there is no activation 'rellu'. Did you mean 'relu'? Known: linear, relu, leaky_relu,"
            " sigmoid, tanh, gelu, silu, softmax, swish."
        ),
    ),
    (
        lambda: layers.Dense(4, kernel_initializer="he_norml"),
        (
            "there is no initializer 'he_norml'. Did you mean 'he_normal'? Known: zeros, ones,"
            " constant, random_uniform, random_normal, glorot_uniform, glorot_normal, he_uniform,"
            " he_normal, lecun_uniform, lecun_normal."
        ),
    ),
    (lambda: layers.Dropout(1.0), "rate must be at least 0 and below 1, not 1.0."),
    (
        lambda: layers.RandomTranslation(float("nan"), 0.1),
        "height_factor must be a finite number, not nan.",
    ),
    (
        lambda: layers.RandomTranslation(0.1, 0.1, "wrap"),  # type: ignore[arg-type]
        "fill_mode must be one of constant, nearest, reflect, not 'wrap'.",
    ),
    (
        lambda: layers.RandomTranslation(0.1, 0.1, fill_value=3.0),
        "fill_value has a meaning with fill_mode=\"constant\" alone, not 'reflect'.",
    ),
    (
        lambda: layers.RandomFlip("sideways"),  # type: ignore[arg-type]
        "mode must be one of horizontal, vertical, horizontal_and_vertical, not 'sideways'.",
    ),
    (
        lambda: layers.BatchNormalization(momentum=1.5),
        "momentum must be from 0 to 1, not 1.5.",
    ),
    (lambda: layers.BatchNormalization(epsilon=0.0), "epsilon must be above 0, not 0.0."),
    (lambda: layers.Softmax(axis=0), "Softmax works along the last axis, -1, not 0."),
    (
        lambda: layers.Rescaling(()),
        "scale must be a number or one number a channel, not empty.",
    ),
    (
        lambda: layers.Reshape((-1, -1)),
        (
            "target_shape is sizes of at least 1, of which one may be -1, and leaves the batch out;"
            " got (-1, -1)."
        ),
    ),
    (
        lambda: layers.Input((28, 0, 1)),
        (
            "an input's shape is one or more sizes of at least 1 and leaves the batch out, for"
            " example (28, 28, 1); got (28, 0, 1)."
        ),
    ),
    (
        lambda: layers.Dense(4, name="a/b"),
        "a layer's name is made of letters, digits, '_', '.' and '-', not 'a/b'.",
    ),
    (
        lambda: initializers.RandomUniform(1.0, 0.0),
        "minval 1.0 is above maxval 0.0.",
    ),
]


@pytest.mark.parametrize(("make", "text"), CASES, ids=[text[:40] for _, text in CASES])
def test_wrong_argument(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{re.escape(text)}$"):
        make()


@pytest.mark.parametrize(
    ("given", "axes", "normal"),
    [
        ("Same", 2, "same"),
        (0, 2, ((0, 0), (0, 0))),
        ((1, 2), 2, ((1, 1), (2, 2))),
        (((0, 1), (2, 3)), 2, ((0, 1), (2, 3))),
        ([[0, 1], 2], 2, ((0, 1), (2, 2))),
        (3, 1, ((3, 3),)),
        ((2, 0), 1, ((2, 0),)),
        ([[2, 0]], 1, ((2, 0),)),
        ((2,), 1, ((2, 2),)),
        ((0, 1, (2, 3)), 3, ((0, 0), (1, 1), (2, 3))),
    ],
)
def test_padding_has_one_form(given: Any, axes: int, normal: Any) -> None:
    assert arguments.padding(given, axes) == normal


def test_activation_functions_stand_for_their_names() -> None:
    assert layers.Dense(3, activation=activations.relu).activation == "relu"
    assert layers.Dense(3, activation="swish").activation == "silu"
    assert layers.Dense(3).activation is None


def test_numbers_of_numpy_are_numbers() -> None:
    layer = layers.Conv2D(np.int64(4), (np.int32(3), 3), strides=np.uint8(2))  # type: ignore[arg-type]
    assert layer.config() == layers.Conv2D(4, (3, 3), strides=2).config()
    assert type(layers.Dense(np.max([3, 9])).units) is int
    assert layers.Dropout(np.float64(0.5)).rate == 0.5


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ANY.Dense(3, unit=4),
            (
                "Dense has no argument 'unit'. Did you mean 'units'? Known: units, activation,"
                " use_bias, kernel_initializer, bias_initializer, name, trainable, input_shape."
            ),
        ),
        (
            lambda: ANY.Dropout(0.5, kernel_regularizer="l2"),
            (
                "Dropout has no argument 'kernel_regularizer'. Known: rate, name, trainable,"
                " input_shape.\n  Try weight_decay in the optimizer, for example AdamW."
            ),
        ),
        (
            lambda: ANY.Flatten(input_dim=4),
            (
                "Flatten has no argument 'input_dim'. Known: data_format, name, trainable,"
                " input_shape.\n"
                "  Try input_shape=(…,), or an Input in front."
            ),
        ),
        (
            lambda: ANY.Input(784),
            (
                "an input's shape is one or more sizes of at least 1 and leaves the batch out,"
                " for example (28, 28, 1); got 784.\n  Try Input((784,))."
            ),
        ),
        (
            lambda: ANY.Input((None, 28, 28, 1)),
            (
                "an input's shape is one or more sizes of at least 1 and leaves the batch out,"
                " for example (28, 28, 1); got (None, 28, 28, 1).\n  Try Input((28, 28, 1))."
            ),
        ),
        (
            lambda: ANY.Input((28, None, 1)),
            (
                "an input's shape is one or more sizes of at least 1 and leaves the batch out,"
                " for example (28, 28, 1); got (28, None, 1).\n  Try sizes in place of None: a"
                " network is made for inputs of one size."
            ),
        ),
        (
            lambda: ANY.Input("28x28"),
            (
                "an input's shape is one or more sizes of at least 1 and leaves the batch out,"
                " for example (28, 28, 1); got '28x28'."
            ),
        ),
    ],
    ids=["misspelt", "regularizer", "input_dim", "one number", "batch", "any size", "text"],
)
def test_arguments_that_do_not_exist_or_make_no_sense(make: Any, text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert str(raised.value) == text
