"""Output shapes, and what is said where shapes do not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from kernelet import layers
from kernelet.errors import ShapeError, UsageError
from kernelet.layers import Input

SHAPES: list[tuple[layers.Layer, tuple[int, ...], tuple[int, ...]]] = [
    (layers.Conv2D(6, 5), (28, 28, 1), (24, 24, 6)),
    (layers.Conv2D(6, 5, padding="same"), (28, 27, 1), (28, 27, 6)),
    (layers.Conv2D(6, 5, padding="full"), (28, 28, 1), (32, 32, 6)),
    (layers.Conv2D(6, (3, 1), strides=(2, 1), padding="same"), (9, 9, 2), (5, 9, 6)),
    (layers.Conv2D(4, 3, dilation_rate=2), (9, 9, 2), (5, 5, 4)),
    (layers.Conv2D(4, 3, padding=((1, 0), (2, 2))), (9, 9, 2), (8, 11, 4)),
    (layers.Conv1D(6, 5, strides=2), (28, 1), (12, 6)),
    (layers.Conv1D(6, 3, padding="causal", dilation_rate=4), (28, 2), (28, 6)),
    (layers.Conv1D(6, 5, padding=(4, 0)), (28, 1), (28, 6)),
    (layers.Conv3D(6, (1, 3, 5)), (8, 8, 8, 2), (8, 6, 4, 6)),
    (layers.Conv3D(6, 3, padding=((1, 0), 0, (0, 2))), (8, 8, 8, 2), (7, 6, 8, 6)),
    # Keras: (n − 1)·s + k, at least n·s; n·s; (n − 1)·s + k mod 2 + output_padding.
    (layers.Conv2DTranspose(6, 3, strides=2), (7, 8, 2), (15, 17, 6)),
    (layers.Conv2DTranspose(6, 2, strides=(3, 1)), (7, 8, 2), (21, 9, 6)),
    (layers.Conv2DTranspose(6, 3, strides=2, padding="same"), (7, 8, 2), (14, 16, 6)),
    (
        layers.Conv2DTranspose(6, 3, strides=2, padding="same", output_padding=(0, 1)),
        (7, 8, 2),
        (13, 16, 6),
    ),
    (layers.Conv2DTranspose(6, 3, strides=3, output_padding=1), (7, 8, 2), (22, 25, 6)),
    (layers.Conv2DTranspose(6, 3, 2, 1, output_padding=1), (7, 8, 2), (14, 16, 6)),
    (layers.Conv2DTranspose(6, 3, padding="full"), (7, 8, 2), (5, 6, 6)),
    (layers.Conv1DTranspose(6, 4, strides=2, padding="same"), (9, 2), (18, 6)),
    (layers.Conv1DTranspose(6, 2, dilation_rate=3, padding=(2, 1)), (9, 2), (9, 6)),
    (layers.Conv3DTranspose(6, 2, strides=(1, 2, 2)), (4, 5, 6, 2), (5, 10, 12, 6)),
    (layers.MaxPooling1D(), (100, 3), (50, 3)),
    (layers.AveragePooling1D(3, 1, padding="same"), (100, 3), (100, 3)),
    (layers.MaxPooling3D((1, 2, 2)), (5, 6, 7, 3), (5, 3, 3, 3)),
    (layers.AveragePooling3D(2), (5, 6, 7, 3), (2, 3, 3, 3)),
    (layers.GlobalAveragePooling1D(), (7, 64), (64,)),
    (layers.GlobalMaxPooling3D(keepdims=True), (7, 5, 3, 64), (1, 1, 1, 64)),
    (layers.MaxPooling2D(), (100, 100, 3), (50, 50, 3)),
    (layers.MaxPooling2D(3, strides=2, padding="same"), (7, 8, 3), (4, 4, 3)),
    (layers.AveragePooling2D((2, 3)), (8, 9, 3), (4, 3, 3)),
    (layers.GlobalAveragePooling2D(), (7, 5, 64), (64,)),
    (layers.GlobalMaxPooling2D(keepdims=True), (7, 5, 64), (1, 1, 64)),
    (layers.Flatten(), (5, 5, 16), (400,)),
    (layers.Flatten(), (400,), (400,)),
    (layers.Reshape((28, 28, -1)), (784,), (28, 28, 1)),
    (layers.Dense(10), (84,), (10,)),
    (layers.Activation("gelu"), (4, 4, 2), (4, 4, 2)),
    (layers.ReLU(), (4,), (4,)),
    (layers.LeakyReLU(), (4,), (4,)),
    (layers.Softmax(), (4,), (4,)),
    (layers.Dropout(0.5), (4,), (4,)),
    (layers.BatchNormalization(), (4, 4, 2), (4, 4, 2)),
    (layers.Rescaling((1.0, 2.0), 0.5), (4, 4, 2), (4, 4, 2)),
    (layers.RandomFlip(), (4, 4, 2), (4, 4, 2)),
    (layers.RandomTranslation(0.1, 0.1), (4, 4, 2), (4, 4, 2)),
]


@pytest.mark.parametrize(("layer", "given", "expected"), SHAPES, ids=lambda case: repr(case))
def test_output_shape(
    layer: layers.Layer, given: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert layer(Input(given)).shape == (None, *expected)


def _lenet_before_conv3() -> Any:
    x = layers.Conv2D(6, 5, name="conv1")(Input((28, 28, 1)))
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.Conv2D(16, 5, name="conv2")(x)
    return layers.MaxPooling2D(name="pool2")(x)


PROBLEMS: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: layers.Conv2D(32, 5, name="conv3")(_lenet_before_conv3()),
        (
            "Conv2D 'conv3': kernel 5×5 does not fit its 4×4 input (valid: 4 − 5 + 1 = 0).\n"
            "  28×28 → conv1 24×24 → pool1 12×12 → conv2 8×8 → pool2 4×4 → conv3\n"
            '  Try padding="same", a kernel of at most 4, or leave out pool2.'
        ),
    ),
    (
        lambda: layers.Conv2D(3, 3, dilation_rate=2)(
            layers.Conv2D(4, 3, strides=3)(Input((12, 12, 1)))
        ),
        (
            "Conv2D 'conv2d_1': kernel 3×3 dilated to 5×5 does not fit its 4×4 input"
            " (valid: 4 − 5 + 1 = 0).\n"
            "  12×12 → conv2d 4×4 → conv2d_1\n"
            '  Try padding="same", a kernel of at most 2, or strides=1 in conv2d.'
        ),
    ),
    (
        lambda: layers.MaxPooling2D(3)(Input((2, 8, 1))),
        (
            "MaxPooling2D 'max_pooling2d': pool 3×3 does not fit its 2×8 input"
            " (valid: 2 − 3 + 1 = 0).\n"
            "  2×8 → max_pooling2d\n"
            '  Try padding="same" or a pool of at most 2.'
        ),
    ),
    (
        lambda: layers.Conv1D(3, 9, name="second")(
            layers.MaxPooling1D(2, name="half")(layers.Conv1D(4, 3, name="first")(Input((16, 1))))
        ),
        (
            "Conv1D 'second': kernel 9 does not fit its input of 7 (valid: 7 − 9 + 1 = -1).\n"
            "  16×1 → first 14×4 → half 7×4 → second\n"
            '  Try padding="same", a kernel of at most 7, or leave out half.'
        ),
    ),
    (
        lambda: layers.MaxPooling3D((1, 2, 9))(Input((4, 8, 8, 1))),
        (
            "MaxPooling3D 'max_pooling3d': pool 1×2×9 does not fit its 4×8×8 input"
            " (valid: 8 − 9 + 1 = 0).\n"
            "  4×8×8 → max_pooling3d\n"
            '  Try padding="same" or a pool of at most 1×2×8.'
        ),
    ),
    (
        lambda: layers.Conv2DTranspose(3, 3, padding=2)(Input((2, 4, 1))),
        (
            "Conv2DTranspose 'conv2d_transpose': the padding leaves nothing of its output"
            " ((2 − 1) · 1 + 3 − 4 = 0; (4 − 1) · 1 + 3 − 4 = 2).\n"
            "  2×4 → conv2d_transpose\n"
            '  Try padding="same".'
        ),
    ),
    (
        lambda: layers.Conv1D(4, 3)(Input((28,))),
        (
            "Conv1D 'conv1d': needs sequences of (length, channels), got 28 numbers.\n"
            "  28 → conv1d\n"
            "  Try x[..., numpy.newaxis] for sequences of one channel."
        ),
    ),
    (
        lambda: layers.Conv3D(4, 3)(Input((8, 8, 8))),
        (
            "Conv3D 'conv3d': needs volumes of (depth, height, width, channels), got (8, 8, 8).\n"
            "  8×8 → conv3d\n"
            "  Try x[..., numpy.newaxis] for volumes of one channel or a Reshape layer in front"
            " of it."
        ),
    ),
    (
        lambda: layers.Dense(10)(Input((5, 5, 16))),
        (
            "Dense 'dense': needs one row of numbers a sample, got (5, 5, 16).\n"
            "  5×5 → dense\n"
            "  Try a Flatten or GlobalAveragePooling2D layer in front of it."
        ),
    ),
    (
        lambda: layers.Conv2D(4, 3)(Input((28, 28))),
        (
            "Conv2D 'conv2d': needs pictures of (height, width, channels), got (28, 28).\n"
            "  28×28 → conv2d\n"
            "  Try x[..., numpy.newaxis] for grey pictures or a Reshape layer in front of it."
        ),
    ),
    (
        lambda: layers.Conv2D(4, 3, groups=2)(Input((8, 8, 3))),
        (
            "Conv2D 'conv2d': 3 input channels do not fall into 2 groups.\n"
            "  8×8 → conv2d\n"
            "  Try groups=1."
        ),
    ),
    (
        lambda: layers.Add(name="sum")([Input((8, 8, 3)), Input((8, 8, 4))]),
        (
            "Add 'sum': needs inputs of one shape, got (8, 8, 3) and (8, 8, 4).\n"
            "  8×8 → sum\n"
            "  Try Conv2D(4, 1) behind the branch of 3 channels."
        ),
    ),
    (
        lambda: layers.Add(name="sum")(
            [
                layers.Conv2D(4, 3, name="valid")(Input((8, 8, 3))),
                layers.MaxPooling2D(name="half")(Input((8, 8, 4))),
            ]
        ),
        (
            "Add 'sum': needs inputs of one shape, got (6, 6, 4) and (4, 4, 4).\n"
            "  8×8 → valid 6×6 → sum\n"
            "  8×8 → half 4×4 → sum\n"
            '  Try padding="same" and equal strides in all branches.'
        ),
    ),
    (
        lambda: layers.Add()([Input((8,)), Input((6,))]),
        (
            "Add 'add': needs inputs of one shape, got 8 numbers and 6 numbers.\n"
            "  8 → add\n"
            "  6 → add\n"
            "  Try Dense(8) behind the branch of 6 numbers."
        ),
    ),
    (
        lambda: layers.Add()([Input((8, 8, 3)), Input((8,))]),
        (
            "Add 'add': needs inputs of one shape, got (8, 8, 3) and 8 numbers.\n"
            "  8×8 → add\n"
            "  8 → add\n"
            "  Try a Flatten, Reshape or global pooling layer in the branch with more axes."
        ),
    ),
    (
        lambda: layers.Conv2D(3, 3)(Input((32, 28, 28, 1))),
        (
            "Conv2D 'conv2d': needs pictures of (height, width, channels), got (32, 28, 28, 1).\n"
            "  32×28×28 → conv2d\n"
            "  Try Input((28, 28, 1)), which leaves the batch out."
        ),
    ),
    (
        lambda: layers.Conv2D(3, 5)(Input((4, 2, 1))),
        (
            "Conv2D 'conv2d': kernel 5×5 does not fit its 4×2 input"
            " (valid: 4 − 5 + 1 = 0; 2 − 5 + 1 = -2).\n"
            "  4×2 → conv2d\n"
            '  Try padding="same" or a kernel of at most 2.'
        ),
    ),
    (
        lambda: layers.MaxPooling2D(name="last")(
            layers.MaxPooling2D(name="first")(Input((3, 2, 1)))
        ),
        (
            "MaxPooling2D 'last': pool 2×2 does not fit its 1×1 input (valid: 1 − 2 + 1 = 0).\n"
            "  3×2 → first 1×1 → last\n"
            '  Try padding="same", leave it out, or leave out first.'
        ),
    ),
    (
        lambda: layers.Add()([Input((8,))]),
        "Add 'add': needs a list of at least two inputs, got one.\n  8 → add",
    ),
    (
        lambda: layers.Dense(3)([Input((8,)), Input((8,))]),
        (
            "Dense 'dense': takes one input, got 2.\n"
            "  8 → dense\n"
            "  Try Concatenate or Add in front of it."
        ),
    ),
    (
        lambda: layers.Concatenate()([Input((8, 8, 3)), Input((4, 4, 3))]),
        (
            "Concatenate 'concatenate': needs inputs that differ in their channels alone,"
            " got (8, 8, 3) and (4, 4, 3).\n"
            "  8×8 → concatenate\n"
            "  4×4 → concatenate\n"
            '  Try padding="same" and equal strides in all branches.'
        ),
    ),
    (
        lambda: layers.Reshape((5, 5))(Input((24,))),
        (
            "Reshape 'reshape': 24 numbers do not fill the shape (5, 5).\n"
            "  24 → reshape\n"
            "  Try -1 in place of the size that should be worked out."
        ),
    ),
    (
        lambda: layers.Rescaling((1.0, 2.0))(Input((4, 4, 3))),
        (
            "Rescaling 'rescaling': scale has 2 numbers for 3 channels.\n"
            "  4×4 → rescaling\n"
            "  Try one number for all channels or 3 numbers."
        ),
    ),
]


@pytest.mark.parametrize(("make", "text"), PROBLEMS, ids=[text[:40] for _, text in PROBLEMS])
def test_shapes_that_do_not_fit(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ShapeError) as raised:
        make()
    assert str(raised.value) == text


Chain = list[tuple[type[layers.Layer], dict[str, Any]]]

# Chains whose last layer does not fit, and the earlier layer that is to blame, where one is.
CHAINS: list[tuple[tuple[int, ...], Chain, str]] = [
    (
        (28, 28, 1),
        [
            (layers.Conv2D, {"filters": 6, "kernel_size": 5, "name": "conv1"}),
            (layers.MaxPooling2D, {"name": "pool1"}),
            (layers.Conv2D, {"filters": 6, "kernel_size": 5, "name": "conv2"}),
            (layers.MaxPooling2D, {"name": "pool2"}),
            (layers.Conv2D, {"filters": 6, "kernel_size": 5, "name": "conv3"}),
        ],
        "leave out pool2",
    ),
    (  # The pooling that shrank most is not the last one.
        (40, 40, 1),
        [
            (layers.MaxPooling2D, {"pool_size": 5, "name": "large"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 3, "name": "conv"}),
            (layers.MaxPooling2D, {"pool_size": 2, "name": "small"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 5, "name": "last"}),
        ],
        "leave out large",
    ),
    (  # Neither stride alone leaves enough, the pooling does.
        (40, 40, 1),
        [
            (layers.Conv2D, {"filters": 2, "kernel_size": 3, "strides": 2, "name": "one"}),
            (layers.MaxPooling2D, {"pool_size": 4, "name": "pool"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 3, "strides": 2, "name": "two"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 7, "name": "last"}),
        ],
        "leave out pool",
    ),
    (  # A convolution of stride 1 shrank the picture last, and is not to blame.
        (20, 20, 1),
        [
            (layers.Conv2D, {"filters": 2, "kernel_size": 3, "strides": 2, "name": "strided"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 5, "name": "plain"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 6, "name": "last"}),
        ],
        "strides=1 in strided",
    ),
    (  # No single change of an earlier layer is enough.
        (16, 16, 1),
        [
            (layers.AveragePooling2D, {"name": "one"}),
            (layers.AveragePooling2D, {"name": "two"}),
            (layers.Conv2D, {"filters": 2, "kernel_size": 9, "name": "last"}),
        ],
        "",
    ),
    (
        (30, 14, 1),
        [
            (layers.MaxPooling2D, {"pool_size": (1, 2), "name": "narrow"}),
            (layers.MaxPooling2D, {"pool_size": (2, 1), "name": "flat"}),
            (
                layers.Conv2D,
                {"filters": 2, "kernel_size": 5, "dilation_rate": 2, "name": "last"},
            ),
        ],
        "leave out narrow",
    ),
    (
        (33, 2),
        [
            (layers.Conv1D, {"filters": 2, "kernel_size": 3, "strides": 4, "name": "strided"}),
            (layers.MaxPooling1D, {"pool_size": 12, "padding": 1, "name": "last"}),
        ],
        "strides=1 in strided",
    ),
]


def _built(shape: tuple[int, ...], chain: Chain) -> Any:
    x = Input(shape)
    for cls, arguments in chain:
        x = cls(**arguments)(x)
    return x


def _changed(chain: Chain, number: int, **arguments: Any) -> Chain:
    cls, own = chain[number]
    return [*chain[:number], (cls, own | arguments), *chain[number + 1 :]]


@pytest.mark.parametrize(("shape", "chain", "culprit"), CHAINS, ids=[c[2] for c in CHAINS])
def test_every_repair_that_is_named_works(
    shape: tuple[int, ...], chain: Chain, culprit: str
) -> None:
    with pytest.raises(ShapeError) as raised:
        _built(shape, chain)
    *_, line = str(raised.value).split("\n")
    repairs = re.split(r", or |, | or ", line.removeprefix("  Try ").removesuffix("."))
    assert [repair for repair in repairs if re.match("leave|strides", repair)] == [culprit][
        : bool(culprit)
    ]
    names = [arguments["name"] for _, arguments in chain]
    for repair in repairs:
        match repair.split():
            case ['padding="same"']:
                assert _built(shape, _changed(chain, -1 % len(chain), padding="same"))
            case ["a", "kernel" | "pool" as noun, "of", "at", "most", size]:
                argument = {"kernel": "kernel_size", "pool": "pool_size"}[noun]
                last = len(chain) - 1
                assert _built(shape, _changed(chain, last, **{argument: int(size)}))
                with pytest.raises(ShapeError):
                    _built(shape, _changed(chain, last, **{argument: int(size) + 1}))
            case ["leave", "out", name]:
                assert _built(shape, [part for part in chain if part[1]["name"] != name])
            case ["strides=1", "in", name]:
                assert _built(shape, _changed(chain, names.index(name), strides=1))
            case _:
                pytest.fail(f"an unknown repair: {repair}")


def test_repairs_in_a_branch_are_tried_with_the_other_branch() -> None:
    """Without its pooling the branch would fit the convolution, but no longer the sum."""
    x = Input((8, 8, 1))
    half = layers.MaxPooling2D(name="half")(x)
    both = layers.Add(name="both")([half, layers.Conv2D(1, 5, name="conv")(x)])
    with pytest.raises(ShapeError) as raised:
        layers.Conv2D(1, 5, name="last")(both)
    assert str(raised.value).endswith('  Try padding="same" or a kernel of at most 4.')


def test_symbolic_and_real_inputs_do_not_mix() -> None:
    with pytest.raises(UsageError, match="wrap constants in an Input"):
        layers.Add()([Input((3,)), [[1.0, 2.0, 3.0]]])  # type: ignore[list-item]
