"""Samples one by one: the bits of blocks of samples, in whatever way threads share the work."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

import kernelet as kl
from kernelet import _engine
from kernelet.executors.base import Run
from kernelet.executors.native import TARGET, NativeExecutor
from kernelet.executors.reference import ReferenceExecutor
from kernelet.model import Model
from kernelet.ops.dense import MatrixProduct
from kernelet.plan.single import SingleSamples
from kernelet.plan.storage import SampleBlocks, Storage
from kernelet.program import Program
from kernelet.training.programs import prediction_program
from levels import LEVELS


def lenet() -> Model:
    return kl.networks.lenet5()


def many_kinds() -> Model:
    """Strides, dilation, groups, odd channels, normalisation and every kind of activation."""
    return kl.Sequential(
        [
            kl.Input((13, 11, 5)),
            kl.Rescaling(1 / 255, offset=-0.5),
            kl.Conv2D(7, 3, strides=2, padding="same", activation="gelu"),
            kl.BatchNormalization(),
            kl.Conv2D(40, (2, 3), dilation_rate=(1, 2), padding="same", activation="leaky_relu"),
            kl.AveragePooling2D(2, strides=1, padding="same"),
            kl.Conv2D(48, 1, groups=4, activation="silu"),
            kl.Activation("sigmoid"),
            kl.Conv2D(35, 1, use_bias=False),
            kl.GlobalAveragePooling2D(),
            kl.Dense(33, activation="tanh"),
            kl.Dense(150, activation="relu"),
            kl.Dense(5, activation="softmax"),
        ]
    )


def branches() -> Model:
    x = kl.Input((9, 9, 3))
    wide = kl.Conv2D(24, 3, padding="same", activation="relu")(x)
    summed = kl.Add()([wide, kl.Conv2D(24, 1)(x)])
    joined = kl.Concatenate()([summed, kl.MaxPooling2D(3, strides=1, padding="same")(wide), x])
    return kl.Model(x, [kl.Dense(4)(kl.Flatten()(kl.Conv2D(17, 3)(joined))), joined])


def inputs_and_what_follows() -> Model:
    """Outputs are the input as it is, rescaled, and what a convolution makes of that."""
    x = kl.Input((8, 9, 3))
    flipped = kl.RandomFlip()(x)
    scaled = kl.Rescaling(1 / 255)(flipped)
    return kl.Model(x, [flipped, scaled, kl.Conv2D(5, 3)(scaled)])


def sequences() -> Model:
    return kl.Sequential(
        [kl.Input((37, 3)), kl.Conv1D(20, 5), kl.MaxPooling1D(3), kl.Flatten(), kl.Dense(3)]
    )


def volumes() -> Model:
    return kl.Sequential(
        [
            kl.Input((6, 7, 8, 2)),
            kl.Conv3D(18, 3, padding="same", activation="relu"),
            kl.MaxPooling3D(),
            kl.Flatten(),
            kl.Dense(3),
        ]
    )


def reshaped() -> Model:
    """Channels become cells and cells channels, with the same padding and with another."""
    return kl.Sequential(
        [
            kl.Input((4, 4, 3)),
            kl.Conv2D(32, 1, activation="relu"),
            kl.Reshape((8, 4, 16)),
            kl.Conv2D(16, 3, padding="same"),
            kl.Reshape((32, 16)),
            kl.MaxPooling1D(2),
            kl.Softmax(),
            kl.Reshape((8, 32)),
            kl.BatchNormalization(),
            kl.Conv1D(5, 2),
            kl.Flatten(),
            kl.Dense(7),
        ]
    )


def normalized() -> Model:
    """Normalisations behind products with and without bias, sums and pooling."""
    x = kl.Input((9, 9, 3))
    wide = kl.ReLU()(kl.BatchNormalization()(kl.Conv2D(36, 3, padding="same")(x)))
    narrow = kl.Conv2D(36, 1, groups=3, use_bias=False)(wide)
    narrow = kl.BatchNormalization(scale=False)(narrow)
    summed = kl.Activation("gelu")(kl.Add()([wide, narrow]))
    pooled = kl.BatchNormalization(center=False)(kl.MaxPooling2D()(summed))
    dense = kl.Dense(21)(kl.Flatten()(kl.Activation("tanh")(pooled)))
    return kl.Model(x, kl.ReLU(negative_slope=0.2)(kl.BatchNormalization()(dense)))


def enlarged() -> Model:
    """A transposed convolution, and reshapes between cells padded in different ways."""
    return kl.Sequential(
        [
            kl.Input((4, 4, 3)),
            kl.Conv2DTranspose(6, 3, strides=2, activation="relu"),
            kl.Reshape((27, 18)),
            kl.MaxPooling1D(3),
            kl.Reshape((9, 6, 3)),
            kl.Conv2DTranspose(20, 2),
        ]
    )


def enlarging() -> Model:
    """Gradients by the input, as transposed convolutions have them, with and without strides."""
    return kl.Sequential(
        [
            kl.Input((5, 4, 3)),
            kl.Conv2D(32, 1, activation="relu"),
            kl.Conv2DTranspose(20, (3, 4), strides=(2, 3), activation="silu"),
            kl.BatchNormalization(),
            kl.Conv2DTranspose(36, 2, strides=3, padding="same"),
            kl.Conv2DTranspose(7, 3, dilation_rate=2, use_bias=False),
            kl.Flatten(),
            kl.Dense(3),
        ]
    )


def many_channels() -> Model:
    """Products by Winograd's algorithm, of convolutions and of gradients by the input."""
    return kl.Sequential(
        [
            kl.Input((18, 18, 3)),
            kl.Conv2D(40, 3, padding="same"),
            kl.Conv2D(50, 3, padding="same", activation="relu"),
            kl.Conv2DTranspose(40, 3, activation="tanh"),
            kl.MaxPooling2D(),
            kl.Flatten(),
            kl.Dense(300),
        ]
    )


def many_filters() -> Model:
    """Products by Winograd's algorithm, whose filters threads share instead of its tiles."""
    return kl.Sequential(
        [
            kl.Input((8, 8, 70)),
            kl.Conv2D(100, 3, padding="same", activation="gelu"),
            kl.BatchNormalization(),
            kl.Conv2DTranspose(70, 3, padding="same", activation="leaky_relu"),
            kl.Flatten(),
            kl.Dense(3),
        ]
    )


def many_weights() -> Model:
    """Dense layers whose weights all samples meet at once, for few outputs and for many."""
    return kl.Sequential(
        [
            kl.Input((30, 30, 5)),
            kl.Flatten(),
            kl.Dense(40, use_bias=False),
            kl.BatchNormalization(),
            kl.Dense(4000, activation="gelu"),
            kl.Reshape((50, 80)),
            kl.Flatten(),
            kl.Dense(35, activation="relu"),
        ]
    )


def narrow_groups() -> Model:
    """Groups of few channels and filters, which share vectors or cannot."""
    return kl.Sequential(
        [
            kl.Input((9, 7, 12)),
            kl.Conv2D(48, 3, groups=12, padding="same", activation="relu"),
            kl.Conv2D(64, (3, 2), groups=16, dilation_rate=(1, 2)),
            kl.Conv2D(40, 1, groups=8, activation="gelu"),
            kl.Conv2D(30, 3, groups=10, strides=2, padding="same"),
            kl.Conv2D(21, 3, groups=3, padding="same", use_bias=False),
        ]
    )


def few_outputs() -> Model:
    """Dense layers whose inputs are summed in parts, near weights and some from further away."""
    x = kl.Input((20, 20, 3))
    maps = kl.Conv2D(35, 3, activation="relu")(x)
    near = kl.Dense(27)(kl.Flatten()(kl.MaxPooling2D(4)(maps)))
    return kl.Model(x, [kl.Dense(12)(kl.Flatten()(maps)), near, kl.Dense(25)(kl.Flatten()(maps))])


NETWORKS = pytest.mark.parametrize(
    "network",
    [
        lenet,
        many_kinds,
        branches,
        inputs_and_what_follows,
        sequences,
        volumes,
        reshaped,
        normalized,
        enlarged,
        enlarging,
        many_channels,
        many_filters,
        many_weights,
        few_outputs,
        narrow_groups,
    ],
)


def with_random_weights(model: Model) -> Model:
    generator = np.random.default_rng(3)
    model.set_weights(
        [
            # Variances must be above zero.
            (np.abs if w.ndim == 1 else np.asarray)(generator.normal(0, 0.3, w.shape)) + 0.01
            for w in model.get_weights()
        ]
    )
    return model


def predicted(
    program: Program, model: Model, x: NDArray[np.generic], storage: Storage, isa: str, threads: int
) -> list[NDArray[np.float32]]:
    executor = NativeExecutor(
        program, len(x), model.weights.state(), isa=isa, threads=threads, storage=storage
    )
    outputs = {
        name: np.full((len(x), *value.shape), np.nan, np.float32)
        for name, value in program.outputs.items()
    }
    executor.run(Run(dict.fromkeys(program.inputs, x), np.arange(len(x))[::-1], outputs))
    return list(outputs.values())


@NETWORKS
@LEVELS
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_bits_are_those_of_blocks(network: Callable[[], Model], isa: str, dtype: str) -> None:
    model = with_random_weights(network())
    program = prediction_program(model.graph)
    for samples in (1, 2, 5):
        generator = np.random.default_rng(samples)
        x = generator.integers(0, 256, (samples, *model.inputs[0].sample_shape)).astype(dtype)
        wanted = predicted(program, model, x, SampleBlocks(TARGET, alone=True), isa, 1)
        for spread, threads in product((False, True), (1, 2, 5)):
            alone = SingleSamples(
                program, TARGET.lanes, spread=spread, batch_size=samples, threads=threads
            )
            for storage in (alone, SampleBlocks(TARGET, alone=True, spread=spread)):
                got = predicted(program, model, x, storage, isa, threads)
                for have, want in zip(got, wanted, strict=True):
                    np.testing.assert_array_equal(have, want)


@LEVELS
@pytest.mark.parametrize("network", [many_weights, few_outputs])
def test_threads_that_share_many_samples_change_no_bit(
    network: Callable[[], Model], isa: str
) -> None:
    model = with_random_weights(network())
    program = prediction_program(model.graph)
    x = np.random.default_rng(4).random((25, *model.inputs[0].sample_shape), np.float32)
    wanted = predicted(program, model, x, SampleBlocks(TARGET, alone=True), isa, 1)
    for threads in (1, 2, 3):
        storage = SingleSamples(
            program, TARGET.lanes, spread=False, batch_size=len(x), threads=threads
        )
        parts = {
            storage.candidate(node).arguments(node).get("parts", 0)
            for node in program.nodes
            if isinstance(node.op, MatrixProduct)
        }
        assert max(parts) == threads
        got = predicted(program, model, x, storage, isa, threads)
        for have, want in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(have, want)


@NETWORKS
def test_predictions_are_close_to_float64(network: Callable[[], Model]) -> None:
    model = with_random_weights(network())
    program = prediction_program(model.graph)
    x = np.random.default_rng(0).integers(0, 256, (2, *model.inputs[0].sample_shape))
    exact = {
        name: np.zeros((2, *value.shape), np.float32) for name, value in program.outputs.items()
    }
    run = Run({name: x.astype(np.float32) for name in program.inputs}, np.arange(2)[::-1], exact)
    ReferenceExecutor(program, 2, model.weights.state()).run(run)
    storage = SingleSamples(program, TARGET.lanes, spread=True)
    got = predicted(program, model, x.astype(np.float32), storage, _engine.resolve_isa(None), 2)
    for have, want in zip(got, exact.values(), strict=True):
        assert np.linalg.norm(have - want) <= 1e-5 * np.linalg.norm(want)


def test_predictions_do_not_depend_on_the_batch() -> None:
    model = with_random_weights(lenet())
    x = np.random.default_rng(0).random((70, 28, 28, 1), np.float32)
    together = model.predict(x, batch_size=70)
    for batch_size in (1, 3, 16, 33):
        np.testing.assert_array_equal(model.predict(x, batch_size=batch_size), together)
    np.testing.assert_array_equal(model(x[:1]), together[:1])


@pytest.mark.parametrize(
    ("network", "by_panels"), [(many_channels, [0, 0]), (many_filters, [1, 1])]
)
def test_winograds_algorithm_is_among_these_networks(
    network: Callable[[], Model], by_panels: list[int]
) -> None:
    program = prediction_program(network().graph)
    storage = SingleSamples(program, TARGET.lanes, spread=True)
    multiplied = [node for node in program.nodes if node.cost.multiply_adds]
    steps = [(storage.candidate(node), node) for node in multiplied]
    shared = [
        candidate.arguments(node)["by_panels"]
        for candidate, node in steps
        if candidate.kernel == "winograd_single"
    ]
    assert shared == by_panels
    assert all(candidate.pieces(node, TARGET) > 1 for candidate, node in steps[:-1])
